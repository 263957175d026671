"""The VPN programs that the benchmark compares with: that each does what its row in the report says."""

import functools
import os
import shutil
import sys
import unittest
from contextlib import contextmanager
from unittest import mock

from lab.sandbox import Sandbox
from lab.shell import repository
from lab.traffic import Capture, ping

sys.path.insert(0, os.path.join(repository(), "Tests/Benchmark"))

from measure.wire import Site, connect_all  # noqa: E402
from subjects import every_subject  # noqa: E402
from subjects.hub import Hub  # noqa: E402
from subjects.subject import Unavailable  # noqa: E402
from subjects.vpn import DEVICE, DIRECTORY, PORT, VPN  # noqa: E402

PROGRAMS = [subject for subject in every_subject() if issubclass(subject, VPN)]

#: What pings carry.
PATTERN = b"Warrens!"

#: More fragments follow, or this is a later one.
FRAGMENT = "ip[6:2] & 0x3fff != 0"


def largest_ping(program, family):
    """The payload of a ping that fills the program's device."""
    return program.mtu - (20 if family == 4 else 40) - 8


@contextmanager
def joined(count):
    """Sites at a switch whose links pass packets of the wire's MTU only."""
    places = [Sandbox("switch")]
    try:
        sites = []
        for number in range(1, count + 1):
            places.append(Sandbox(f"node{number}"))
            sites.append(Site(places[-1], number))
        connect_all(sites, places[0], "M")
        yield sites
    finally:
        for place in reversed(places):
            place.close()


def each(chosen=lambda program: True):
    """Runs a test with every chosen program that is installed."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            for program in filter(chosen, PROGRAMS):
                with self.subTest(program.name):
                    if reason := program().available():
                        self.skipTest(reason)
                    test(self, program())
        return run
    return decorate


class Programs(unittest.TestCase):
    @each()
    def test_carries_traffic_as_the_report_says_and_leaves_nothing(self, subject):
        with joined(2) as (left, right):
            subject.start(left, right)
            self.assertEqual(len(subject.processes()), 2)
            for family in subject.families:
                target = subject.addresses(family)[1]
                with Capture(left.node, "eth0") as capture:
                    left.pod.run("ping", "-c", "3", "-i", "0.2", "-p", PATTERN.hex(), target)
                    ping(left.pod, target, size=largest_ping(subject, family))
                self.assertGreaterEqual(capture.count(f"udp port {PORT}"), 8)
                self.assertEqual(capture.lines(FRAGMENT), [])
                with open(capture.file.name, "rb") as file:
                    self.assertEqual(PATTERN in file.read(), not subject.encrypted)
            subject.stop()
            for node in (left.node, right.node):
                self.assertFalse(node.exists(DIRECTORY))
                self.assertNotEqual(node.run("ip", "link", "show", DEVICE, check=False).returncode, 0)
                self.assertEqual([node.processes(command) for command in subject.commands if node.processes(command)], [])

    @each()
    def test_a_missing_family_has_a_reason(self, subject):
        for family in {4, 6} - set(subject.families):
            with self.assertRaisesRegex(Unavailable, f"IPv{family}"):
                subject.addresses(family)

    @each(lambda program: not program.variant)
    def test_a_hub_relays_everything(self, program):
        hub = Hub(program)
        with joined(3) as (center, left, right):
            hub.start(center, [left, right])
            self.assertEqual(len(hub.processes(center)), 1)
            for family in program.families:
                with Capture(left.node, "eth0") as capture:
                    ping(left.pod, hub.address(right, family), count=5, size=largest_ping(program, family))
                self.assertGreaterEqual(capture.count(f"udp and host {center.v4}"), 10)
                self.assertEqual(capture.lines(FRAGMENT), [])
                # Nebula's clients try to open their firewalls for each other, with packets of one byte.
                self.assertEqual(capture.lines(f"ip host {right.v4} and greater 60"), [])
            hub.stop()

    def test_a_missing_program_is_a_reason(self):
        with mock.patch.object(shutil, "which", return_value=None):
            for program in PROGRAMS:
                self.assertIn(program.packages[0], program().available())


if __name__ == "__main__":
    unittest.main()
