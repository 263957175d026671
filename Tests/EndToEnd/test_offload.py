"""How the TUN datapath meets the kernel: super-packets cut and joined, checksums left to the receiver, several queues and
source ports, none of it, and wires that do not help."""

import json
import os
import re
import sys
from types import SimpleNamespace

from lab.case import FAMILIES, PairCase
from lab.daemon import counters, daemon_status
from lab.datagrams import send_train, station, whole_train
from lab.node import NODE_FILE
from lab.shell import repository
from lab.traffic import Capture, call, listening, ping
from lab.underlay import ROUTER, WIRE_V4

sys.path.insert(0, os.path.join(repository(), "Tests/Benchmark"))
from measure.checksums import deferred, folded_sum  # noqa: E402

PORT = 7200

#: Sends a datagram to the tunnel's port as a peer without offloads and without checksums would: argv has the peer's
#: address, and the inner packet in hexadecimal digits.
DATAGRAM = """
import socket, sys
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 31337))
"""


class Offload(PairCase):
    settings = {"datapath": "tun"}

    def assertTrainsArrive(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertReachable(self.one, self.two.address(family))
                with station(self.two, PORT + family) as arrived:
                    send_train(self.one, self.two.address(family), PORT + family)
                    self.assertEqual(arrived(), whole_train())


class SuperPackets(Offload):
    """A wire that passes super-packets, as between machines of one host."""

    def test_transfers_travel_as_super_packets(self):
        sent, received = self.transfer()
        self.assertGreater(sent["segmentedSends"], 100)
        self.assertGreater(received["mergedDeliveries"], 100)
        # Twenty million bytes in packets of the tunnel's size, not in super-packets: what is counted is what crosses.
        self.assertGreater(sent["sentPackets"], 2 * 20_000_000 // 1500)
        self.assertEqual(sent["segmentationRefusals"], 0)

    def test_trains_of_datagrams_arrive_one_by_one(self):
        self.assertTrainsArrive()

    def test_status_tells_what_the_kernel_does(self):
        self.assertIn("TCP segmentation", daemon_status(self.first)["datapathReason"])

    def test_a_path_that_is_narrower_than_the_devices_say(self):
        """A router on the way says so; the pods learn it by "packet too big", for super-packets as for packets."""
        router, way = self.cluster.underlay.router, f"{self.second.v4}/32"
        for device in ("all", "wire"):
            router.run("sysctl", "-qw", f"net.ipv4.conf.{device}.send_redirects=0")
        router.run("ip", "route", "add", way, "dev", "wire", "mtu", "1400")
        self.first.run("ip", "route", "add", way, "via", WIRE_V4.format(ROUTER))
        self.addCleanup(self.first.run, "ip", "route", "delete", way)
        before = counters(self.first)
        with listening(self.two, PORT + 20):
            for family in FAMILIES:
                with self.subTest(family=family):
                    self.assertReachable(self.one, self.two.address(family))
                    self.assertTrue(call(self.one, self.two.address(family), PORT + 20, 5_000_000)["intact"])
        after = counters(self.first)
        self.assertGreater(after["pathMTUChanges"], before["pathMTUChanges"])
        self.assertGreater(after["drop.tooBig"], before["drop.tooBig"])


class WireOfPackets(Offload):
    """A wire that carries nothing longer than its MTU and joins what it receives, as a network card does."""

    @classmethod
    def prepare(cls):
        router = cls.cluster.underlay.router
        for number, node in enumerate(cls.cluster.nodes, 1):
            node.run("ethtool", "-K", "eth0", "tso", "off", "tx-udp-segmentation", "off", "gro", "on")
            router.run("ethtool", "-K", f"port{number}", "tso", "off", "tx-udp-segmentation", "off", "gro", "on")

    def test_transfers_are_split_and_joined(self):
        sent, received = self.transfer()
        self.assertGreater(sent["segmentedSends"], 100)
        self.assertGreater(received["mergedDeliveries"], 100)

    def test_trains_of_datagrams_arrive_one_by_one(self):
        self.assertTrainsArrive()


class WireWithoutChecksums(Offload):
    """A device that computes no checksums: older kernels refuse to split for it (EIO), newer ones do it in software."""

    @classmethod
    def prepare(cls):
        for node in cls.cluster.nodes:
            node.run("ethtool", "-K", "eth0", "tx", "off", check=False)

    def test_transfers_arrive(self):
        sent, _ = self.transfer(5_000_000)
        self.assertGreater(sent["sentPackets"], 2 * 5_000_000 // 1500)


class BatchingOff(Offload):
    settings = {**Offload.settings, "batching": "off"}

    def test_transfers_arrive_packet_by_packet(self):
        sent, received = self.transfer(5_000_000)
        self.assertEqual(sent["segmentedSends"], 0)
        self.assertEqual(received["mergedDeliveries"], 0)
        self.assertIn("batching off", daemon_status(self.first)["datapathReason"])

    def test_trains_of_datagrams_arrive_one_by_one(self):
        self.assertTrainsArrive()


class Queues(Offload):
    settings = {**Offload.settings, "queues": 3}

    def test_each_queue_has_its_threads_and_transfers_arrive(self):
        (daemon,) = self.first.daemons()
        names = [open(f"/proc/{daemon}/task/{task}/comm").read().strip() for task in os.listdir(f"/proc/{daemon}/task")]
        for number in range(3):
            self.assertIn(f"warrens-out{number}", names)
            self.assertIn(f"warrens-in{number}", names)
        self.transfer()


class HashedSourcePorts(Offload):
    settings = {**Offload.settings, "sourcePorts": "hashed"}

    def ports(self, port, calls):
        """The outer source ports of some calls to one port."""
        with listening(self.two, port), Capture(self.first, "eth0") as wire:
            for family in FAMILIES:
                for _ in range(calls):
                    self.assertTrue(call(self.one, self.two.address(family), port, 1000)["intact"])
        lines = wire.lines(f"src host {self.first.v4} and udp dst port 31337")
        return {re.search(r"\.(\d+) > ", line).group(1) for line in lines}

    def test_flows_leave_from_several_ports(self):
        ports = self.ports(PORT, 12)
        self.assertGreater(len(ports), 2)
        self.assertLessEqual(len(ports), 8)

    def test_one_flow_leaves_from_one_port(self):
        with Capture(self.first, "eth0") as wire:
            ping(self.one, self.two.address(6), count=8)
        lines = wire.lines(f"src host {self.first.v4} and udp dst port 31337")
        self.assertEqual(len(lines), 8)
        self.assertEqual(len({re.search(r"\.(\d+) > ", line).group(1) for line in lines}), 1)

    def test_transfers_arrive(self):
        self.transfer()


class ChecksumDeferral(Offload):
    announcing = (True, True)

    @classmethod
    def prepare(cls):
        items = [
            node.entry(outside="4", annotations={"warrens.io/features": "checksum-deferral"} if announces else {})
            for node, announces in zip(cls.cluster.nodes, cls.announcing)
        ]
        for node in cls.cluster.nodes:
            node.write(NODE_FILE, json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def crosses_deferred(self):
        self.assertReachable(self.one, self.two.address(4))
        left = SimpleNamespace(pod=self.one, node=self.first)
        right = SimpleNamespace(pod=self.two, node=self.second)
        return deferred(left, right, self.two.address(4))

    def test_checksums_stay_partial_between_those_that_agree(self):
        self.assertTrue(self.crosses_deferred())

    def test_transfers_arrive(self):
        self.transfer()
        self.assertTrainsArrive()


class ChecksumDeferralOfOne(ChecksumDeferral):
    announcing = (True, False)

    def test_checksums_stay_partial_between_those_that_agree(self):
        self.assertFalse(self.crosses_deferred())


class OtherSenders(Offload):
    """Datagrams as kernel senders let them out on virtual wires: partial checksums, and super-packets that nobody cut."""

    def inner(self, payload, *, complete):
        """A UDP packet from pod two to pod one, in hexadecimal digits."""
        source, target = ([int(part) for part in pod.address(4).split(".")] for pod in (self.two, self.one))
        length = 8 + len(payload)
        pseudo = bytes(source + target) + (17).to_bytes(2, "big") + length.to_bytes(2, "big")
        udp = (4000).to_bytes(2, "big") + (PORT + 9).to_bytes(2, "big") + length.to_bytes(2, "big")
        partial = folded_sum(pseudo)
        whole = 0xFFFF ^ folded_sum(pseudo + udp + b"\0\0" + payload + b"\0" * (len(payload) % 2))
        header = bytes([0x45, 0]) + (20 + length).to_bytes(2, "big") + bytes([0, 1, 0, 0, 64, 17, 0, 0])
        header += bytes(source + target)
        header = header[:10] + (0xFFFF ^ folded_sum(header)).to_bytes(2, "big") + header[12:]
        return (header + udp + (whole if complete else partial).to_bytes(2, "big") + payload).hex()

    def receive(self, *packets):
        """Sends packets from node two's address, then "end"; returns what pod one's socket got."""
        with station(self.one, PORT + 9) as arrived:
            for packet in [*packets, self.inner(b"end", complete=True)]:
                self.second.run("python3", "-c", DATAGRAM, self.first.v4, packet)
            return arrived()

    def test_partial_checksums_are_accepted_and_wrong_ones_are_not(self):
        wrong = self.inner(b"w" * 90, complete=True)
        wrong = wrong[:-2] + "00"
        got = self.receive(
            self.inner(b"p" * 100, complete=False), self.inner(b"c" * 101, complete=True), wrong)
        self.assertEqual(got, [[100, ord("p")], [101, ord("c")], [3, ord("e")]])

    def test_what_was_merged_and_cannot_be_cut_is_dropped_by_name(self):
        before = counters(self.first)["drop.oversized"]
        self.assertEqual(self.receive(self.inner(b"m" * 3000, complete=False)), [[3, ord("e")]])
        self.assertEqual(counters(self.first)["drop.oversized"], before + 1)
