"""Nodes of a Kubernetes cluster: each with what the DaemonSet runs there, and an API server that they know each other from."""

import json
import os
import shutil
import signal
import subprocess
import sys

from .case import FAMILIES, ClusterCase, eventually
from .controlplane import PORT, ControlPlane
from .daemon import daemon_status, request
from .node import CONFIGURATION, Cluster, executable

#: /var/run, where the service account's files are expected, is a link to /run.
SERVICE_ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
NODES_SOCKET = "/run/warrens/warrens-nodes.sock"
LOG = "/run/warrens-nodes.log"
NODE_FILE, PUBLISHED = "/var/lib/warrens/nodes.json", "/var/lib/warrens/published.json"
CONFLIST_SOURCE, CONFLIST = "/etc/warrens/10-warrens.conflist", "/etc/cni/net.d/10-warrens.conflist"
SETTINGS = {"nodeSource": "kubernetes", "nodeFile": NODE_FILE}


class Member:
    """A node with `warrensd` and `warrens-nodes`, which know the API server by the files and variables of a pod."""

    def __init__(self, node, plane):
        self.node, self.plane = node, plane
        self.name = node.name
        self.daemon = self.source = None
        shutil.copy2(executable("warrens-nodes"), node.path("/opt/cni/bin/warrens-nodes"))
        node.settings(**SETTINGS)
        node.write(CONFLIST_SOURCE, json.dumps(CONFIGURATION))
        self.rotate()

    def rotate(self, token=None):
        """Gives the pod a new token as kubelet does: another directory, then a link that is replaced."""
        directory = f"..{os.urandom(4).hex()}"
        self.node.write(f"{SERVICE_ACCOUNT}/{directory}/token", token or self.plane.account_token(self.node))
        self.node.write(f"{SERVICE_ACCOUNT}/{directory}/ca.crt", self.plane.authority.read("ca.crt"))
        outside = self.node.path(SERVICE_ACCOUNT)
        former = os.readlink(f"{outside}/..data") if os.path.lexists(f"{outside}/..data") else None
        os.symlink(directory, f"{outside}/..data.new")
        os.rename(f"{outside}/..data.new", f"{outside}/..data")
        if former:
            shutil.rmtree(f"{outside}/{former}")
        else:
            for file in ("token", "ca.crt"):
                os.symlink(f"..data/{file}", f"{outside}/{file}")

    def join(self):
        """All that makes a machine a node of the cluster."""
        self.plane.register(self.node)
        self.start()

    def start(self, **options):
        self.start_daemon()
        self.start_source(**options)

    def start_daemon(self):
        with open(self.node.path("/run/warrensd.log"), "a") as log:
            self.daemon = self.node.start("/opt/cni/bin/warrensd", "--foreground", stdout=log, stderr=subprocess.STDOUT)

    def start_source(self, *arguments, environment=None):
        """Starts `warrens-nodes`. environment: beside, or instead of, the variables of a pod."""
        pod = {"KUBERNETES_SERVICE_HOST": self.plane.v4, "KUBERNETES_SERVICE_PORT": str(PORT), "NODE_NAME": self.name}
        with open(self.node.path(LOG), "a") as log:
            self.source = self.node.start(
                "/opt/cni/bin/warrens-nodes", "--conflist", CONFLIST_SOURCE, "--conflist-destination", CONFLIST, *arguments,
                environment={**pod, **(environment or {})}, stdout=log, stderr=subprocess.STDOUT,
            )

    def stop_source(self, how=signal.SIGTERM):
        if self.source:
            self.source.stop(how)

    def stop(self, how=signal.SIGTERM):
        for running in (self.source, self.daemon):
            if running:
                running.stop(how)

    def ask(self, path):
        """(status, text) that `warrens-nodes` answers."""
        return request(self.node, path, at=NODES_SOCKET)

    def assert_ready(self):
        status, text = self.ask("/readyz")
        if status != 200:
            raise AssertionError(f"{self.name} is not ready: {text.strip()}")

    def await_ready(self):
        eventually(self.assert_ready, within=30)

    def assert_running(self):
        if self.source.process.poll() is not None:
            raise AssertionError(f"warrens-nodes of {self.name} has ended with {self.source.process.returncode}")

    def file(self):
        """The entries of the node file by name; none where there is no file."""
        if not self.node.exists(NODE_FILE):
            return {}
        return {entry["metadata"]["name"]: entry for entry in json.loads(self.node.read(NODE_FILE))["items"]}

    def annotations(self, name):
        """Our annotations of a node as the node file has them, without their prefix."""
        annotations = self.file()[name]["metadata"].get("annotations", {})
        return {key.removeprefix("warrens.io/"): value for key, value in annotations.items()}

    def annotation(self, name, key):
        """One of them; None where the file has none."""
        return self.annotations(name).get(key)

    def peers(self):
        """The names of the nodes that the daemon knows."""
        return {peer["name"] for peer in daemon_status(self.node)["peers"]}

    def log(self):
        return self.node.read(LOG)


class KubernetesCluster(Cluster):
    """Nodes that know each other from the API server, by no file that a test has written."""

    def __init__(self, count=2, *, outside="both", machine_ids=None):
        super().__init__(count, outside=outside)
        for node, machine_id in zip(self.nodes, machine_ids or []):
            node.machine_id = machine_id
            node.write("/etc/machine-id", machine_id + "\n")
        self.plane = ControlPlane(self.underlay)
        self.members = [Member(node, self.plane) for node in self.nodes]

    def announce(self):
        """That is `warrens-nodes`' task here."""

    def join(self):
        """All nodes join, and are ready."""
        for member in self.members:
            member.join()
        for member in self.members:
            member.await_ready()

    def close(self):
        self.plane.close()
        super().close()


class KubernetesCase(ClusterCase):
    """Tests on one Kubernetes cluster. `members` are its nodes with what runs on them."""

    machine_ids = None

    @classmethod
    def make_cluster(cls):
        return KubernetesCluster(cls.nodes, outside=cls.outside, machine_ids=cls.machine_ids)

    @property
    def plane(self):
        return self.cluster.plane

    @property
    def members(self):
        return self.cluster.members

    def report(self):
        super().report()
        for member in self.members:
            for path in (LOG, "/run/warrensd.log"):
                text = member.node.read(path) if member.node.exists(path) else ""
                print(f"--- {member.name} {path}", *text.splitlines()[-40:], sep="\n", file=sys.stderr)
        if self.plane.running.process.poll() is None:
            print("--- the API server", *self.plane.log()[-40:], sep="\n", file=sys.stderr)

    def assertAddressesFrom(self, subnets, pod):
        """A pod has one address out of each of these subnets."""
        addresses = [pod.interface_address(family).ip for family in FAMILIES]
        self.assertTrue(all(any(address in subnet for address in addresses) for subnet in subnets), (addresses, subnets))
        self.assertEqual(len(subnets), len(addresses), subnets)

    def assertNodeFile(self, member, names, *, within=10):
        """Waits until the node file of a member has these nodes, and no others."""
        eventually(lambda: self.assertEqual(set(member.file()), set(names)), within=within)
