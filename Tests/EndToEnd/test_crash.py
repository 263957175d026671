"""kill -9 of each executable at random points, full disks, vanishing namespaces: the next run repairs it."""

import json
import os
import random
import signal
import statistics
import time

from lab.case import FAMILIES, ClusterCase, eventually
from lab.cni import Network, PluginError, execute, find
from lab.kernel import Traces
from lab.node import CONFIGURATION
from lab.pod import Pod
from lab.shell import PATIENCE
from lab.traffic import ping

SEED = int(os.environ.get("WARRENS_SEED") or time.time())
KILLS = 30


class Crash(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second = cls.cluster.nodes
        cls.remote = Pod(cls.second).attach()
        Pod(cls.first).attach().detach()
        cls.random = random.Random(SEED)
        print(f"seed {SEED} (WARRENS_SEED)")

    def request(self, pod, verb):
        """Environment and standard input of a call that we make ourselves, to kill it."""
        environment = {
            "CNI_COMMAND": verb, "CNI_CONTAINERID": pod.identifier, "CNI_NETNS": pod.namespace, "CNI_IFNAME": "eth0",
            "CNI_PATH": "/opt/cni/bin",
        }
        request = {**CONFIGURATION["plugins"][0], "name": CONFIGURATION["name"], "cniVersion": "1.0.0"}
        return environment, json.dumps(request)

    def killed(self, pod, verb, seconds, plugin="warrens"):
        """Runs a plugin and kills it after that time; tells whether it was killed before its end."""
        environment, input = self.request(pod, verb)
        outcome = execute(
            self.first, plugin, environment, input, before=["timeout", "--signal=KILL", f"{seconds:.5f}"]
        )
        # `timeout` and `nsenter` end by the signal that ended the plugin.
        return outcome.returncode in (-9, 137)

    def duration(self, verb, plugin="warrens"):
        """The median time of an undisturbed call."""
        times = []
        for _ in range(5):
            pod = Pod(self.first)
            if verb == "DEL":
                execute(self.first, plugin, *self.request(pod, "ADD"))
            begin = time.monotonic()
            execute(self.first, plugin, *self.request(pod, verb), before=["timeout", "--signal=KILL", str(20 * PATIENCE)])
            times.append(time.monotonic() - begin)
            execute(self.first, plugin, *self.request(pod, "DEL"))
            pod.destroy()
        return statistics.median(times)

    def works(self, pod):
        for family in FAMILIES:
            self.assertReachable(pod, self.remote.address(family))
        pod.check()

    def test_a_killed_add_is_repaired_by_the_next(self):
        longest, kills = self.duration("ADD") * 1.1, 0
        before = Traces(self.first)
        for _ in range(KILLS):
            pod = Pod(self.first)
            killed = self.killed(pod, "ADD", self.random.uniform(0, longest))
            kills += killed
            if killed:
                try:
                    pod.attach()
                except PluginError as error:
                    # It was killed after its work was done; the interface is there, and that is the standard's error.
                    self.assertIn("eth0", error.message)
                    pod.attach()
                self.works(pod)
                pod.detach()
            else:
                Network(self.first, CONFIGURATION).delete(pod)
            pod.destroy()
        self.assertGreater(kills, KILLS // 4)
        self.assertNothingLeft(before, self.first)

    def test_a_killed_add_is_undone_by_del(self):
        longest = self.duration("ADD")
        before = Traces(self.first)
        for number in range(KILLS):
            pod = Pod(self.first)
            self.killed(pod, "ADD", self.random.uniform(0, longest))
            if number % 2:
                pod.destroy()
            # The delegated plugin, which nobody killed, may still be at work.
            time.sleep(0.02 * PATIENCE)
            Network(self.first, CONFIGURATION).delete(pod, namespace=not number % 2)
        self.assertNothingLeft(before, self.first)

    def test_a_killed_del_is_finished_by_the_next(self):
        longest = self.duration("DEL")
        before = Traces(self.first)
        for _ in range(KILLS):
            pod = Pod(self.first).attach()
            self.killed(pod, "DEL", self.random.uniform(0, longest))
            pod.detach()
            pod.destroy()
        self.assertNothingLeft(before, self.first)

    def test_a_killed_ipam_loses_no_address(self):
        longest = self.duration("ADD", "warrens-ipam")
        before = Traces(self.first)
        for verb in ("ADD", "DEL"):
            for _ in range(KILLS):
                pod = Pod(self.first)
                if verb == "DEL":
                    execute(self.first, "warrens-ipam", *self.request(pod, "ADD"))
                self.killed(pod, verb, self.random.uniform(0, longest), "warrens-ipam")
                pod.attach()
                self.assertEqual(len(pod.result["ips"]), 2)
                pod.detach()
        pods = [Pod(self.first).attach() for _ in range(5)]
        self.assertEqual(len({pod.address(6) for pod in pods}), 5)
        for pod in pods:
            pod.detach()
        self.assertNothingLeft(before, self.first)

    def test_an_ipam_killed_below_add_fails_it_cleanly(self):
        path = self.first.path(find(self.first, "warrens-ipam"))
        before = Traces(self.first)
        os.rename(path, path + ".real")
        with open(path, "w") as script:
            script.write(
                '#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] && exec timeout --signal=KILL 0.0005 "$0.real"\nexec "$0.real"\n'
            )
        os.chmod(path, 0o755)
        failures = 0
        try:
            for _ in range(10):
                pod = Pod(self.first)
                try:
                    pod.attach().detach()
                except PluginError as error:
                    failures += 1
                    self.assertIn("warrens-ipam", error.text)
        finally:
            os.rename(path + ".real", path)
        self.assertGreater(failures, 0)
        self.assertNothingLeft(before, self.first)

    def test_a_killed_daemon_is_started_anew(self):
        pod = Pod(self.first).attach()
        for number in range(10):
            with self.subTest(number=number):
                for daemon in self.first.daemons():
                    os.kill(daemon, signal.SIGKILL)
                eventually(lambda: self.assertEqual(self.first.daemons(), []))
                self.first.run(
                    "timeout", "--signal=KILL", f"{self.random.uniform(0.001, 0.05):.4f}",
                    "/opt/cni/bin/warrensd", "--foreground", check=False,
                )
                eventually(lambda: self.assertEqual(self.first.daemons(), []))
                neighbour = Pod(self.first).attach()
                self.assertEqual(len(self.first.daemons()), 1)
                self.works(pod)
                neighbour.detach()
        pod.detach()

    def test_a_namespace_that_vanishes_midway(self):
        longest = self.duration("ADD")
        before = Traces(self.first)
        for _ in range(10):
            pod = Pod(self.first)
            environment, input = self.request(pod, "ADD")
            script = f"sleep {self.random.uniform(0, longest):.5f}; ip netns delete {pod.name}"
            vanishing = self.first.start("sh", "-c", script)
            outcome = execute(self.first, "warrens", environment, input)
            vanishing.process.wait()
            self.assertIsInstance(json.loads(outcome.stdout), dict)
            Network(self.first, CONFIGURATION).delete(pod, namespace=False)
        self.assertNothingLeft(before, self.first)

    def test_a_full_disk_fails_add_and_nothing_more(self):
        for directory in ("leases", "attachments"):
            with self.subTest(directory=directory):
                before = Traces(self.first)
                path = f"/run/warrens/{directory}"
                self.first.run("mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=2", "tmpfs", path)
                try:
                    with self.assertRaises(PluginError) as caught:
                        Pod(self.first).attach()
                    self.assertIn("space", caught.exception.text.lower())
                finally:
                    self.first.run("umount", path)
                self.assertNothingLeft(before, self.first)
                pod = Pod(self.first).attach()
                self.works(pod)
                pod.detach()

    def test_read_only_state_fails_add_with_its_reason(self):
        before = Traces(self.first)
        self.first.run("mount", "--bind", "/run/warrens", "/run/warrens")
        self.first.run("mount", "-o", "remount,bind,ro", "/run/warrens")
        try:
            with self.assertRaises(PluginError) as caught:
                Pod(self.first).attach()
            self.assertIn("read-only", caught.exception.text.lower())
        finally:
            self.first.run("umount", "/run/warrens")
        self.assertNothingLeft(before, self.first)
        pod = Pod(self.first).attach()
        self.works(pod)
        for family in FAMILIES:
            ping(pod, self.remote.address(family))
        pod.detach()
