"""A real containerd on a node, with its own root, state and socket, and an image that needs no registry."""

import glob
import json
import os
import subprocess
import tempfile

from .case import eventually
from .image import write_image

IMAGE = "localhost/warrens-test:1"
SOCKET = "/run/containerd/containerd.sock"
PLUGIN_DIRECTORY, CONFIGURATION_DIRECTORY = "/opt/cni/bin", "/etc/cni/net.d"
LOG = "/run/containerd.log"

CONFIGURATION = f"""
version = 2
root = "/run/containerd.root"
state = "/run/containerd"

[grpc]
  address = "{SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{IMAGE}"
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
"""


class Containerd:
    """containerd, started on a node. Its containers live in the node's process namespace and die with it.

    plugins, lists: where it looks for CNI plugins and conflists.
    """

    def __init__(self, node, plugins=PLUGIN_DIRECTORY, lists=CONFIGURATION_DIRECTORY):
        self.node, self.lists = node, lists
        # Control groups are the one thing that sandboxes share: a name of our own keeps parallel suites apart.
        self.namespace = f"warrens-{os.getpid()}-{node.name}"
        sweep()
        for plugin in os.listdir("/usr/lib/cni"):
            if not node.exists(f"{plugins}/{plugin}"):
                os.makedirs(node.path(plugins), exist_ok=True)
                os.symlink(f"/usr/lib/cni/{plugin}", node.path(f"{plugins}/{plugin}"))
        os.makedirs(node.path(lists), exist_ok=True)
        directories = f'  bin_dir = "{plugins}"\n  conf_dir = "{lists}"\n'
        node.write("/etc/containerd/config.toml", CONFIGURATION + directories)
        with open(node.path(LOG), "w") as log:
            self.server = node.start(
                "containerd", "--config", "/etc/containerd/config.toml", stdout=log, stderr=subprocess.STDOUT
            )
        eventually(lambda: self.control("version"), within=20)
        with tempfile.NamedTemporaryFile(suffix=".tar", dir=node.path("/run")) as image:
            write_image(image.name, IMAGE)
            for namespace in (self.namespace, "k8s.io"):
                self.control("images", "import", f"/run/{os.path.basename(image.name)}", namespace=namespace)

    def control(self, *arguments, namespace=None, **options):
        """Runs `ctr`."""
        return self.node.run(
            "ctr", "--address", SOCKET, "--namespace", namespace or self.namespace, *arguments, **options
        )

    def configure(self, name, configuration):
        """Writes a configuration list where containerd and `ctr --cni` look for it."""
        self.node.write(f"{self.lists}/{name}", json.dumps(configuration, indent=2))

    def run(self, identifier, *command, **options):
        """`ctr run --rm --cni`: runs a container in the foreground and returns what it printed."""
        return self.control("run", "--rm", "--cni", IMAGE, identifier, *command, **options).stdout

    def detach(self, identifier, *command):
        """`ctr run --detach --cni`: starts a container, which nobody will ever call DEL for."""
        command = command or ("/bin/sleep", "1000000")
        self.control("run", "--detach", "--null-io", "--cni", IMAGE, identifier, *command)

    def execute(self, identifier, *command, **options):
        """Runs a command in a detached container and returns its output."""
        return self.control(
            "tasks", "exec", "--exec-id", f"exec-{os.urandom(4).hex()}", identifier, *command, **options
        ).stdout

    def kill(self, identifier):
        """Kills a detached container and removes it, without any DEL."""
        self.control("tasks", "kill", "--signal", "SIGKILL", identifier)
        eventually(lambda: self.control("tasks", "delete", identifier))
        self.control("containers", "delete", identifier)

    def result(self, network, identifier, interface="eth0"):
        """The result that the runtime got for a container, out of libcni's cache."""
        path = f"/var/lib/cni/results/{network}-{self.namespace}-{identifier}-{interface}"
        return json.loads(self.node.read(path))["result"]

    def log(self):
        return self.node.read(LOG)

    def close(self):
        """Ends containerd with the node and removes the control groups of its containers."""
        self.node.close()
        remove_control_groups(self.namespace)


def sweep():
    """Removes the control groups of runs whose process is dead."""
    for path in glob.glob("/sys/fs/cgroup/*/warrens-*-*") + glob.glob("/sys/fs/cgroup/warrens-*-*"):
        name = os.path.basename(path)
        if not os.path.exists(f"/proc/{name.split('-')[1]}"):
            remove_control_groups(name)


def remove_control_groups(name):
    for top in glob.glob(f"/sys/fs/cgroup/*/{name}") + glob.glob(f"/sys/fs/cgroup/{name}"):
        for folder, _, _ in os.walk(top, topdown=False):
            eventually(lambda: os.path.isdir(folder) and os.rmdir(folder), within=5)
