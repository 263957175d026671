"""Ten thousand nodes: what `warrens-nodes` needs of memory, and how soon one changed node is in the node file."""

import re
import statistics
import time

from lab.case import eventually, measured
from lab.kubernetes import NODE_FILE, KubernetesCase

COUNT = 10_000
#: Resident memory, in bytes.
MOST_MEMORY = 40_000_000
#: How many changes are timed.
ROUNDS = 15


class TenThousandNodes(KubernetesCase):
    nodes = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.member,) = cls.cluster.members
        cls.cluster.plane.populate(count=COUNT, avoid=[cls.member.node.machine_id])
        cls.cluster.plane.register(cls.member.node)
        began = time.monotonic()
        cls.member.start_source()
        eventually(cls.member.assert_ready, within=120, pause=0.5)
        measured(f"{COUNT} nodes listed and written in {time.monotonic() - began:.1f} s")

    def memory(self, key):
        """VmRSS or VmHWM of `warrens-nodes`, in bytes."""
        with open(f"/proc/{self.member.source.pid()}/status") as file:
            return int(re.search(rf"{key}:\s+(\d+) kB", file.read())[1]) * 1024

    def assertSmall(self, when):
        now, peak = self.memory("VmRSS"), self.memory("VmHWM")
        measured(f"{when}: {now / 1e6:.1f} MB resident, {peak / 1e6:.1f} MB at the most")
        self.assertLess(peak, MOST_MEMORY)

    def test_a_change_is_in_the_file_soon(self):
        self.assertEqual(len(self.member.file()), COUNT + 1)
        self.assertSmall("after the list")
        times = []
        for number in range(ROUNDS):
            route = f"203.0.113.{number}/32"
            began = time.monotonic()
            self.plane.annotate(f"made-up-{number * 600}", routes=route)
            eventually(lambda: self.assertIn(route, self.member.node.read(NODE_FILE)), within=30, pause=0.01)
            times.append(time.monotonic() - began)
        typical, most = statistics.median(times), max(times)
        measured(f"a changed node of {COUNT} is in the file after {typical:.2f} s, at most {most:.2f} s")
        self.assertSmall("after changes")

    def test_a_rival_among_them(self):
        """Another node claims this one's subnets, by a claim that is worse: every change of it asks who is right."""
        subnets = self.plane.annotations("node1")["subnets"]
        self.plane.create(name="rival", machine_id="f" * 32, addresses=[], annotations={"warrens.io/subnets": subnets})
        self.addCleanup(self.plane.delete, name="rival")
        for number in range(5):
            claim = f"generation={number + 100}"
            self.plane.annotate("rival", claim=claim)
            eventually(lambda: self.assertIn(claim, self.member.node.read(NODE_FILE)), within=30, pause=0.1)
        self.member.assert_ready()
        self.assertSmall("with a rival")

    def test_lists_again_and_heartbeats_need_no_more(self):
        self.plane.heartbeat(names=[f"made-up-{number}" for number in range(COUNT)])
        for _ in range(3):
            eventually(lambda: self.assertEqual(self.plane.command(what="expire"), 1), within=60)
            self.member.node.run("sleep", "1")
        eventually(lambda: self.assertEqual(self.plane.watches(), 1), within=120, pause=0.5)
        eventually(lambda: self.assertEqual(len(self.member.file()), COUNT + 1))
        self.assertSmall("after three lists and as many heartbeats as nodes")
