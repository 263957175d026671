"""A node that boots, a daemon that is dead, killed or gone: what the node does then, and what never leaves it."""

import json
import os
import signal
import subprocess

from lab.case import FAMILIES, ClusterCase, eventually
from lab.cni import Network, PluginError
from lab.containerd import remove_control_groups
from lab.node import CONFIGURATION
from lab.pod import Pod
from lab.traffic import IN_CLEAR, Capture, ping, ping_refused

#: STATUS came with CNI 1.1.0.
NEWEST = {**CONFIGURATION, "cniVersion": "1.1.0"}


class Boot(ClusterCase):
    # The kernel's datapath goes on without a daemon, which is another suite's matter.
    settings = {"datapath": "tun"}

    def setUp(self):
        self.first, self.second = self.cluster.nodes
        self.two = Pod(self.second).attach()

    def test_status_comes_first_then_the_pod_works(self):
        for round in ("first boot", "second boot"):
            with self.subTest(round=round):
                self.reboot(self.first)
                network = Network(self.first, NEWEST)
                network.status()
                pod = Pod(self.first).attach(network)
                network.status()
                for family in FAMILIES:
                    self.assertReachable(pod, self.two.address(family))
                self.assertEqual(len(self.first.daemons()), 1)

    def test_a_dead_daemon_means_refusal_and_nothing_in_clear(self):
        pod = Pod(self.first).attach()
        for family in FAMILIES:
            self.assertReachable(pod, self.two.address(family))
        for daemon in self.first.daemons():
            os.kill(daemon, signal.SIGKILL)
        eventually(lambda: self.assertEqual(self.first.daemons(), []))
        with Capture(self.first, "eth0") as wire:
            for family in FAMILIES:
                for place in (pod, self.first):
                    with self.subTest(family=family, place=place.name):
                        # The kernel needs up to a second to see that nobody holds the tunnel device any more.
                        eventually(lambda: self.assertRegex(
                            ping_refused(place, self.two.address(family)), "(?i)unreachable|no route"
                        ), within=3)
        self.assertEqual(wire.lines(IN_CLEAR), [])
        another = Pod(self.first).attach()
        for family in FAMILIES:
            self.assertReachable(pod, self.two.address(family))
            self.assertReachable(another, self.two.address(family))

    def test_without_autostart_nothing_leaves_in_clear_before_the_daemon_comes(self):
        self.reboot(self.first)
        plugin = {**CONFIGURATION["plugins"][0], "tunnel": {"autostart": False}}
        pod = Pod(self.first).attach(Network(self.first, {**CONFIGURATION, "plugins": [plugin]}))
        self.assertEqual(self.first.daemons(), [])
        with Capture(self.first, "eth0") as wire:
            for family in FAMILIES:
                ping_refused(pod, self.two.address(family))
        self.assertEqual(wire.lines(IN_CLEAR), [])
        daemon = self.first.start("/opt/cni/bin/warrensd", "--foreground", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for family in FAMILIES:
                self.assertReachable(pod, self.two.address(family))
        finally:
            daemon.stop(signal.SIGTERM)

    def test_the_rule_of_an_earlier_version_goes(self):
        """It knew the daemon's own datagrams by another mark, and would lead those of today into the tunnel."""
        Pod(self.first).attach()
        for daemon in self.first.daemons():
            os.kill(daemon, signal.SIGKILL)
        eventually(lambda: self.assertEqual(self.first.daemons(), []))
        for family in FAMILIES:
            rule = ["priority", "3133", "not", "from", "all", "fwmark", "0x57415252", "lookup", "31337"]
            self.first.run("ip", f"-{family}", "rule", "delete", "priority", "3133")
            self.first.run("ip", f"-{family}", "rule", "add", *rule)
        pod = Pod(self.first).attach()
        for family in FAMILIES:
            self.assertReachable(pod, self.two.address(family))
            (rule,) = self.first.run("ip", f"-{family}", "rule", "show", "priority", "3133").stdout.splitlines()
            self.assertNotIn("0x57415252", rule)

    def test_an_ended_daemon_leaves_the_pods_alone(self):
        pod, neighbour = Pod(self.first).attach(), Pod(self.first).attach()
        for daemon in self.first.daemons():
            os.kill(daemon, signal.SIGTERM)
        eventually(lambda: self.assertEqual(self.first.daemons(), []))
        for family in FAMILIES:
            ping(pod, neighbour.address(family))
        Pod(self.first).attach()
        for family in FAMILIES:
            self.assertReachable(pod, self.two.address(family))

    def test_a_missing_daemon_is_named_by_status_and_add(self):
        self.reboot(self.first)
        hidden = self.first.path("/opt/cni/bin/warrensd")
        os.rename(hidden, hidden + ".hidden")
        try:
            network = Network(self.first, NEWEST)
            with self.assertRaises(PluginError) as status:
                network.status()
            self.assertIn(status.exception.code, (50, 51))
            self.assertIn("warrensd", status.exception.text)
            with self.assertRaises(PluginError) as add:
                Pod(self.first).attach(network)
            self.assertIn("warrensd", add.exception.text)
        finally:
            os.rename(hidden + ".hidden", hidden)
        Pod(self.first).attach()

    def test_a_daemon_that_cannot_start_tells_why(self):
        self.reboot(self.first)
        self.first.write("/etc/warrens/warrens.json", json.dumps({"port": "many"}))
        try:
            with self.assertRaises(PluginError) as caught:
                Pod(self.first).attach()
            text = caught.exception.text
            self.assertIn("warrens.json", text)
            self.assertIn("port", text)
        finally:
            self.first.settings(**self.settings)
        Pod(self.first).attach()

    def test_the_daemon_keeps_nothing_of_the_runtime(self):
        self.reboot(self.first)
        top = f"warrens-{os.getpid()}-boot"
        self.addCleanup(remove_control_groups, top)
        self.addCleanup(self.reboot, self.first)
        controller = "/sys/fs/cgroup/pids"
        # Version 2 has one hierarchy for all controllers.
        parent = controller if os.path.isdir(controller) else os.path.dirname(controller)
        group = f"{parent}/{top}/containerd.service"
        os.makedirs(group)
        pod = Pod(self.first)
        command = f'echo 0 > {group}/cgroup.procs; exec /opt/cni/bin/warrens'
        request = {**CONFIGURATION["plugins"][0], "name": "warrens", "cniVersion": "1.0.0"}
        self.first.run(
            "sh", "-c", command, input=json.dumps(request),
            environment={
                "CNI_COMMAND": "ADD", "CNI_CONTAINERID": pod.identifier, "CNI_NETNS": pod.namespace,
                "CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin",
            },
        )
        daemon = self.first.daemons()[0]
        with open(f"/proc/{daemon}/environ") as file:
            self.assertNotIn("CNI_", file.read())
        with open(f"/proc/{daemon}/cgroup") as file:
            self.assertNotIn("containerd.service", file.read())
        for descriptor in os.listdir(f"/proc/{daemon}/fd"):
            self.assertNotIn("pipe:", os.readlink(f"/proc/{daemon}/fd/{descriptor}"))
