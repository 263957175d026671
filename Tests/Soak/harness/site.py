"""The nodes of the soak, what their node files say, and the wire between them."""

import hashlib
import ipaddress
import json

from lab.node import NODE_FILE, Node
from lab.pod import Pod
from lab.shell import run
from lab.underlay import Underlay

from .daemons import Daemon
from .station import Station
from .wire import Wire

COUNT = 4
#: What the overlay carries over the wire's 1500 bytes inside of IPv6 and UDP. Set in the settings, because one peer of
#: `narrow` path would make it smaller.
MTU = 1452
#: The outer MTU of two narrow paths: from the first node to a machine that does not exist, and from the second node to
#: the third.
NARROW_ADDRESS, NARROW_MTU = "192.0.2.200", 1400


def machine_id(name):
    """The same in every run, so that the nodes' subnets never clash by bad luck."""
    return hashlib.md5(name.encode()).hexdigest()


class Site:
    """Four nodes: two that stay, one that comes and goes in the others' node files, one whose daemon is killed.

    Half of the pairs see each other over IPv4, the others over IPv6. `settings` are written into each node's
    warrens.json, `features` into each node's annotation. `wire`: see `Wire`.
    """

    def __init__(self, settings=None, features="", wire="M"):
        self.features = features
        self.underlay = Underlay()
        self.nodes, self.stations, self.daemons = [], {}, {}
        for number in range(1, COUNT + 1):
            node = Node(f"node{number}", machine_id=machine_id(f"node{number}"))
            node.v4, node.v6 = self.underlay.join(node)
            node.number = number
            node.settings(**{"mtu": MTU, **(settings or {})})
            self.nodes.append(node)
        self.first, self.second, self.guest, self.mortal = self.nodes
        for node, address in ((self.first, NARROW_ADDRESS), (self.second, self.guest.v4)):
            node.run("ip", "route", "add", f"{address}/32", "dev", "eth0", "mtu", NARROW_MTU)
        self.wire = Wire(self.underlay.router, self.nodes, kind=wire)
        self.guest_is_known, self.ghosts = True, 0
        self.announce()
        #: A station outside of the overlay that sends what no peer would.
        self.stranger = Station(self.underlay.router)

    def pods(self, each):
        """Attaches pods on every node and starts a station in each."""
        for node in self.nodes:
            for _ in range(each):
                self.open_station(node)
            self.daemons[node] = Daemon(node)

    def open_station(self, node):
        pod = Pod(node).attach()
        station = Station(pod)
        station.pod, station.node = pod, node
        self.stations.setdefault(node, []).append(station)
        return station

    def close_station(self, station):
        self.stations[station.node].remove(station)
        station.close()
        station.pod.detach()
        station.pod.destroy()

    def all_stations(self):
        return [station for node in self.nodes for station in self.stations.get(node, [])]

    # Node files.

    def announce(self):
        """Writes every node's file, which says of each pair by which family they reach each other."""
        extra = [self._entry("narrow", [NARROW_ADDRESS]), self._entry("silent", [])]
        extra += [self._entry(f"ghost{number}", [f"192.0.2.{100 + number % 50}"]) for number in range(self.ghosts)]
        annotations = {"warrens.io/features": self.features} if self.features else {}
        for reader in self.nodes:
            known = [node for node in self.nodes if self.guest_is_known or node is not self.guest or reader is node]
            items = [
                node.entry(outside=self.outer_family(node, reader), annotations=annotations) for node in known
            ]
            reader.write(NODE_FILE, json.dumps({"apiVersion": "v1", "kind": "List", "items": items + extra}))

    @staticmethod
    def outer_family(one, other):
        return "both" if one is other else "46"[(one.number + other.number) % 4 // 2]

    @staticmethod
    def _entry(name, addresses):
        return {
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "annotations": {}},
            "status": {
                "addresses": [{"type": "InternalIP", "address": address} for address in addresses],
                "nodeInfo": {"machineID": machine_id(name)},
            },
        }

    def address_of(self, name, family):
        """An address in the subnet of a node that may not exist."""
        text = self.first.control("derive", "--machine-id", machine_id(name), "--json").stdout
        subnets = [ipaddress.ip_network(subnet) for subnet in json.loads(text)["subnets"]]
        return str(next(subnet for subnet in subnets if subnet.version == family)[9])

    def close(self):
        for station in [*self.all_stations(), self.stranger]:
            station.close()
        for node in self.nodes:
            node.close()
        self.underlay.close()
