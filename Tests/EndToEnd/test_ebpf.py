"""The datapath in the kernel: whole nodes whose packets eBPF programs carry, beside nodes that carry theirs in user space."""

import ipaddress
import struct

import test_offload
from lab.case import FAMILIES, PairCase, eventually
from lab.daemon import counters, daemon_status
from lab.traffic import Capture

PORT = 7300

#: Sends a datagram to the tunnel's port: argv has the node's address, and the payload in hexadecimal digits.
DATAGRAM = """
import socket, sys
end = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
end.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 31337))
"""


def inner(source, target, *, protocol=253, payload=b"x" * 20, length=None):
    """An IP packet, usually without a transport protocol (number 253, RFC 3692). `length` is what its header says."""
    source, target = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, length or len(payload), protocol, 9) + source.packed + target.packed + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, length or 20 + len(payload), 0, 0, 9, protocol, 0) + source.packed + target.packed
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:] + payload


class KernelPath(PairCase):
    port = PORT
    settings = {"datapath": "ebpf"}
    #: What the second node has different.
    other = {}

    @classmethod
    def prepare(cls):
        if cls.other:
            cls.cluster.nodes[1].settings(**cls.settings | cls.other)


class BothInTheKernel(KernelPath):
    def test_the_kernel_carries_transfers(self):
        for node in self.transfer():
            self.assertGreater(node["sentPackets"], 20_000_000 // 1500)
            # A packet that waits for a neighbour, and the like, at most.
            self.assertLess(node["declinedSent"] + node["declinedReceived"], 20)

    def test_status_says_so(self):
        status = daemon_status(self.first)
        self.assertEqual(status["datapath"], "ebpf")
        parts = self.first.control("status").stdout
        for part in ("program tunnel at egress", "program uplink at ingress", "map peers: 1 of 131072"):
            self.assertIn(part, parts)

    def test_host_reaches_remote_pod_and_the_other_way_round(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertReachable(self.first, self.two.address(family))
                self.assertReachable(self.two, self.first.v4 if family == 4 else self.tunnel_address(self.first, 6))

    def tunnel_address(self, node, family):
        subnet = next(text for text in node.subnets() if (":" in text) == (family == 6))
        return subnet.split("/")[0][:-1] + "1"


class FastPath(KernelPath):
    """Flows that the host only passes on skip its stack; all else is as without."""

    settings = {"datapath": "ebpf", "fastPath": "on"}

    def test_transfers_skip_the_stack(self):
        for node in self.transfer():
            self.assertGreater(node["bypassedSent"], 0.9 * node["sentPackets"])
            self.assertGreater(node["bypassedReceived"], 0.9 * node["receivedPackets"])

    def test_status_says_so(self):
        self.assertIn("fast path", daemon_status(self.first)["datapathReason"])


class Merged(KernelPath):
    """A wire that passes packets of its MTU alone, as between machines: what comes in is merged first."""

    @classmethod
    def prepare(cls):
        super().prepare()
        for node in cls.cluster.nodes:
            node.run("ethtool", "-K", "eth0", "tso", "off", "tx-udp-segmentation", "off", "gro", "on")

    def test_transfers(self):
        for node in self.transfer():
            self.assertGreater(node["receivedPackets"], 20_000_000 // 1500)
        self.assertIn("GRO loop", daemon_status(self.first)["datapathReason"])


class MergedFastPath(Merged):
    settings = {"datapath": "ebpf", "fastPath": "on"}


class KernelBesideUserSpace(KernelPath):
    """One node of each kind."""

    other = {"datapath": "tun"}

    def test_transfers(self):
        self.transfer()


class HashedSourcePorts(KernelPath):
    settings = {"datapath": "ebpf", "sourcePorts": "hashed"}
    ports = test_offload.HashedSourcePorts.ports
    test_one_flow_leaves_from_one_port = test_offload.HashedSourcePorts.test_one_flow_leaves_from_one_port

    def test_flows_leave_from_several_ports(self):
        ports = self.ports(PORT, 12)
        self.assertGreater(len(ports), 2)
        self.assertGreaterEqual(min(map(int, ports)), 49152)


class OverIPv6(KernelPath):
    outside = "6"

    def test_transfers(self):
        self.transfer()


class Framed(KernelPath):
    settings = {"datapath": "ebpf", "framing": "gpe"}
    other = {"datapath": "tun"}

    def test_transfers(self):
        self.transfer()


class Hostile(KernelPath):
    """Datagrams that nobody should send: each is dropped under its reason, by the programs or by the daemon behind them."""

    def test_each_reason_has_its_counter(self):
        stranger = self.cluster.internet
        for family in FAMILIES:
            one, two = self.one.address(family), self.two.address(family)
            nobody, loopback = ("203.0.113.7", "127.0.0.1") if family == 4 else ("2001:db8:9::7", "::1")
            self.assertReachable(self.one, two)
            cases = [
                ("spoofedSource", stranger, inner(two, one)),
                ("unknownSource", self.second, inner(nobody, one)),
                ("ownSource", self.second, inner(str(ipaddress.ip_address(one) + 1), one)),
                ("notForUs", self.second, inner(two, nobody)),
                ("martian", self.second, inner(loopback, one)),
                ("malformed", self.second, inner(two, one, length=400)),
                ("malformed", self.second, inner(two, one)[:19]),
                ("unknownFormat", self.second, bytes.fromhex("ff" * 40)),
                ("control", self.second, b"W" + bytes(30)),
                ("encrypted", self.second, bytes([4, 0, 0, 0]) + bytes(40)),
                ("otherFraming", self.second, bytes.fromhex("0c00000100005700") + inner(two, one)),
            ]
            with Capture(self.one, "eth0") as arriving:
                for reason, sender, payload in cases:
                    with self.subTest(family=family, reason=reason):
                        before = counters(self.first)[f"drop.{reason}"]
                        sender.run("python3", "-c", DATAGRAM, self.first.v4, payload.hex())
                        eventually(lambda: self.assertEqual(counters(self.first)[f"drop.{reason}"], before + 1))
            self.assertEqual(arriving.lines("proto 253 or ip6 proto 253"), [])
            self.assertReachable(self.one, two)
