"""A node of a Kubernetes cluster that was installed by the manifest: a containerd, a kubelet's calls, the DaemonSet's pod."""

import os
import shutil

from . import manifest
from .case import eventually
from .containerd import CONFIGURATION_DIRECTORY, PLUGIN_DIRECTORY, Containerd
from .controlplane import PORT
from .cri import Kubelet

ACCOUNT = "/run/account"


class Member:
    """plugins, lists: where the node's runtime looks for CNI plugins and conflists."""

    def __init__(self, node, plane, plugins=PLUGIN_DIRECTORY, lists=CONFIGURATION_DIRECTORY):
        self.node, self.plane, self.pod = node, plane, None
        self.plugins, self.lists = plugins, lists
        plane.register(node)
        # As on a machine that has booted with systemd, mounts are shared; and nothing of ours is there.
        node.run("mount", "--make-rshared", "/")
        for program in os.listdir(node.path("/opt/cni/bin")):
            os.unlink(node.path(f"/opt/cni/bin/{program}"))
        for directory in ("/etc/warrens", "/var/lib/warrens"):
            shutil.rmtree(node.path(directory), ignore_errors=True)
        self.runtime = Containerd(node, plugins, lists)
        self.kubelet = Kubelet(self.runtime)

    def load(self, archive):
        """`ctr images import`, as the guides say it."""
        shutil.copy(archive, self.node.path("/run/image.tar"))
        self.runtime.control("images", "import", "/run/image.tar", namespace="k8s.io")
        os.unlink(self.node.path("/run/image.tar"))

    def apply(self, objects, name="warrens", **options):
        """Makes the pod of a DaemonSet."""
        self.node.write(f"{ACCOUNT}/token", self.plane.account_token(self.node))
        self.node.write(f"{ACCOUNT}/ca.crt", self.plane.authority.read("ca.crt"))
        server = {"KUBERNETES_SERVICE_HOST": self.plane.v4, "KUBERNETES_SERVICE_PORT": str(PORT)}
        self.pod = manifest.DaemonPod(self.kubelet, objects, name, account=ACCOUNT, environment=server, **options)
        return self.pod

    def await_ready(self):
        """Waits until the pod's containers are started and ready; tells what they have logged where they do not get there."""
        try:
            eventually(lambda: self.pod.probe("warrensd", "startupProbe"), within=60)
            eventually(lambda: self.pod.probe("warrens-nodes", "readinessProbe"), within=60)
        except Exception as error:
            raise AssertionError(f"the pod of {self.node.name} does not become ready: {error}\n{self.pod.log()}") from error

    def await_network(self):
        def check():
            ready, reason = self.kubelet.network_ready()
            if not ready:
                raise AssertionError(reason)

        eventually(check, within=30)

    def files(self):
        """All that is in the directories in which we install."""
        directories = {"/opt/cni", "/etc/cni", self.plugins, self.lists, "/etc/warrens", "/var/lib/warrens", "/run/warrens"}
        return sorted({path for directory in directories for path in self.node.listing(directory)})

    def close(self):
        self.kubelet.close()
        self.runtime.close()
