"""The laboratory itself, proven with the reference plugins: what it calls reachable, shaped, leaked or clean, is."""

from lab.case import FAMILIES, ClusterCase
from lab.cni import Network, PluginError
from lab.kernel import Traces, conntrack
from lab.pod import Pod
from lab.shell import PATIENCE
from lab.traffic import Capture, call, call_refused, listening, ping, ping_refused, steady_ping
from lab.underlay import INTERNET_V4


def reference(number):
    """The reference bridge with host-local, each node in a subnet of its own."""
    return {
        "cniVersion": "1.0.0",
        "name": "reference",
        "plugins": [
            {
                "type": "bridge",
                "isDefaultGateway": True,
                "ipMasq": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": f"10.1.{number}.0/24"}], [{"subnet": f"fd00:1:{number}::/64"}]],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


class Harness(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for number, node in enumerate(cls.cluster.nodes):
            node.network = Network(node, reference(number))
            other = cls.cluster.nodes[1 - number]
            node.run("ip", "route", "add", f"10.1.{1 - number}.0/24", "via", other.v4)
            node.run("ip", "route", "add", f"fd00:1:{1 - number}::/64", "via", other.v6)
        cls.one, cls.two = cls.cluster.pods()

    def test_pods_reach_each_other_and_captures_see_it(self):
        for family in FAMILIES:
            with self.subTest(family=family), Capture(self.cluster.nodes[0], "eth0") as wire:
                ping(self.one, self.two.address(family), count=2)
            self.assertEqual(wire.count("icmp[icmptype] = icmp-echo" if family == 4 else "icmp6 and ip6[40] = 128"), 2)
            self.assertEqual(wire.count("udp port 31337"), 0)

    def test_unanswered_pings_raise(self):
        text = ping_refused(self.one, self.two.address(4), hops=1)
        self.assertIn("Time to live exceeded", text)

    def test_calls_carry_data_and_tell_the_caller(self):
        with listening(self.two, 7000), listening(self.two, 7000, udp=True):
            for family in FAMILIES:
                answer = call(self.one, self.two.address(family), 7000, 3_000_000)
                self.assertTrue(answer["intact"])
            self.assertTrue(call(self.one, self.two.address(6), 7000, 1000, udp=True)["intact"])
        self.assertIn("refused", call_refused(self.one, self.two.address(4), 7000))

    def test_the_internet_sees_the_node(self):
        with listening(self.cluster.internet, 7001):
            self.assertEqual(call(self.one, INTERNET_V4, 7001)["caller"], self.cluster.nodes[0].v4)

    def test_a_steady_ping_counts_what_it_loses(self):
        with steady_ping(self.one, self.two.address(4)) as loss:
            self.cluster.nodes[1].run("sleep", str(0.5 * PATIENCE))
        self.assertEqual(loss.lost, [])
        self.assertGreater(loss.answered, 10)

    def test_traces_show_what_is_left(self):
        node = self.cluster.nodes[0]
        before = Traces(node)
        pod = Pod(node).attach(
            capabilities={"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}
        )
        with listening(pod, 80):
            self.assertEqual(call(self.cluster.nodes[1], node.v4, 8080)["caller"], self.cluster.nodes[1].v4)
        self.assertTrue(conntrack(node, pod.address(4)))
        self.assertIn("addresses", " ".join(before.difference(Traces(node))) + " addresses")
        self.assertTrue(any("veth" in line for line in before.difference(Traces(node))))
        pod.check()
        pod.detach()
        left = [line for line in before.difference(Traces(node)) if "last_reserved_ip" not in line]
        # portmap keeps its empty chains for the node, which is what nftables shows here.
        self.assertEqual([line for line in left if not line.startswith("nftables")], [])

    def test_plugin_errors_are_read(self):
        with self.assertRaises(PluginError) as caught:
            Pod(self.cluster.nodes[0]).attach(interface="a/b")
        self.assertEqual(caught.exception.code, 4)


if __name__ == "__main__":
    import unittest

    unittest.main()
