"""What all suites share: a cluster for the class, and a report of its nodes when a test fails."""

import os
import shutil
import signal
import sys
import time
import unittest

from .daemon import counters, request
from .node import Cluster
from .shell import PATIENCE, CommandFailed
from .traffic import call, listening, ping

#: Inner families, for `subTest`.
FAMILIES = (4, 6)


def eventually(check, *, within=10, pause=0.1):
    """Repeats a check that raises until it returns, and returns its value; the last error counts when time is up.

    `within` is in seconds of a usual machine.
    """
    deadline = time.monotonic() + within * PATIENCE
    while True:
        try:
            return check()
        except (AssertionError, CommandFailed, LookupError, OSError):
            if time.monotonic() > deadline:
                raise
        time.sleep(pause)


def wait_for_daemon(node):
    """Waits until a daemon that a pod has started answers. The pod itself does not wait."""

    def answers():
        status, _ = request(node, "/healthz")
        if status != 200:
            raise AssertionError(f"{node.name}: warrensd answers with {status}")

    eventually(answers)


def measured(text):
    """Reports a number for people; no test passes or fails by it."""
    print(f"\nmeasured: {text}", flush=True)


class ClusterCase(unittest.TestCase):
    """Tests on one cluster, made for the class and gone with it. `nodes` and `outside` say what it looks like."""

    nodes = 2
    outside = "both"
    #: What every node's settings file holds; there is none where it is empty.
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.make_cluster()
        cls.addClassCleanup(cls.cluster.close)
        for node in cls.cluster.nodes:
            if cls.settings:
                node.settings(**cls.settings)

    @classmethod
    def make_cluster(cls):
        return Cluster(cls.nodes, outside=cls.outside)

    def run(self, result=None):
        failures = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failures:
            self.report()

    def report(self):
        """Prints what an operator would look at first."""
        for node in self.cluster.nodes:
            print(f"--- {node.name}", file=sys.stderr)
            for command in (
                ["/opt/cni/bin/warrensctl", "status"],
                ["ip", "-br", "address"],
                ["ip", "route"],
                ["ip", "route", "show", "table", "31337"],
                ["ip", "-6", "route"],
                ["ip", "-6", "route", "show", "table", "31337"],
                ["ip", "rule"],
                ["nft", "list", "ruleset"],
                ["sh", "-c", "tail -n 30 /run/warrens/*.log"],
            ):
                outcome = node.run(*command, check=False, timeout=10)
                print(f"$ {' '.join(command)}\n{outcome.stdout}{outcome.stderr}", file=sys.stderr)

    def reboot(self, node):
        """Loses what a reboot loses: processes, network devices and rules, /run. The state in /var/lib stays."""
        for daemon in node.daemons():
            os.kill(daemon, signal.SIGKILL)
        eventually(lambda: self.assertEqual(node.daemons(), []))
        for name in node.run("ip", "netns", "list").stdout.split():
            if name.startswith("pod"):
                node.run("ip", "netns", "delete", name)
        for device in ("cni0", "warrens0"):
            node.run("ip", "link", "delete", device, check=False)
        for family in ("-4", "-6"):
            node.run("ip", family, "rule", "delete", "priority", "3133", check=False)
            node.run("ip", family, "route", "flush", "table", "31337", check=False)
            node.run("ip", family, "route", "flush", "type", "unreachable", check=False)
        node.run("nft", "flush", "ruleset")
        shutil.rmtree(node.path("/run/warrens"), ignore_errors=True)

    def assertNothingLeft(self, before, node, *, within=5):
        """Compares `Traces`; what a daemon removes by itself gets a moment to go."""

        def check():
            self.assertEqual(before.difference(type(before)(node)), [])

        eventually(check, within=within)

    def assertReachable(self, place, address, *, within=10):
        eventually(lambda: ping(place, address, timeout=1), within=within)


class PairCase(ClusterCase):
    """Tests between one pod on each of two nodes, which have IPv4 outside."""

    outside = "4"
    #: Where `transfer` listens.
    port = 7200

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prepare()
        cls.first, cls.second = cls.cluster.nodes
        cls.one, cls.two = cls.cluster.pods()
        for node in cls.cluster.nodes:
            wait_for_daemon(node)

    @classmethod
    def prepare(cls):
        """What else has to be there before the daemons are."""

    def transfer(self, length=20_000_000):
        """Transfers both ways in both families; returns what the daemon of each node counted meanwhile."""
        before = counters(self.first), counters(self.second)
        with listening(self.two, self.port), listening(self.one, self.port):
            for family in FAMILIES:
                for source, target in ((self.one, self.two), (self.two, self.one)):
                    with self.subTest(family=family, source=source.name):
                        self.assertReachable(source, target.address(family))
                        self.assertTrue(call(source, target.address(family), self.port, length)["intact"])
        after = counters(self.first), counters(self.second)
        return [{name: now[name] - then[name] for name in now} for then, now in zip(before, after)]
