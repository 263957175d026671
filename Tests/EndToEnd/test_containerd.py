"""A real containerd on each of two nodes, driven with `ctr run --cni`."""

import ipaddress

from lab.case import FAMILIES, ClusterCase, eventually
from lab.containerd import Containerd
from lab.kernel import Traces
from lab.node import CONFIGURATION
from lab.pod import Pod
from lab.traffic import IN_CLEAR, TUNNELLED, Capture, ping


def addresses(result):
    """The addresses of a CNI result, by family."""
    found = (ipaddress.ip_interface(entry["address"]).ip for entry in result["ips"])
    return {address.version: str(address) for address in found}


class Containers(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.runtimes = []
        for node in cls.cluster.nodes:
            runtime = Containerd(node)
            cls.addClassCleanup(runtime.close)
            runtime.configure("10-warrens.conflist", CONFIGURATION)
            cls.runtimes.append(runtime)

    def report(self):
        super().report()
        for runtime in self.runtimes:
            print(runtime.log()[-5000:])

    def test_containers_on_two_nodes_ping_each_other(self):
        found = []
        for runtime in self.runtimes:
            runtime.detach("steady")
            self.addCleanup(runtime.kill, "steady")
            found.append(addresses(runtime.result("warrens", "steady")))
        first, second = self.runtimes
        for family in FAMILIES:
            for runtime, target in ((first, found[1]), (second, found[0])):
                with self.subTest(family=family, runtime=runtime.node.name):
                    ping_there = lambda: runtime.execute("steady", "ping", "-c", "2", "-W", "2", target[family])
                    eventually(ping_there)
                    with Capture(first.node, "eth0") as wire:
                        ping_there()
                    self.assertEqual(wire.count(TUNNELLED), 4)
                    self.assertEqual(wire.lines(IN_CLEAR), [])

    def test_a_container_that_ends_leaves_nothing(self):
        first, second = self.runtimes
        target = Pod(second.node).attach()
        first.run("warm", "echo", "warm")
        before = Traces(first.node)
        text = eventually(lambda: first.run("foreground", "ping", "-c", "2", "-W", "2", target.address(6)))
        self.assertIn(" 0% packet loss", text)
        text = first.run("foreground", "ping", "-c", "2", "-W", "2", target.address(4))
        self.assertIn(" 0% packet loss", text)
        self.assertNothingLeft(before, first.node)


class SmallPool(ClusterCase):
    """The paper's layout: eight IPv4 addresses on a node."""

    nodes = 1

    def test_addresses_of_killed_containers_are_reclaimed(self):
        """Nobody calls DEL for a detached container, so the pool lives from what is found to be gone."""
        (node,) = self.cluster.nodes
        node.settings(profile="paper")
        runtime = Containerd(node)
        self.addCleanup(runtime.close)
        runtime.configure("10-warrens.conflist", CONFIGURATION)
        seen = set()
        for number in range(20):
            name = f"short{number}"
            runtime.detach(name)
            address = addresses(runtime.result("warrens", name))[4]
            ping(node, address)
            seen.add(address)
            runtime.kill(name)
        self.assertLessEqual(len(seen), 8)
