"""A node of a cluster, with the executables installed, and a whole cluster of such nodes."""

import json
import os
import shutil
import uuid

from .cni import Network
from .pod import Pod
from .sandbox import Sandbox
from .shell import repository
from .underlay import Underlay

EXECUTABLES = ["warrens", "warrens-ipam", "warrensd", "warrensctl"]
NODE_FILE = "/etc/warrens/nodes.json"
SETTINGS_FILE = "/etc/warrens/warrens.json"

#: The zero-configuration network: what a user gets who only drops binaries and one conflist.
CONFIGURATION = {
    "cniVersion": "1.0.0",
    "name": "warrens",
    "plugins": [{"type": "warrens", "ipMasq": True, "ipam": {"type": "warrens-ipam"}}],
}


def executable(name):
    """The path of a built executable. WARRENS_DIST names another directory than `dist`."""
    return os.path.join(os.environ.get("WARRENS_DIST") or os.path.join(repository(), "dist"), name)


class Node(Sandbox):
    """A machine with an uplink `eth0`, a machine id of its own and our executables in /opt/cni/bin."""

    def __init__(self, name, *, machine_id=None, keep=False):
        super().__init__(name, keep=keep)
        self.machine_id = machine_id or uuid.uuid4().hex
        self.write("/etc/machine-id", self.machine_id + "\n")
        for directory in ("/etc/warrens", "/etc/cni/net.d", "/var/lib/warrens", "/var/lib/cni"):
            shutil.rmtree(self.path(directory), ignore_errors=True)
        shutil.rmtree(self.path("/opt/cni"), ignore_errors=True)
        os.makedirs(self.path("/opt/cni/bin"))
        for program in EXECUTABLES:
            shutil.copy2(executable(program), self.path(f"/opt/cni/bin/{program}"))
        self.network = Network(self, CONFIGURATION)
        self.v4 = self.v6 = None

    def control(self, *arguments, **options):
        """Runs `warrensctl`."""
        return self.run("/opt/cni/bin/warrensctl", *arguments, **options)

    def settings(self, **settings):
        """Writes /etc/warrens/warrens.json."""
        self.write(SETTINGS_FILE, json.dumps(settings))

    def address(self, family):
        """The node's own address of a family (4 or 6), on the wire."""
        return self.v4 if family == 4 else self.v6

    def subnets(self):
        """The subnets that the node assigns itself, IPv6 first."""
        return json.loads(self.control("derive", "--machine-id", self.machine_id, "--json").stdout)["subnets"]

    def daemons(self):
        return self.processes("warrensd")

    def entry(self, *, outside="both", annotations=None):
        """The node as `kubectl get nodes -o json` prints it, with its addresses of one family or of both."""
        addresses = [self.v4] * (outside in ("both", "4")) + [self.v6] * (outside in ("both", "6"))
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "annotations": annotations or {}},
            "status": {
                "addresses": [{"type": "InternalIP", "address": address} for address in addresses]
                + [{"type": "Hostname", "address": self.name}],
                "nodeInfo": {"machineID": self.machine_id},
            },
        }


class Cluster:
    """Nodes on one wire that know each other from their node files."""

    def __init__(self, count=2, *, outside="both", keep=False, mtu=1500):
        self.underlay = Underlay(keep=keep)
        self.nodes = []
        for number in range(1, count + 1):
            node = Node(f"node{number}", keep=keep)
            node.v4, node.v6 = self.underlay.join(node, mtu=mtu)
            self.nodes.append(node)
        self.outside = outside
        self.announce()

    @property
    def internet(self):
        return self.underlay.internet

    def node_list(self, features=""):
        annotations = {"warrens.io/features": features} if features else {}
        return {
            "apiVersion": "v1",
            "kind": "List",
            "items": [node.entry(outside=self.outside, annotations=annotations) for node in self.nodes],
        }

    def announce(self, features=""):
        """Writes the node file of every node; `features` is what each announces of itself, separated by commas."""
        text = json.dumps(self.node_list(features), indent=2)
        for node in self.nodes:
            node.write(NODE_FILE, text)

    def pods(self, each=1):
        """Attaches new pods on every node and returns them, node by node."""
        return [Pod(node).attach() for node in self.nodes for _ in range(each)]

    def close(self):
        for node in self.nodes:
            node.close()
        self.underlay.close()
