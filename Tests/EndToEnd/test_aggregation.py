"""Receive aggregation of the eBPF datapath: what crosses a wire in packets of its MTU reaches the pod in large ones."""

import json
import os
import signal
import struct
import subprocess
import unittest

import test_ebpf
import test_offload
from lab.case import FAMILIES, eventually, measured, wait_for_daemon
from lab.daemon import counters, daemon_status
from lab.kernel import Traces
from lab.pod import Pod
from lab.traffic import TUNNELLED, Capture, call, listening, ping_refused

PORT = 7400
UNCUT_OFF = ["tso", "off", "tx-udp-segmentation", "off"]


class Aggregation(test_ebpf.KernelPath):
    """Two nodes with a wire between them that passes packets of its MTU alone, as between machines."""

    port = PORT
    features = "ebpf,zero-checksum6"
    #: What the daemon says of itself.
    way = ""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.pristine = Traces(cls.cluster.nodes[0])
        for number, node in enumerate(cls.cluster.nodes, 1):
            node.run("ethtool", "-K", "eth0", *UNCUT_OFF, "gro", "on")
            # A veth merges what it receives only where its other end cuts what it sends.
            cls.cluster.underlay.router.run("ethtool", "-K", f"port{number}", *UNCUT_OFF)
        cls.cluster.announce(cls.features)

    def setUp(self):
        for family in FAMILIES:
            self.assertReachable(self.one, self.two.address(family))

    def average(self, family, length=10_000_000):
        """Transfers to a pod; returns how long the packets are, in bytes, that its interface receives on average."""
        self.assertReachable(self.one, self.two.address(family))
        before = self.received()
        with listening(self.two, self.port):
            self.assertTrue(call(self.one, self.two.address(family), self.port, length)["intact"])
        octets, packets = (now - then for now, then in zip(self.received(), before))
        return octets / packets

    def received(self):
        [link] = json.loads(self.two.run("ip", "-s", "-j", "link", "show", "eth0").stdout)
        return [link["stats64"]["rx"][what] for what in ("bytes", "packets")]

    def stop(self, node):
        for process in node.daemons():
            os.kill(process, signal.SIGTERM)
        eventually(lambda: self.assertEqual(node.daemons(), []))

    def restart(self, node, **settings):
        """Ends the daemon, and has a new pod start another one under other settings."""
        node.settings(**self.settings | settings)
        self.stop(node)
        Pod(node).attach()
        wait_for_daemon(node)


class Merging:
    """Tests of every way."""

    def test_packets_are_merged(self):
        self.assertIn(f"receive aggregation by {self.way}", daemon_status(self.first)["datapathReason"])
        for family in FAMILIES:
            with self.subTest(family=family):
                average = self.average(family)
                measured(f"{type(self).__name__}: {average:.0f} bytes a packet at the pod, inner IPv{family}")
                # What the programs must leave to user space, as before Linux 6.3, is merged as far as that gets it together.
                if self.outside == str(family) or "familyChange" not in self.first.control("status").stdout:
                    # One packet of the wire has 1500 bytes at most.
                    self.assertGreater(average, 1500)


class SharedPort(Merging):
    """Tests of ways that have the kernel hold the tunnel's port."""

    test_a_narrow_path_is_learned = test_offload.SuperPackets.test_a_path_that_is_narrower_than_the_devices_say

    def listeners(self):
        """Who has the tunnel's port, and who the daemon's own: a program's name, or nothing for the kernel."""
        lines = self.first.run("ss", "-Hlunp").stdout.splitlines()
        return {
            port: {("warrensd" if "warrensd" in line else "") for line in lines if f":{port} " in line} for port in (31337, 31338)
        }

    def test_kernel_and_daemon_share_the_port(self):
        self.assertEqual(self.listeners(), {31337: {""}, 31338: {"warrensd"}})
        self.restart(self.first, aggregation="none")
        self.assertEqual(self.listeners(), {31337: {"warrensd"}, 31338: set()})
        self.restart(self.first)
        self.assertEqual(self.listeners(), {31337: {""}, 31338: {"warrensd"}})
        self.stop(self.first)
        self.assertEqual(self.listeners(), {31337: set(), 31338: set()})
        # The programs go on.
        self.assertReachable(self.one, self.two.address(4))
        self.restart(self.first)

    def test_fragments_find_the_daemon(self):
        before = counters(self.first)["drop.unknownFormat"]
        self.cluster.internet.run("python3", "-c", test_ebpf.DATAGRAM, self.first.v4, "ff" * 4000)
        eventually(lambda: self.assertEqual(counters(self.first)["drop.unknownFormat"], before + 1))

    def test_removal_leaves_nothing(self):
        self.one.detach()
        self.first.control("uninstall", "--yes")
        left = [line for line in self.pristine.difference(Traces(self.first)) if "/var/lib/warrens" not in line]
        self.assertEqual(left, [])
        self.assertEqual(self.listeners()[31337], set())
        self.one.attach()
        self.assertReachable(self.two, self.one.address(6))


class GPE(SharedPort, Aggregation):
    settings = {"datapath": "ebpf", "framing": "gpe", "fastPath": "on"}
    way = "a VXLAN-GPE device"


#: What many an administrator has: from outside nothing but the tunnel's port, and no packet of an unknown connection.
CLOSED = """
table inet host {
    chain input {
        type filter hook input priority 0; policy drop;
        ct state invalid drop
        iifname != "eth0" accept
        meta l4proto ipv6-icmp accept
        udp dport 31337 accept
    }
    chain output {
        type filter hook output priority 0;
        udp dport 31337 udp sport != 31337 drop
    }
}
"""


class DaemonBehindGPE(Aggregation):
    """Nodes that do not say what they can receive, so the daemons send all of it, from a port of their own."""

    outside = "6"
    features = ""
    settings = {"datapath": "ebpf", "framing": "gpe"}

    @classmethod
    def prepare(cls):
        super().prepare()
        for node in cls.cluster.nodes:
            node.run("nft", "-f", "-", input=CLOSED)

    def test_the_wire_shows_one_port_alone(self):
        with Capture(self.first, "eth0") as wire:
            for node in self.transfer(5_000_000):
                # Super-packets, and few other than by the daemon.
                self.assertGreater(node["declinedSent"], 5_000_000 // 65536)
        self.assertGreater(wire.count(TUNNELLED), 5_000_000 // 1500)
        self.assertEqual(wire.lines("udp and not (src port 31337 and dst port 31337)"), [])


def has_fou():
    """Whether the kernel has Foo-over-UDP; tries as the daemon does."""
    subprocess.run(["modprobe", "-q", "fou"], check=False)
    return subprocess.run(["ip", "fou", "show"], capture_output=True, check=False).returncode == 0


FOU = unittest.skipUnless(has_fou(), "this kernel has no fou module")


@FOU
class GUE(SharedPort, Aggregation):
    settings = {"datapath": "ebpf", "fastPath": "on"}
    way = "a GUE socket"


@FOU
class GUEOverIPv6(Merging, Aggregation):
    outside = "6"
    settings = {"datapath": "ebpf", "aggregation": "gue", "fastPath": "on"}
    way = "a GUE socket"


@FOU
class HostileBehindGUE(test_ebpf.Hostile):
    settings = {"datapath": "ebpf", "aggregation": "gue"}


class Loop(Merging, Aggregation):
    settings = {"datapath": "ebpf", "aggregation": "loop"}
    way = "a GRO loop"


class XDP(Merging, Aggregation):
    """A veth runs programs natively, too, if with a detour."""

    settings = {"datapath": "ebpf", "aggregation": "xdp"}
    way = "XDP in the driver"

    @classmethod
    def prepare(cls):
        super().prepare()
        for number, node in enumerate(cls.cluster.nodes, 1):
            node.run("ethtool", "-K", "eth0", "tx", "off")
            cls.cluster.underlay.router.run("ethtool", "-K", f"port{number}", "tx", "off")

    def program(self):
        """The number of the program in the uplink's driver, or nothing."""
        [link] = json.loads(self.first.run("ip", "-j", "-d", "link", "show", "eth0").stdout)
        return link.get("xdp", {}).get("prog", {}).get("id")

    def test_each_daemon_takes_over_and_removal_leaves_nothing(self):
        former = self.program()
        self.assertIsNotNone(former)
        self.restart(self.first)
        self.assertNotIn(self.program(), (former, None))
        self.restart(self.first, aggregation="none")
        self.assertIsNone(self.program())
        self.restart(self.first)
        self.assertIsNotNone(self.program())
        for family in FAMILIES:
            self.assertReachable(self.one, self.two.address(family))
        self.first.control("uninstall", "--yes")
        self.assertIsNone(self.program())
        type(self).one = Pod(self.first).attach()

    def test_what_comes_bare_is_dropped(self):
        """A pod's packets from elsewhere come in datagrams alone."""
        for family, way in ((4, self.first.v4), (6, self.first.v6)):
            pod, internet = self.one.address(family), self.cluster.internet
            self.cluster.underlay.router.run("ip", "route", "add", pod, "via", way)
            internet.run("ip", "route", "add", pod, "via", "198.51.100.1" if family == 4 else "2001:db8:2::1")
            before = counters(self.first)["drop.bareInner"]
            ping_refused(internet, pod)
            self.assertGreater(counters(self.first)["drop.bareInner"], before)
            self.assertReachable(self.two, pod)


#: A network card of which the kernel sees no more than the link header in one piece, as of most cards: argv has its
#: name, and a frame in hexadecimal digits that it receives whenever a line comes in.
CARD = """
import fcntl, os, struct, sys
device = os.open("/dev/net/tun", os.O_RDWR)
# TUNSETIFF; IFF_TAP, IFF_NO_PI, IFF_NAPI, IFF_NAPI_FRAGS.
fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", sys.argv[1].encode(), 0x2 | 0x1000 | 0x10 | 0x20))
print("ready", flush=True)
for line in sys.stdin:
    frame = bytes.fromhex(line)
    os.writev(device, [frame[:14], frame[14:]])
    print("received", flush=True)
"""


class Card(test_ebpf.KernelPath):
    def test_headers_are_found_behind_the_beginning(self):
        ends = {end: subprocess.PIPE for end in ("stdin", "stdout", "stderr")}
        card = self.first.start("python3", "-c", CARD, "card0", **ends)
        self.addCleanup(card.stop)
        self.assertEqual(card.process.stdout.readline(), "ready\n")
        self.first.run("ip", "address", "add", "198.18.0.1/24", "dev", "card0")
        self.first.run("ip", "link", "set", "card0", "up")
        [link] = json.loads(self.first.run("ip", "-j", "link", "show", "card0").stdout)
        mac = bytes.fromhex(link["address"].replace(":", ""))
        eventually(lambda: self.assertIn("program uplink at ingress of card0", self.first.control("status").stdout))
        # Without a daemon nothing but the programs can deliver it.
        for process in self.first.daemons():
            os.kill(process, signal.SIGKILL)
        packet = test_ebpf.inner(self.two.address(4), self.one.address(4), payload=b"x" * 600)
        datagram = struct.pack("!4H", 31337, 31337, 8 + len(packet), 0) + packet
        outer = test_ebpf.inner(self.second.v4, self.first.v4, protocol=17, payload=datagram)
        with Capture(self.one, "eth0") as arriving:
            print((mac + bytes.fromhex("0200000000010800") + outer).hex(), file=card.process.stdin, flush=True)
            self.assertEqual(card.process.stdout.readline(), "received\n")
        self.assertEqual(len(arriving.lines("proto 253")), 1)


class NoAggregation(Aggregation):
    settings = {"datapath": "ebpf", "aggregation": "none"}

    def test_packets_stay_what_they_are(self):
        self.assertIn("no receive aggregation: the settings say so", daemon_status(self.first)["datapathReason"])
        for family in FAMILIES:
            with self.subTest(family=family):
                average = self.average(family)
                measured(f"{type(self).__name__}: {average:.0f} bytes a packet at the pod, inner IPv{family}")
                self.assertLess(average, 1500)
