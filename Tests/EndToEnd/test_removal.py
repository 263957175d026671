"""Removing Warrens from a node whose packets the kernel carries, by every kind of part that it has there."""

import os

from lab.bpf import held, present
from lab.case import FAMILIES, PairCase, eventually
from lab.daemon import daemon_status
from lab.kernel import Traces, ip


class Removal(PairCase):
    settings = {"datapath": "ebpf", "fastPath": "on", "aggregation": "loop"}

    @classmethod
    def prepare(cls):
        cls.pristine = Traces(cls.cluster.nodes[0])

    def features(self):
        """What the uplink does for packets, which nobody may leave changed."""
        return self.first.run("ethtool", "-k", "eth0").stdout

    def mounts(self):
        """Where something is mounted for Warrens. The node sees the machine's mounts, too."""
        places = [line.split()[4] for line in self.first.run("cat", "/proc/self/mountinfo").stdout.splitlines()]
        return [place for place in places if place.startswith("/run/warrens")]

    def test_uninstall_leaves_nothing(self):
        node = self.first
        self.transfer(2_000_000)
        self.assertIn("GRO loop", daemon_status(node)["datapathReason"])
        self.assertIn("warrens-merge", [link["ifname"] for link in ip(node, "link")])
        [daemon] = node.daemons()
        objects = held(daemon)
        kinds = {kind for kind, _ in objects}
        self.assertLessEqual({"prog_id", "map_id"}, kinds)
        self.assertEqual(present(objects), objects)
        self.assertEqual(len(self.mounts()), 1)

        self.one.detach()
        node.control("uninstall", "--yes", "--purge")

        self.assertEqual(node.daemons(), [])
        # The kernel lets go of a program when nobody can be in the middle of it any more.
        eventually(lambda: self.assertEqual(present(objects), set()))
        self.assertEqual(self.mounts(), [])
        self.assertFalse(node.exists("/run/warrens"))
        self.assertNothingLeft(self.pristine, node)

        # And it can come back.
        self.one.attach()
        for family in FAMILIES:
            self.assertReachable(self.one, self.two.address(family))
