"""Traffic between pods, nodes and the internet, and what a capture on a wire shows of it.

Everything here takes a place: a `Pod`, a `Node` or any other `Sandbox`; all have `run` and `start`.
"""

import json
import os
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager

from .shell import PATIENCE, repository, run

#: Captures' expressions for packets inside of a tunnel, and for packets of pods that left without one.
TUNNELLED = "udp port 31337"
IN_CLEAR = "net 10.192.0.0/10 or net fd53:7769:726c::/48"

TALK = os.path.join(repository(), "Tests/EndToEnd/talk.py")


def ping(place, address, *, count=1, size=56, hops=None, fragment=True, timeout=3):
    """Pings and returns the text; raises unless every packet was answered.

    hops: the hop limit that the packet starts with. fragment=False sets Don't Fragment.
    """
    words = _ping(address, count, size, hops, fragment, timeout * PATIENCE)
    return place.run(*words, timeout=timeout + count + 10).stdout


def ping_refused(place, address, *, count=1, size=56, hops=None, fragment=True, timeout=2):
    """Pings where no answer may come, and returns what `ping` printed of the errors that came instead."""
    outcome = place.run(*_ping(address, count, size, hops, fragment, timeout), check=False, timeout=timeout + count + 10)
    if outcome.returncode == 0:
        raise AssertionError(f"{address} answered, though it must not:\n{outcome.stdout}")
    return outcome.stdout + outcome.stderr


def _ping(address, count, size, hops, fragment, timeout):
    words = ["ping", "-n", "-i", "0.2", "-c", str(count), "-s", str(size), "-W", str(timeout)]
    words += [] if hops is None else ["-t", str(hops)]
    words += [] if fragment else ["-M", "do"]
    return [*words, address]


@contextmanager
def steady_ping(place, address, *, interval=0.02):
    """Pings from the first answer on; afterwards the yielded `Loss` tells how many packets were answered and were lost."""
    loss = Loss()
    with tempfile.NamedTemporaryFile("r", prefix="warrens-") as output:
        with open(output.name, "w") as end:
            running = place.start("ping", "-n", "-i", str(interval), address, stdout=end)
        try:
            deadline = time.monotonic() + 10 * PATIENCE
            while " bytes from " not in output.read():
                if time.monotonic() > deadline:
                    raise AssertionError(f"{address} answers no ping")
                time.sleep(0.01)
            yield loss
        finally:
            running.stop()
            output.seek(0)
            loss.text = output.read()
        answers = {int(number) for number in re.findall(r"bytes from .*icmp_seq=(\d+)", loss.text)}
        loss.answered = len(answers)
        # What was sent after the last answer was still on its way when the time was up.
        loss.lost = sorted(set(range(1, max(answers, default=1))) - answers)


class Loss:
    #: How many packets were answered, and the numbers of those that were not though later ones were.
    answered, lost = 0, []
    text = ""


@contextmanager
def listening(place, port, *, udp=False):
    """A server on a port of both families for as long as the block runs."""
    options = ["--udp"] if udp else []
    running = place.start("python3", TALK, *options, "serve", str(port), stdout=subprocess.PIPE)
    try:
        if running.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"no server on port {port}")
        yield
    finally:
        running.kill()


def call(place, address, port, length=0, *, udp=False, timeout=20, seconds=0, source_port=0):
    """Sends `length` bytes to a `listening` server.

    Returns its answer: `caller` (the source address that it saw), `called` (the address of its own that it was called at),
    `length`, `intact` and `seconds`.
    seconds: how long to take for it; by UDP, a datagram of that length is sent again and again meanwhile.
    """
    (answer,) = calls(place, address, port, length, udp=udp, timeout=timeout, seconds=seconds, source_port=source_port)
    return answer


def calls(place, address, port, length=0, *, times=1, udp=False, timeout=20, seconds=0, source_port=0):
    """Calls one time after the other, each from a port of its own; returns the answers as `call` does one."""
    options = ["--udp"] if udp else []
    text = place.run(
        "python3", TALK, *options, "--timeout", timeout * PATIENCE, "call", "--seconds", seconds,
        "--source-port", source_port, "--times", times, address, port, length, timeout=timeout * 2 + seconds + 60,
    ).stdout
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def chatting(place, address, port, length=500):
    """Talks with a `listening` server by datagrams of that many bytes; yields a function that tells how many answers have
    come until now."""
    with tempfile.NamedTemporaryFile("r", prefix="warrens-") as output:
        with open(output.name, "w") as end:
            running = place.start("python3", TALK, "chat", address, port, length, stdout=end)
        try:
            yield lambda: os.path.getsize(output.name) // len("answered\n")
        finally:
            running.kill()


def call_refused(place, address, port, *, udp=False, timeout=2):
    """Calls where no connection may come about; returns the error that the caller got."""
    options = ["--udp"] if udp else []
    outcome = place.run(
        "python3", TALK, *options, "--timeout", timeout, "call", address, port, check=False, timeout=timeout * 2 + 30
    )
    if outcome.returncode == 0:
        raise AssertionError(f"{address} port {port} answered, though it must not: {outcome.stdout}")
    return outcome.stderr.strip().splitlines()[-1]


class Capture:
    """Packets on a device while a `with` block runs; afterwards `count` and `lines` answer questions in tcpdump's language."""

    def __init__(self, place, device):
        self.place, self.device = place, device

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="warrens-", suffix=".pcap")
        os.chmod(self.file.name, 0o666)
        # tcpdump writes to our descriptor, because the sandbox may see another /tmp.
        self.running = self.place.start(
            "tcpdump", "-n", "-U", "--immediate-mode", "-s", "256", "-i", self.device, "-w", "-",
            stdout=self.file, stderr=subprocess.PIPE,
        )
        while line := self.running.process.stderr.readline():
            if "listening on" in line:
                return self
        raise RuntimeError(f"tcpdump does not listen on {self.device}")

    def __exit__(self, *_):
        # What was just delivered may still be on its way to tcpdump.
        self.place.run("sleep", str(0.3 * PATIENCE))
        self.running.stop()

    def lines(self, expression=""):
        return run(["tcpdump", "-n", "-r", self.file.name, *([expression] if expression else [])]).stdout.splitlines()

    def count(self, expression=""):
        return len(self.lines(expression))
