"""The instruments of the benchmark's questions: they measure what they say."""

import os
import re
import sys
import unittest

from lab.node import Cluster
from lab.shell import repository
from lab.traffic import ping

sys.path.insert(0, os.path.join(repository(), "Tests/Benchmark"))

from measure import leases  # noqa: E402
from measure.crowd import Answers, ask  # noqa: E402
from measure.far import FarGroup  # noqa: E402
from measure.flows import together  # noqa: E402
from measure.group import Group  # noqa: E402
from measure.numbered import lost  # noqa: E402
from questions import attach, every_question  # noqa: E402
from subjects.mesh import PlainMesh  # noqa: E402


class Arithmetic(unittest.TestCase):
    def test_leases_are_named_as_nodes_are(self):
        # The vector of the protocol: a machine id with its line feed.
        self.assertEqual(leases.fnv1a(b"0123456789abcdef0123456789abcdef\n"), 0x302913E9DC81EE6D)

    def test_what_is_missing_between_the_first_and_the_last_is_lost(self):
        self.assertEqual(lost([(0, 1, 5), (0, 2, 6), (0, 2, 9), (0, 2, 8)]), 1)
        self.assertEqual(lost([]), 0)

    def test_percentiles_of_answers(self):
        answers = Answers(200, 100, list(range(1, 101)), 3, 0.5)
        self.assertEqual((answers.latency(50), answers.latency(99), answers.failed_percent), (51, 100, 50))
        self.assertIsNone(Answers(1, 1, [], 3, 0.5).latency(50))

    def test_every_question_explains_itself(self):
        for name, question in every_question().items():
            with self.subTest(name):
                self.assertEqual(question.name, name)
                self.assertTrue(question.__doc__.endswith("?"), question.__doc__)
                self.assertGreater(len(question.about), 100)


class SeededLeases(unittest.TestCase):
    def test_seeded_leases_are_leases_and_stay(self):
        cluster = Cluster(1)
        self.addCleanup(cluster.close)
        place = attach.Place(cluster.nodes[0], 50)
        self.addCleanup(place.runtime.close)
        for plugin in attach.SUBJECTS:
            times = place.clock(plugin, masquerade=False, crowd=3)
            self.assertEqual([len(each) for each, _ in times.values()], [3, 3, 3])
        # Those, the first container's, and each with an address of both families.
        self.assertEqual(leases.count_own(place.runtime.node, "warrens"), 51)
        self.assertEqual(len(place.runtime.node.listing("/run/warrens/leases/.addresses")), 102)


class LimitedLinks(unittest.TestCase):
    RATE = 20

    def test_no_flow_is_faster_than_its_link(self):
        group = Group(PlainMesh(), 3, self.RATE)
        self.addCleanup(group.close)
        rates, _ = together(group, [(1, 0), (2, 0), (0, 1)], 1)
        # What waited in the queues when the second began counts as well, and a second is not exactly one.
        self.assertLess(rates[0] + rates[1], self.RATE * 1.2)
        self.assertLess(rates[2], self.RATE * 1.2)

    def test_a_crowd_is_answered(self):
        group = Group(PlainMesh(), 3)
        self.addCleanup(group.close)
        answers = ask(group, 0, [1, 2], 9, interval=0.25, timeout=2, seconds=1)
        self.assertEqual(answers.failed, 0)
        self.assertEqual(len(answers.milliseconds), answers.asked)
        self.assertIn(answers.asked, range(27, 46))


class LongWire(unittest.TestCase):
    def test_it_delays_and_loses(self):
        group = FarGroup(PlainMesh(), 2)
        self.addCleanup(group.close)
        near, far = group.sites
        group.impair(delay=50, loss=0, rate=20)
        times = re.findall(r"time=([\d.]+)", ping(far.pod, group.address(near), count=3))
        self.assertEqual(len(times), 3)
        self.assertGreaterEqual(min(map(float, times)), 100)

        group.impair(delay=0, loss=50, rate=20)
        told = far.pod.run("ping", "-n", "-q", "-i", "0.01", "-c", "200", "-W", "1", group.address(near), check=False).stdout
        # A quarter of 200 comes back; forty is six standard deviations.
        self.assertIn(int(re.search(r"(\d+) received", told)[1]), range(10, 91))
