"""Whatever pods send, between nodes of both kinds and of the same: what the kernel's programs have carried meets the
user-space datapath, and the other way round."""

import functools
import json

from lab.case import FAMILIES, PairCase, eventually
from lab.daemon import counters, daemon_status
from lab.datagrams import send_train, station, whole_train
from lab.node import NODE_FILE
from lab.traffic import call, listening, ping, ping_refused
from lab.underlay import ROUTER, WIRE_V4, WIRE_V6

PORT = 7400

#: What `ping` says of a packet that is too long for its way.
TOO_BIG = "(?i)message too long|mtu ?= ?[0-9]+|packet too big"


def each_way(test):
    """Has a test run for each direction in each family, with the family, the source and the target."""

    @functools.wraps(test)
    def run(self):
        for family in FAMILIES:
            for source, target in ((self.one, self.two), (self.two, self.one)):
                with self.subTest(family=family, source=source.name):
                    self.assertReachable(source, target.address(family))
                    test(self, family, source, target)

    return run


class Mixed(PairCase):
    """The first node carries packets in the kernel, the second in user space."""

    port = PORT
    settings = {"datapath": "ebpf"}
    other = {"datapath": "tun"}
    #: What each node announces.
    features = ("ebpf,zero-checksum6", "zero-checksum6")
    endpoints = (None, None)

    @classmethod
    def prepare(cls):
        cls.cluster.nodes[1].settings(**cls.settings | cls.other)
        items = []
        for node, features, endpoint in zip(cls.cluster.nodes, cls.features, cls.endpoints):
            annotations = {"warrens.io/features": features}
            if endpoint:
                annotations["warrens.io/endpoints"] = endpoint.format(v4=node.v4, v6=node.v6)
            items.append(node.entry(outside=cls.outside, annotations=annotations))
        for node in cls.cluster.nodes:
            node.write(NODE_FILE, json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def test_transfers(self):
        kinds = [daemon_status(node)["datapath"] for node in (self.first, self.second)]
        self.assertEqual(kinds, ["ebpf", (self.settings | self.other)["datapath"]])
        sent, _ = self.transfer(5_000_000)
        # The kernel really carried what its node sent.
        self.assertLess(sent["declinedSent"], sent["sentPackets"] / 100)

    @each_way
    def test_trains_of_datagrams(self, family, source, target):
        """Super-packets of UDP: on such a wire nobody cuts them before the receiver."""
        with station(target, PORT + 1) as arrived:
            send_train(source, target.address(family), PORT + 1)
            self.assertEqual(arrived(), whole_train())

    @each_way
    def test_fragments(self, family, source, target):
        with listening(target, PORT + 2, udp=True):
            self.assertTrue(call(source, target.address(family), PORT + 2, 9000, udp=True)["intact"])
        ping(source, target.address(family), size=4000, count=3)

    @each_way
    def test_hop_limit_is_lowered_as_by_routers(self, family, source, target):
        for hops in (1, 2):
            self.assertRefused(source, target.address(family), "(?i)time to live exceeded|time exceeded", hops=hops)
        ping(source, target.address(family), hops=3)

    def assertRefused(self, source, address, reason, **options):
        eventually(lambda: self.assertRegex(ping_refused(source, address, timeout=0.3, **options), reason))

    def test_a_path_that_is_narrower_than_the_devices_say(self):
        """A router between the nodes reports it. TCP goes on, and datagrams that must not be split get the error."""
        self.narrow()
        before = [counters(node) for node in (self.first, self.second)]
        self.assertPathMTUIsFound()
        for node, then in zip((self.first, self.second), before):
            self.assertGreater(counters(node)["pathMTUChanges"], then["pathMTUChanges"])

    @each_way
    def assertPathMTUIsFound(self, family, source, target):
        with listening(target, PORT + 3):
            self.assertTrue(call(source, target.address(family), PORT + 3, 2_000_000)["intact"])
        # 1384 bytes without the headers of the tunnel, which carries 1400.
        size = 1356 if family == 4 else 1336
        self.assertRefused(source, target.address(family), TOO_BIG, size=size, fragment=False)

    def narrow(self):
        """Leads both directions over a router whose way to the nodes is narrow."""
        router = self.cluster.underlay.router
        for family, wire, width in ((4, WIRE_V4, "32"), (6, WIRE_V6, "128")):
            for device in ("all", "wire"):
                if family == 4:
                    router.run("sysctl", "-qw", f"net.ipv4.conf.{device}.send_redirects=0")
            for node, peer in ((self.first, self.second), (self.second, self.first)):
                way = f"{peer.v4 if family == 4 else peer.v6}/{width}"
                router.run("ip", f"-{family}", "route", "replace", way, "dev", "wire", "mtu", "1400")
                node.run("ip", f"-{family}", "route", "add", way, "via", wire.format(ROUTER))
                self.addCleanup(node.run, "ip", f"-{family}", "route", "delete", way)


class MixedOverIPv6(Mixed):
    outside = "6"


class MixedOverBoth(Mixed):
    """Datagrams go over IPv6 one way, and over IPv4 the other."""

    outside = "both"
    endpoints = ("{v4}:31337", "[{v6}]:31337")
    test_hop_limit_is_lowered_as_by_routers = None


class Alike(Mixed):
    """Both nodes carry packets in the kernel."""

    other = {}
    features = ("ebpf", "ebpf")


class AlikeWithFastPath(Alike):
    settings = {"datapath": "ebpf", "fastPath": "on"}
    test_a_path_that_is_narrower_than_the_devices_say = test_hop_limit_is_lowered_as_by_routers = None


class AlikeOnAWireOfPackets(Alike):
    """A wire that carries nothing longer than its MTU, as between machines: super-packets are cut before it."""

    test_a_path_that_is_narrower_than_the_devices_say = test_hop_limit_is_lowered_as_by_routers = None
    test_transfers = None

    @classmethod
    def prepare(cls):
        super().prepare()
        for node in cls.cluster.nodes:
            node.run("ethtool", "-K", "eth0", "tso", "off", "tx-udp-segmentation", "off", "gro", "on")
