"""`warrensctl trace` held against what packets do: whatever it says, a packet is sent, and has to do just that."""

import ipaddress
import json
import os
import signal

from lab.case import FAMILIES, PairCase, eventually
from lab.cni import Network
from lab.daemon import counters, daemon_status, request
from lab.node import CONFIGURATION, SETTINGS_FILE
from lab.pod import Pod
from lab.traffic import Capture, ping, ping_refused

PORT = 7500

#: Answers datagrams on a port.
ECHO = """
import socket, sys
end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
end.bind(("::", int(sys.argv[1])))
print("ready", flush=True)
while True:
    end.sendto(*end.recvfrom(2048))
"""

#: Sends datagrams from one port to another, each after the answer to the last one, until it is killed.
EXCHANGE = """
import socket, sys, time
end = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
end.bind(("", int(sys.argv[3])))
end.connect((sys.argv[1], int(sys.argv[2])))
end.settimeout(20)
while True:
    end.send(b"x")
    end.recv(10)
    time.sleep(0.02)
"""


class Traced(PairCase):
    #: The tunnel takes what no path carries, so that the datapath itself has to refuse it.
    settings = {"datapath": "tun", "mtu": 1500}

    @classmethod
    def prepare(cls):
        # Pods that come before their node's daemon has said what the tunnel takes would get less.
        plugin = {**CONFIGURATION["plugins"][0], "mtu": cls.settings["mtu"]}
        for node in cls.cluster.nodes:
            node.network = Network(node, {**CONFIGURATION, "plugins": [plugin]})

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for family in FAMILIES:
            eventually(lambda: ping(cls.one, cls.two.address(family)))

    def trace(self, pod, destination, *options, code=0):
        """The answer for programs, where `warrensctl` ends with `code`."""
        outcome = self.first.control("trace", pod.identifier, destination, "--json", *options, check=False)
        self.assertEqual(outcome.returncode, code, outcome.stdout + outcome.stderr)
        return json.loads(outcome.stdout)

    def refusal(self, *words):
        """What `warrensctl trace` has against such arguments."""
        outcome = self.first.control("trace", *words, check=False)
        self.assertNotEqual(outcome.returncode, 0, outcome.stdout)
        return outcome.stderr

    def payload(self, length, family):
        """How much `ping` has to send for a packet of so many bytes."""
        return length - (28 if family == 4 else 48)

    def unclaimed(self, family):
        """An address of the overlay that no node claims."""
        subnets = [ipaddress.ip_network(text) for node in self.cluster.nodes for text in node.subnets()]
        first = ipaddress.ip_address("10.192.7.9" if family == 4 else "fd53:7769:726c:7::9")
        step = 256 if family == 4 else 1 << 64
        return next(str(first + step * n) for n in range(9) if not any(first + step * n in net for net in subnets))

    def assertCounted(self, name, send):
        """Holds that what `send` sends counts once or more under a name of the status. Where it fails, it sends again."""
        before = counters(self.first)[name]
        eventually(send)
        eventually(lambda: self.assertGreater(counters(self.first)[name], before))

    def carrier(self, answer):
        """Checks who is said to carry the packet."""
        self.assertIsNone(answer["tunnel"]["kernel"])

    def test_a_packet_to_another_node(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                answer = self.trace(self.one, self.two.address(family), "--length", 1000)
                self.assertEqual(answer["outcome"]["kind"], "sent")
                self.assertEqual(answer["tunnel"]["peer"]["name"], "node2")
                path = answer["tunnel"]["path"]
                self.assertEqual((path["endpoint"], path["source"]), (self.second.v4, self.first.v4))
                self.carrier(answer)
                outer = f"src host {path['source']} and dst host {path['endpoint']} and udp src port " + (
                    f"{answer['tunnel']['sourcePort']} and udp dst port {path['port']} and ip[2:2] = {1000 + path['overhead']}"
                )
                device = json.loads(self.first.run("ip", "-j", "link", "show", "eth0").stdout)[0]["ifindex"]
                self.assertEqual(path["device"], device)
                with Capture(self.first, "eth0") as wire:
                    eventually(lambda: ping(self.one, self.two.address(family), size=self.payload(1000, family)))
                self.assertGreaterEqual(wire.count(outer), 1)

    def test_a_packet_that_is_too_big(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                # It learns what the path carries.
                pod = Pod(self.first).attach()
                target = self.two.address(family)
                self.assertReachable(pod, target)
                answer = self.trace(pod, target, "--length", 1500, code=1)
                self.assertEqual(answer["outcome"]["kind"], "refused")
                self.assertEqual((answer["outcome"]["counter"], answer["tunnel"]["verdict"]["mtu"]), ("drop.tooBig", 1472))
                self.assertCounted(
                    "drop.tooBig",
                    lambda: self.assertRegex(
                        ping_refused(pod, target, size=self.payload(1500, family), fragment=False), "mtu ?= ?1472"
                    ),
                )
                # By now the pod's own kernel knows.
                self.assertEqual(self.trace(pod, target, "--length", 1500, code=1)["outcome"]["kind"], "unsent")
                self.assertEqual(self.trace(pod, target, "--length", 1472)["outcome"]["kind"], "sent")
                eventually(lambda: ping(pod, target, size=self.payload(1472, family), fragment=False))

    def test_a_super_packet(self):
        answer = self.trace(self.one, self.two.address(4), "--protocol", "tcp", "--length", 60000, "--segment", 1400)
        self.assertEqual(answer["outcome"]["kind"], "sent")
        self.carrier(answer)

    def test_an_address_that_nobody_claims(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                address = self.unclaimed(family)
                answer = self.trace(self.one, address, code=1)
                self.assertEqual((answer["outcome"]["kind"], answer["outcome"]["counter"]), ("refused", "drop.noPeer"))
                self.assertCounted("drop.noPeer", lambda: self.assertIn("nreachable", ping_refused(self.one, address)))

    def test_what_does_not_enter_the_tunnel(self):
        neighbour = Pod(self.first).attach()
        for family in FAMILIES:
            internet = "198.51.100.2" if family == 4 else "2001:db8:2::2"
            free = str(ipaddress.ip_address(neighbour.address(family)) + 40)
            for destination, kind, word in (
                (neighbour.address(family), "delivered", neighbour.identifier),
                (self.first.v4 if family == 4 else self.first.v6, "delivered", "this host"),
                (internet, "leaves", "by eth0"),
                (free, "refused", "unreachable"),
            ):
                with self.subTest(destination=destination):
                    answer = self.trace(self.one, destination, code=0 if kind != "refused" else 1)
                    self.assertEqual(answer["outcome"]["kind"], kind)
                    self.assertIn(word, json.dumps(answer["outcome"]))
                    if kind == "refused":
                        ping_refused(self.one, destination)
                    else:
                        self.assertReachable(self.one, destination)

    def test_people_read_the_same(self):
        text = self.first.control("trace", self.one.address(4), self.two.address(4)).stdout
        for word in ("pod ", "route ", "peer ", "node2, for its subnet", "uplink ", "\nsent: to node2"):
            self.assertIn(word, text)

    def test_what_cannot_be_traced_is_told(self):
        target = self.two.address(4)
        self.assertIn(self.one.identifier, self.refusal("nobody", target))
        self.assertIn("not an IP address", self.refusal(self.one.identifier, "node2"))
        self.assertIn("only tcp and udp have ports", self.refusal(self.one.identifier, target, "--protocol", "icmp", "--port", "1"))

    def test_a_daemon_that_is_gone_is_told(self):
        [process] = self.first.daemons()
        os.kill(process, signal.SIGKILL)
        eventually(lambda: self.assertEqual(self.first.daemons(), []))
        try:

            def look():
                # The kernel takes a moment to notice that nobody has the device open.
                answer = self.trace(self.one, self.two.address(4), code=1)
                self.assertEqual(answer["outcome"]["kind"], self.without_daemon)
                self.assertIn("warrensd does not run", json.dumps(answer))

            eventually(look)
        finally:
            Pod(self.first).attach()
            eventually(lambda: self.assertEqual(request(self.first, "/status")[0], 200))
            self.assertReachable(self.one, self.two.address(4))

    #: What is said of a packet to another node while no daemon runs.
    without_daemon = "refused"


class TracedInTheKernel(Traced):
    settings = Traced.settings | {"datapath": "ebpf", "fastPath": "on"}
    without_daemon = "unknown"

    def carrier(self, answer):
        kernel = answer["tunnel"]["kernel"]
        self.assertIsNone(kernel["obstacle"])
        programs = {program["name"]: program for program in daemon_status(self.first)["kernel"]["programs"]}
        self.assertEqual(kernel["program"], programs["tunnel"]["number"])

    def test_the_kernel_declines_what_it_says(self):
        target = self.two.address(4)
        self.assertEqual(self.trace(self.one, target, "--length", 1400)["tunnel"]["kernel"]["obstacle"], None)
        answer = self.trace(self.one, target, "--length", 1480, "--may-fragment")
        self.assertIn("1508 bytes, where the path carries 1500", answer["tunnel"]["kernel"]["obstacle"])
        self.assertEqual(answer["tunnel"]["verdict"]["action"], "split")
        fragmentable = ["ping", "-n", "-c", "1", "-M", "dont", "-s", str(1480 - 28), target]
        self.assertCounted("declinedSent", lambda: self.one.run(*fragmentable))

    def test_a_flow_that_skips_the_stack(self):
        kernel = daemon_status(self.first)["kernel"]
        if kernel["hooks"] != "tcx":
            self.skipTest("needs tcx (Linux 6.6): without it there is no program at pods")
        station = self.two.start("python3", "-c", ECHO, PORT, stdout=-1)
        self.assertEqual(station.process.stdout.readline(), "ready\n")
        try:
            for family in FAMILIES:
                with self.subTest(family=family):
                    target = self.two.address(family)
                    flow = ["--protocol", "udp", "--source-port", PORT + family, "--port", PORT]
                    answer = self.trace(self.one, target, *flow)
                    self.assertIn("has not been seen", answer["tunnel"]["kernel"]["shortCut"]["obstacle"])
                    exchange = self.one.start("python3", "-c", EXCHANGE, target, PORT, PORT + family)
                    try:
                        self.assertCounted("bypassedSent", lambda: None)
                        # What was seen of a flow counts for a while, and has to be seen again then.
                        answer = eventually(lambda: self.short_cut(target, flow))
                    finally:
                        exchange.kill()
                    self.assertNotIn("route", [step["where"] for step in answer["steps"]])
        finally:
            station.kill()

    def short_cut(self, target, flow):
        """The answer for a flow that skips the stack at this moment."""
        answer = self.trace(self.one, target, *flow)
        self.assertIsNone(answer["tunnel"]["kernel"]["shortCut"]["obstacle"])
        return answer

    def test_doctor_and_status_know_the_programs(self):
        outcome = self.first.control("doctor", check=False)
        self.assertEqual(outcome.returncode, 0, outcome.stdout)
        self.assertRegex(outcome.stdout, r"programs +\d+ programs in place")
        self.assertIn("eBPF is possible", self.first.control("status").stdout)

    def test_doctor_knows_of_settings_that_are_not_in_force(self):
        with open(self.first.path(SETTINGS_FILE)) as file:
            former = json.load(file)
        try:
            self.first.settings(**former | {"datapath": "tun", "fastPath": "off"})
            text = self.first.control("doctor", check=False).stdout
            self.assertIn("warrensd carries packets by ebpf, and the settings say tun", text)
        finally:
            self.first.settings(**former)
