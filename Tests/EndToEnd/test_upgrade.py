"""A node's daemon is replaced while pods talk: by a newer one, an older one, one with another datapath, and none at all."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager

from lab.case import FAMILIES, PairCase, eventually, measured
from lab.daemon import daemon_status, request
from lab.datagrams import steady_stream
from lab.node import executable
from lab.shell import PATIENCE
from lab.traffic import listening

PORT = 7500
PINS = "/run/warrens/bpf"
SEED = int(os.environ.get("WARRENS_SEED") or time.time())

#: Writes super-packets to a `listening` server until its standard input ends; prints whether all arrived as they were sent,
#: and how many segments were sent again (`tcpi_total_retrans` of linux/tcp.h).
CONVERSATION = """
import hashlib, json, os, select, socket, sys
end = socket.create_connection((sys.argv[1], int(sys.argv[2])))
lines, digest, length = end.makefile("rb"), hashlib.sha256(), 0
lines.readline()
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.005)[0]:
    chunk = os.urandom(60000)
    end.sendall(chunk)
    digest.update(chunk)
    length += len(chunk)
end.shutdown(socket.SHUT_WR)
answer = json.loads(lines.readline())
repeated = int.from_bytes(end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[100:104], sys.byteorder)
print(json.dumps({
    "intact": answer == {"length": length, "digest": digest.hexdigest()}, "length": length, "repeated": repeated,
}), flush=True)
"""


@contextmanager
def conversation(source, target, address, port):
    """A connection that is busy while the block runs; afterwards the yielded dictionary tells what came of it."""
    outcome = {}
    with listening(target, port):
        running = source.start(
            "python3", "-c", CONVERSATION, address, str(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert running.process.stdout.readline() == "ready\n"
            yield outcome
            running.process.stdin.close()
            outcome |= json.loads(running.process.stdout.readline())
        finally:
            running.process.stdin = None
            running.kill()


class Upgrade(PairCase):
    settings = {"datapath": "ebpf"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.random = random.Random(SEED)
        print(f"seed {SEED} (WARRENS_SEED)")

    @contextmanager
    def traffic(self):
        """Established flows both ways in both families; yields what became of the datagrams, and of the connections."""
        streams, conversations = [], []
        with ExitStack() as stack:
            for family in FAMILIES:
                for index, (source, target) in enumerate([(self.one, self.two), (self.two, self.one)]):
                    address, port = target.address(family), PORT + family * 10 + index
                    self.assertReachable(source, address)
                    streams.append(stack.enter_context(steady_stream(source, target, address, port)))
                conversations.append(
                    stack.enter_context(conversation(self.one, self.two, self.two.address(family), PORT + family)))
            time.sleep(0.5)
            yield streams, conversations
            time.sleep(0.5)

    def end(self, how):
        for daemon in self.second.daemons():
            os.kill(daemon, how)
        eventually(lambda: self.assertEqual(self.second.daemons(), []))

    def begin(self):
        self.second.start("/opt/cni/bin/warrensd", stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def status():
            # Whoever comes before there is something to tell gets another answer.
            self.assertEqual(request(self.second, "/status")[0], 200)
            return daemon_status(self.second)

        return eventually(status)

    def replace(self):
        """Puts a new executable in the place of the daemon's, as an installer does."""
        path = self.second.path("/opt/cni/bin/warrensd")
        shutil.copy2(executable("warrensd"), path + ".new")
        os.rename(path + ".new", path)

    def pins(self):
        return os.listdir(self.second.path(PINS))

    def age(self, version):
        """Makes the pinned maps those of another layout, which the programs in the kernel go on reading."""
        for pin in self.pins():
            if pin.startswith("map-"):
                _, _, name = pin.split("-", 2)
                os.rename(self.second.path(f"{PINS}/{pin}"), self.second.path(f"{PINS}/map-{version}-{name}"))

    def assertNothingLost(self, streams, conversations):
        for stream in streams:
            self.assertGreater(stream.sent, 100)
            self.assertEqual(stream.lost, 0, f"of {stream.sent}")
        for outcome in conversations:
            self.assertTrue(outcome["intact"], outcome)

    def report_numbers(self, what, streams, conversations):
        measured(
            f"{what}: {sum(stream.lost for stream in streams)} of {sum(stream.sent for stream in streams)} datagrams lost,"
            f" {sum(outcome['length'] for outcome in conversations) >> 20} MiB intact,"
            f" {sum(outcome['repeated'] for outcome in conversations)} segments sent again")

    def test_upgrade_and_roll_back_lose_nothing(self):
        """With maps of an older layout, of a newer one and of the same, behind a process that was told to end or killed."""
        with self.traffic() as flows:
            for version, how in ((0, signal.SIGTERM), (99, signal.SIGKILL), (None, signal.SIGTERM), (None, signal.SIGKILL)):
                former = {pin for pin in self.pins() if pin.startswith("map-")}
                self.replace()
                self.end(how)
                if version is not None:
                    self.age(version)
                time.sleep(0.2)
                self.begin()
                self.assertEqual({pin for pin in self.pins() if pin.startswith("map-")}, former)
        self.report_numbers("upgrades and roll-backs", *flows)
        self.assertNothingLost(*flows)

    def test_a_daemon_killed_while_it_takes_over_loses_nothing(self):
        kills = 0
        with self.traffic() as flows:
            for number in range(8):
                self.end(signal.SIGKILL)
                if number % 2 == 0:
                    self.age(number)
                outcome = self.second.run(
                    "timeout", "--signal=KILL", f"{self.random.uniform(0.005, 0.25 * PATIENCE):.4f}",
                    "/opt/cni/bin/warrensd", "--foreground", check=False)
                kills += outcome.returncode in (-9, 137)
            self.begin()
        self.assertGreater(kills, 3)
        self.report_numbers("killed while taking over", *flows)
        self.assertNothingLost(*flows)
        self.assertEqual(len({pin.split("-")[1] for pin in self.pins() if pin.startswith("map-")}), 1)

    def test_another_datapath_under_running_pods(self):
        """To user space without loss, because the programs go when the daemon is there. The way back has a gap: from one
        process's end to the next one's beginning, nobody carries packets."""
        self.addCleanup(self.second.settings, **self.settings)
        with self.traffic() as flows:
            self.second.settings(**self.settings | {"datapath": "tun"})
            self.end(signal.SIGTERM)
            self.assertEqual(self.begin()["datapath"], "tun")
            time.sleep(0.5)
        self.report_numbers("ebpf to tun", *flows)
        self.assertNothingLost(*flows)
        with self.traffic() as (streams, conversations):
            self.second.settings(**self.settings)
            self.end(signal.SIGTERM)
            self.assertEqual(self.begin()["datapath"], "ebpf")
        self.report_numbers("tun to ebpf", streams, conversations)
        for outcome in conversations:
            self.assertTrue(outcome["intact"], outcome)


class UpgradeWithFastPath(Upgrade):
    settings = {"datapath": "ebpf", "fastPath": "on"}
    test_another_datapath_under_running_pods = test_a_daemon_killed_while_it_takes_over_loses_nothing = None


class UpgradeWhereTheKernelHoldsThePort(Upgrade):
    """On a wire of packets, which the kernel merges: the daemon has the tunnel's port only in user space."""

    settings = {"datapath": "ebpf", "framing": "gpe"}
    test_upgrade_and_roll_back_lose_nothing = test_a_daemon_killed_while_it_takes_over_loses_nothing = None

    @classmethod
    def prepare(cls):
        for node in cls.cluster.nodes:
            node.run("ethtool", "-K", "eth0", "tso", "off", "tx-udp-segmentation", "off", "gro", "on")
