"""Pods on two nodes: each family inside of each family outside, hosts, the internet, hop limits and packet sizes."""

import ipaddress
import re

from lab.case import FAMILIES, ClusterCase, measured
from lab.cni import Network
from lab.kernel import ip
from lab.node import CONFIGURATION
from lab.pod import Pod
from lab.traffic import IN_CLEAR, TUNNELLED, Capture, call, listening, ping, ping_refused
from lab.underlay import INTERNET_V4, INTERNET_V6

#: Bytes that an outer IP and UDP header take (PROTOCOL.md section 4).
OVERHEAD = {4: 28, 6: 48}
#: Bytes of an inner IP and ICMP header.
ECHO_HEADERS = {4: 28, 6: 48}


class PodsOverIPv4(ClusterCase):
    outside = "4"
    #: Bytes between the outer UDP header and the inner packet.
    framing = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.one, cls.neighbour, cls.two, _ = cls.cluster.pods(each=2)
        cls.first, cls.second = cls.cluster.nodes
        cls.mtu = 1500 - OVERHEAD[int(cls.outside)] - cls.framing

    def test_remote_pods_talk_inside_of_the_tunnel_only(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertReachable(self.one, self.two.address(family))
                with Capture(self.first, "eth0") as wire:
                    ping(self.one, self.two.address(family), count=5)
                    ping(self.two, self.one.address(family), count=5)
                outer = f"{TUNNELLED} and {'ip' if self.outside == '4' else 'ip6'}"
                self.assertEqual(wire.count(outer), 20)
                self.assertEqual(wire.count(TUNNELLED), 20)
                self.assertEqual(wire.lines(IN_CLEAR), [])

    def test_data_leaves_from_and_goes_to_the_port(self):
        with Capture(self.first, "eth0") as wire:
            ping(self.one, self.two.address(6))
        self.assertEqual(wire.count("udp src port 31337 and udp dst port 31337"), 2)

    def test_pods_of_one_node_talk_without_the_wire(self):
        for family in FAMILIES:
            with self.subTest(family=family), Capture(self.first, "eth0") as wire:
                ping(self.one, self.neighbour.address(family), count=3)
                self.assertEqual(wire.count(TUNNELLED), 0)

    def test_a_pod_reaches_itself_and_its_gateway(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                ping(self.one, self.one.address(family))
                ping(self.one, self.one.gateway(family))

    def test_host_and_pods(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                ping(self.first, self.one.address(family))
                self.assertReachable(self.first, self.two.address(family))
                with listening(self.two, 7100), Capture(self.first, "eth0") as wire:
                    self.assertTrue(call(self.first, self.two.address(family), 7100, 100_000)["intact"])
                self.assertEqual(wire.lines(IN_CLEAR), [])

    def test_pods_reach_nodes(self):
        for own, other in ((self.first.v4, self.second.v4), (self.first.v6, self.second.v6)):
            with self.subTest(node=own):
                ping(self.one, own)
                ping(self.one, other)

    def test_the_internet_sees_the_nodes_address(self):
        with listening(self.cluster.internet, 7101):
            for target, own in ((INTERNET_V4, self.first.v4), (INTERNET_V6, self.first.v6)):
                with self.subTest(target=target):
                    answer = call(self.one, target, 7101, 200_000)
                    self.assertEqual(answer["caller"], own)
                    self.assertTrue(answer["intact"])

    def test_pods_see_each_others_own_address(self):
        with listening(self.two, 7102), listening(self.neighbour, 7102):
            for family in FAMILIES:
                for target in (self.two, self.neighbour):
                    with self.subTest(family=family, target=target.name):
                        answer = call(self.one, target.address(family), 7102)
                        self.assertEqual(answer["caller"], self.one.address(family))

    def test_large_transfers_arrive_intact(self):
        with listening(self.two, 7103), listening(self.one, 7103):
            for family in FAMILIES:
                for source, target in ((self.one, self.two), (self.two, self.one)):
                    with self.subTest(family=family, source=source.name):
                        answer = call(source, target.address(family), 7103, 40_000_000)
                        self.assertTrue(answer["intact"])
                        measured(
                            f"IPv{family} inside of IPv{self.outside}, one TCP stream: "
                            f"{40_000_000 * 8 / answer['seconds'] / 1e9:.2f} Gb/s"
                        )

    def test_datagrams_of_many_fragments_arrive_intact(self):
        with listening(self.two, 7104, udp=True):
            for family in FAMILIES:
                with self.subTest(family=family):
                    self.assertTrue(call(self.one, self.two.address(family), 7104, 8000, udp=True)["intact"])

    def test_the_largest_packet_passes_and_the_next_byte_is_refused(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                largest = self._pod_mtu(self.one) - ECHO_HEADERS[family]
                self.assertLessEqual(self._pod_mtu(self.one), self.mtu)
                ping(self.one, self.two.address(family), size=largest, fragment=False)
                self.assertIn(
                    "too long", ping_refused(self.one, self.two.address(family), size=largest + 1, fragment=False)
                )

    def test_oversized_packets_are_told_of_and_never_vanish(self):
        configuration = {**CONFIGURATION, "plugins": [{**CONFIGURATION["plugins"][0], "mtu": 1500}]}
        wide = Pod(self.first).attach(Network(self.first, configuration))
        self.assertEqual(self._pod_mtu(wide), 1500)
        for family, pattern in ((4, r"Frag needed.*mtu = (\d+)"), (6, r"Packet too big: mtu=(\d+)")):
            with self.subTest(family=family):
                text = ping_refused(
                    wide, self.two.address(family), size=1500 - ECHO_HEADERS[family], fragment=False
                )
                self.assertEqual(int(re.search(pattern, text).group(1)), self.mtu)
                with listening(self.two, 7105):
                    self.assertTrue(call(wide, self.two.address(family), 7105, 5_000_000)["intact"])
        wide.detach()

    def test_every_node_on_the_way_takes_one_hop(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                for hops, node in ((1, self.first), (2, self.second)):
                    text = ping_refused(self.one, self.two.address(family), hops=hops)
                    self.assertRegex(text, "Time to live exceeded|Time exceeded: Hop limit")
                    reporter = re.search(r"From (\S+) icmp_seq", text).group(1)
                    self.assertIn(reporter, self._addresses(node))
                ping(self.one, self.two.address(family), hops=3)
                ping_refused(self.one, self.neighbour.address(family), hops=1)
                ping(self.one, self.neighbour.address(family), hops=2)

    def test_addresses_are_the_nodes_own_and_single(self):
        for pod in (self.one, self.neighbour, self.two):
            subnets = [ipaddress.ip_network(subnet) for subnet in pod.node.subnets()]
            for family, length in ((4, 32), (6, 128)):
                address = pod.interface_address(family)
                self.assertEqual(address.network.prefixlen, length)
                self.assertTrue(any(address.ip in subnet for subnet in subnets if subnet.version == family))

    def test_nobody_has_to_find_a_neighbour(self):
        # New ones: what the kernel is told of a pod that stays silent, it may forget after a minute.
        one, neighbour = (Pod(self.one.node).attach() for _ in range(2))
        self.addCleanup(one.detach)
        self.addCleanup(neighbour.detach)
        for family in FAMILIES:
            entries = [
                entry for entry in ip(one, f"-{family}", "neighbour", "show", "dev", "eth0")
                if entry["dst"] == one.gateway(family)
            ]
            self.assertEqual([entry["state"] for entry in entries], [["PERMANENT"]])
        with Capture(one, "eth0") as wire:
            for family in FAMILIES:
                ping(one, neighbour.address(family), count=2)
                ping(one, self.two.address(family), count=2)
        # Nobody asks all; the host may confirm, to the pod itself, that an address is still where it was entered.
        self.assertEqual(wire.lines("arp and ether broadcast"), [])
        self.assertEqual(wire.lines("icmp6 and ip6[40] = 135 and ip6 multicast"), [])
        for family in FAMILIES:
            asked = "arp[6:2] = 1 and arp" if family == 4 else "icmp6 and ip6[40] = 135 and ip6"
            self.assertEqual(wire.lines(f"{asked} src host {one.address(family)}"), [])
        # The host may tell of a shorter way to a neighbour on the same bridge; pods must not take it.
        for family in FAMILIES:
            (route,) = ip(one, f"-{family}", "route", "get", neighbour.address(family))
            self.assertEqual(route["gateway"], one.gateway(family))

    def test_one_small_daemon_runs(self):
        for node in self.cluster.nodes:
            daemons = node.daemons()
            self.assertEqual(len(daemons), 1)
            with open(f"/proc/{daemons[0]}/status") as file:
                kilobytes = int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1))
            measured(f"warrensd resident memory on {node.name}: {kilobytes / 1024:.1f} MB")
            # The paper's program takes 11 MiB.
            self.assertLess(kilobytes, 10 * 1024)

    @staticmethod
    def _pod_mtu(pod):
        return ip(pod, "link", "show", "eth0")[0]["mtu"]

    @staticmethod
    def _addresses(node):
        return {address["local"] for link in ip(node, "address") for address in link["addr_info"] if "local" in address}


class PodsOverIPv6(PodsOverIPv4):
    outside = "6"
