"""Clusters set to `framing: gpe`: what pods do elsewhere they do here behind a VXLAN-GPE header, and nodes that differ in
the setting name each other."""

import os
import signal

import test_offload
import test_pods
from lab.case import FAMILIES, ClusterCase, eventually
from lab.daemon import daemon_status
from lab.traffic import TUNNELLED, Capture, ping, ping_refused

SETTINGS = {"framing": "gpe"}

#: The header by the inner family, as two numbers of four bytes.
HEADERS = {4: (0x0C000001, 0x00005700), 6: (0x0C000002, 0x00005700)}
#: Where a datagram's payload begins, by the outer family, in the words of tcpdump.
PAYLOAD = {"4": "udp[{}:4]", "6": "ip6[40 + {}:4]"}


class Framed:
    """Tests of bare packets, in a cluster with headers before them."""

    framing = 8

    def framed(self, family):
        """An expression for datagrams that carry packets of a family."""
        words = zip((8, 12), HEADERS[family])
        return " and ".join(f"{PAYLOAD[self.outside].format(place)} = {word}" for place, word in words)

    def test_every_datagram_has_the_header_of_its_family(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertReachable(self.one, self.two.address(family))
                with Capture(self.first, "eth0") as wire:
                    ping(self.one, self.two.address(family), count=3)
                    # Fragments of the pod's are packets like others.
                    ping(self.one, self.two.address(family), size=4000)
                self.assertEqual(wire.count(f"{TUNNELLED} and {self.framed(family)}"), wire.count(TUNNELLED))
                # Consecutive fragments are one super-packet here, where the kernel has not cut them yet.
                self.assertGreaterEqual(wire.count(TUNNELLED), 6 + 2)


class PodsOverIPv4(Framed, test_pods.PodsOverIPv4):
    settings = SETTINGS


class PodsOverIPv6(Framed, test_pods.PodsOverIPv6):
    settings = SETTINGS


class SuperPackets(Framed, test_offload.SuperPackets):
    settings = {**test_offload.SuperPackets.settings, **SETTINGS}

    def test_status_tells_what_the_kernel_does(self):
        super().test_status_tells_what_the_kernel_does()
        self.assertIn("framing gpe", daemon_status(self.first)["datapathReason"])


class SuperPacketsOverIPv6(Framed, test_offload.Offload):
    outside = "6"
    settings = SuperPackets.settings

    def test_transfers_travel_as_super_packets(self):
        sent, received = self.transfer()
        self.assertGreater(sent["segmentedSends"], 100)
        self.assertGreater(received["mergedDeliveries"], 100)
        self.assertTrainsArrive()


class WireOfPackets(Framed, test_offload.WireOfPackets):
    settings = SuperPackets.settings


class WireWithoutChecksums(Framed, test_offload.WireWithoutChecksums):
    settings = SuperPackets.settings


class BatchingOff(Framed, test_offload.BatchingOff):
    settings = {**test_offload.BatchingOff.settings, **SETTINGS}


class ChecksumDeferral(Framed, test_offload.ChecksumDeferral):
    settings = SuperPackets.settings

    #: The instrument looks into bare packets alone; that transfers arrive shows as much.
    test_checksums_stay_partial_between_those_that_agree = None


class NodesThatDiffer(ClusterCase):
    def test_each_names_the_other_until_they_agree(self):
        first, second = self.cluster.nodes
        second.settings(**SETTINGS)
        one, two = self.cluster.pods()
        for family in FAMILIES:
            ping_refused(one, two.address(family))
            ping_refused(two, one.address(family))
        for node, other in ((first, second), (second, first)):

            def is_named():
                self.assertGreater(daemon_status(node)["counters"]["drop.otherFraming"], 0)
                self.assertIn(f"{other.name} sends with another framing", node.control("status").stdout)
                self.assertIn(f"node={other.name}", node.run("sh", "-c", "cat /run/warrens/*.log").stdout)

            eventually(is_named)
        first.settings(**SETTINGS)
        for daemon in first.daemons():
            os.kill(daemon, signal.SIGTERM)
        eventually(lambda: self.assertEqual(first.daemons(), []))
        three = self.cluster.pods()[0]
        for family in FAMILIES:
            self.assertReachable(three, two.address(family))
            self.assertReachable(two, one.address(family))
        for node in self.cluster.nodes:
            eventually(lambda: self.assertNotIn("another framing", node.control("status").stdout))
