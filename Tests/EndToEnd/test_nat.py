"""Nodes that nobody can call: behind a router that masquerades, lets in answers alone, and soon forgets whom they go to."""

import json
import time

from lab.case import FAMILIES, ClusterCase
from lab.datagrams import send_train, station, whole_train
from lab.node import NODE_FILE, Node
from lab.pod import Pod
from lab.traffic import Capture, call, listening, ping, ping_refused
from lab.underlay import FAR_V4, FAR_V6, ROUTER

PORT = 7600
#: How long the router remembers a conversation, in seconds.
MEMORY = 2

#: The router's. Its masquerade leaves the first node's port as it is; that of the second is mapped by a rule.
ROUTER_RULES = """
table inet nat {{
    chain out {{
        type nat hook postrouting priority srcnat;
        oifname far {family} saddr {second} udp sport 31337 snat {family} to {public}
        oifname far masquerade
    }}
    chain input {{
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        meta l4proto ipv6-icmp accept
    }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname wire accept
    }}
}}
"""

#: A node's own: nothing comes in but answers.
HOST_RULES = """
table inet host {
    chain input {
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        meta l4proto { icmp, ipv6-icmp } accept
    }
}
"""


class BehindNAT(ClusterCase):
    """Two nodes behind the router, of which one keeps its mapping open, and one in front of it whose port is open."""

    outside = "4"
    behind, before = "ebpf", "ebpf"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        router = cls.cluster.underlay.router
        cls.near, cls.silent = cls.cluster.nodes
        cls.far = Node("far")
        cls.addClassCleanup(cls.far.close)
        cls.cluster.nodes.append(cls.far)
        cls.far.v4, cls.far.v6 = cls.cluster.underlay.join_behind(cls.far)
        if cls.outside == "4":
            family, own, far, public = "ip", cls.silent.v4, cls.far.v4, FAR_V4.format(ROUTER)
        else:
            family, own, far, public = "ip6", cls.silent.v6, f"[{cls.far.v6}]", f"[{FAR_V6.format(ROUTER)}]"
        rules = ROUTER_RULES.format(family=family, second=own, public=f"{public}:40002")
        router.run("nft", "-f", "-", input=rules)
        for name in ("timeout", "timeout_stream"):
            router.run("sysctl", "-qw", f"net.netfilter.nf_conntrack_udp_{name}={MEMORY}")
        cls.public = public.strip("[]")
        endpoints = {cls.near: f"{public}:31337", cls.silent: f"{public}:40002", cls.far: f"{far}:31337"}
        items = [
            node.entry(outside=cls.outside, annotations={
                "warrens.io/endpoints": endpoint, "warrens.io/features": "zero-checksum6"})
            for node, endpoint in endpoints.items()
        ]
        for node in endpoints:
            node.write(NODE_FILE, json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        for node, interval in ((cls.near, 1), (cls.silent, 0)):
            node.settings(datapath=cls.behind, keepalive=interval)
            node.run("nft", "-f", "-", input=HOST_RULES)
        cls.far.settings(datapath=cls.before)
        cls.one, cls.other, cls.two = (Pod(node).attach() for node in endpoints)

    def test_a_node_that_keeps_its_mapping_open_can_be_called(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertReachable(self.two, self.one.address(family))
        # Long enough for the router to forget everybody who says nothing.
        time.sleep(MEMORY * 2)
        for family in FAMILIES:
            with self.subTest(family=family):
                ping_refused(self.two, self.other.address(family), timeout=1)
                self.assertReachable(self.two, self.one.address(family))

    def test_a_node_that_has_spoken_can_be_called(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertReachable(self.other, self.two.address(family))
                ping(self.two, self.other.address(family))

    def test_datagrams_leave_from_the_port_that_is_mapped(self):
        with Capture(self.far, "eth0") as wire:
            for pod in (self.one, self.other):
                for family in FAMILIES:
                    self.assertReachable(pod, self.two.address(family))
        ports = {
            line.split(" > ")[0].rsplit(".", 1)[1]
            for line in wire.lines(f"udp and src host {self.public} and dst port 31337")
        }
        self.assertEqual(ports, {"31337", "40002"})

    def test_everything_passes_both_ways(self):
        for family in FAMILIES:
            for source, target in ((self.two, self.one), (self.one, self.two)):
                with self.subTest(family=family, source=source.name):
                    address = target.address(family)
                    self.assertReachable(source, address)
                    with listening(target, PORT), listening(target, PORT, udp=True):
                        self.assertTrue(call(source, address, PORT, 2_000_000)["intact"])
                        self.assertTrue(call(source, address, PORT, 9000, udp=True)["intact"])
                    with station(target, PORT + 1) as arrived:
                        send_train(source, address, PORT + 1)
                        self.assertEqual(arrived(), whole_train())


class UserSpaceBehindNAT(BehindNAT):
    behind = "tun"
    test_a_node_that_has_spoken_can_be_called = test_datagrams_leave_from_the_port_that_is_mapped = None


class UserSpaceBeforeNAT(BehindNAT):
    """What comes in super-packets from there is the daemon's to take apart, behind the node's own firewall."""

    before = "tun"
    test_a_node_that_keeps_its_mapping_open_can_be_called = None
    test_a_node_that_has_spoken_can_be_called = test_datagrams_leave_from_the_port_that_is_mapped = None


class BehindNATOverIPv6(BehindNAT):
    outside = "6"
    test_a_node_that_has_spoken_can_be_called = test_datagrams_leave_from_the_port_that_is_mapped = None
