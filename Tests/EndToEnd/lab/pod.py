"""A pod: a network namespace on a node, and the addresses that the plugins gave it."""

import ipaddress
import itertools

_numbers = itertools.count(1)


class Pod:
    def __init__(self, node, name=None):
        self.node = node
        self.name = name or f"pod{next(_numbers)}"
        self.identifier = f"{self.name}.{node.name}"
        self.namespace = f"/run/netns/{self.name}"
        self.result = None
        node.run("ip", "netns", "add", self.name)
        # What the runtime does with the reference plugin `loopback`.
        self.run("ip", "link", "set", "lo", "up")

    def attach(self, network=None, **options):
        """Attaches the pod, by default to the node's own network; returns the pod."""
        self.network = network or self.node.network
        self.result = self.network.add(self, **options)
        return self

    def detach(self, **options):
        self.network.delete(self, **options)

    def check(self, **options):
        self.network.check(self, **options)

    def destroy(self):
        """Removes the network namespace, as happens when a container is killed."""
        self.node.run("ip", "netns", "delete", self.name)

    def address(self, family):
        """The pod's address of a family (4 or 6) by the plugins' result, without the prefix length."""
        return str(self.interface_address(family).ip)

    def interface_address(self, family):
        for entry in self.result["ips"]:
            address = ipaddress.ip_interface(entry["address"])
            if address.version == family:
                return address
        raise LookupError(f"{self.name} has no IPv{family} address in {self.result}")

    def gateway(self, family):
        for entry in self.result["ips"]:
            if ipaddress.ip_interface(entry["address"]).version == family:
                return entry["gateway"]
        raise LookupError(f"{self.name} has no IPv{family} gateway in {self.result}")

    def run(self, *arguments, **options):
        """Runs a command in the pod's network namespace."""
        return self.node.run(*arguments, network=self.namespace, **options)

    def start(self, *arguments, **options):
        return self.node.start(*arguments, network=self.namespace, **options)
