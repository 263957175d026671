"""Warrens on two nodes whose files name any number of nodes beside them."""

import ipaddress
import json
import os
import time

from lab.daemon import request
from lab.node import NODE_FILE

from .subject import Unavailable
from .warrens import WarrensTun

LOG = "/run/warrensd.log"
#: Seconds that a daemon may take to read its file.
PATIENCE = 60
#: Where the node that changes is said to be: ports of the right node, at which nobody tunnels.
BEFORE, AFTER = 4001, 4002
#: Where the nodes that are not there have their addresses (RFC 2544).
STRANGERS = "198.18.0.0/15"
#: Room for 262,144 nodes: a /28 each, of 10.192.0.0/10.
WIDTH = 18


class CrowdedWarrens(WarrensTun):
    """The daemons are started by hand, before the pods come, to see how long that takes (`loading`, in seconds)."""

    settings = {"datapath": "tun", "v4Width": WIDTH}

    def __init__(self, peers):
        self.peers = peers
        self.loading = []

    def join(self, sites):
        entries = [site.node.entry() for site in sites]
        strangers = list(self._strangers(sites))
        self.changing = strangers[-1]
        self.text = json.dumps({"apiVersion": "v1", "kind": "List", "items": entries + strangers}, indent=1)
        for site, other in (sites, sites[::-1]):
            # A peer without a route to it has no endpoint, and would not count in full.
            site.node.run("ip", "route", "add", STRANGERS, "via", other.v4)
            site.node.settings(**self.settings)
            site.node.write(NODE_FILE, self.text)
            self._start_daemon(site.node)
            site.pod.attach()

    def _strangers(self, sites):
        """Nodes that are not there, with subnets of their own: one less than the peers, for each node has the other."""
        taken = {subnet for site in sites for subnet in self._subnets(site)}
        everywhere = ipaddress.ip_network("10.192.0.0/10").subnets(prefixlen_diff=WIDTH)
        free = (prefix for prefix in everywhere if prefix not in taken)
        for number, prefix in zip(range(self.peers - 1), free):
            last = number == self.peers - 2
            endpoint = f"{sites[-1].v4}:{BEFORE}" if last else f"{ipaddress.ip_network(STRANGERS)[number]}:31337"
            yield stranger(number, prefix, endpoint)

    def _subnets(self, site):
        """The subnets of a real node."""
        told = site.node.control("derive", "--machine-id", site.node.machine_id, "--json").stdout
        return [ipaddress.ip_network(subnet) for subnet in json.loads(told)["subnets"]]

    def _start_daemon(self, node):
        begin = time.monotonic()
        with open(node.path(LOG), "w") as log:
            node.start("/opt/cni/bin/warrensd", "--foreground", environment={"CNI_PATH": "/opt/cni/bin"}, stderr=log)
        while True:
            try:
                if request(node, "/healthz", timeout=PATIENCE)[0] == 200:
                    break
            except OSError:
                if time.monotonic() - begin > PATIENCE:
                    raise Unavailable(f"warrensd does not serve after {PATIENCE} s") from None
            time.sleep(0.002)
        self.loading.append(time.monotonic() - begin)

    def target(self):
        """An address of a pod of the node that changes, which the left node's pods can send to."""
        subnet = self.changing["metadata"]["annotations"]["warrens.io/subnets"].split(",")[-1]
        return str(ipaddress.ip_network(subnet)[-1])

    def change(self, port):
        """Moves the node that changes to another port, in the left node's file; returns when, by the system's clock."""
        text = self.text.replace(f":{BEFORE}\"", f":{port}\"")
        path = self.left.node.path(NODE_FILE)
        with open(path + ".new", "w") as file:
            file.write(text)
        now = time.time()
        os.rename(path + ".new", path)
        return now

    def log(self):
        """What the left node's daemon has logged."""
        return self.left.node.read(LOG)


def stranger(number, prefix, endpoint):
    """A node as `kubectl get nodes -o json` prints it, without what Warrens does not read."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": f"stranger{number}",
            "annotations": {
                "warrens.io/node-id": f"{number + 1:016x}",
                "warrens.io/subnets": f"fd53:7769:726c::{number >> 16:x}:{number & 0xFFFF:x}:0/112,{prefix}",
                "warrens.io/endpoints": endpoint,
            },
        },
        "status": {
            "addresses": [{"type": "InternalIP", "address": endpoint.split(":")[0]}],
            "nodeInfo": {"machineID": f"{number + 1:032x}"},
        },
    }
