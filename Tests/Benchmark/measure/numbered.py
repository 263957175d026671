"""Streams of numbered datagrams between pods and nodes, by probe.py: when they arrive where, and which do not."""

import json
import subprocess
from contextlib import contextmanager

from . import probe
from .traffic import PYTHON


class Receiver:
    """`probe.py receive` at work in a pod or on a node, for at most `patience` seconds.

    `arrivals`, which are there once it has ended, are of (time, port, number).
    """

    def __init__(self, place, ports, patience):
        self.patience, self.arrivals = patience, []
        self.running = place.start(
            PYTHON, probe.__file__, "receive", patience, *ports, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._await("ready")

    def await_port(self, port):
        """Waits until datagrams come to this port after another one, or for the first time."""
        self._await(str(port))

    def _await(self, text):
        while (line := self.running.process.stdout.readline().strip()) != text:
            if not line or line.startswith("["):
                raise RuntimeError(f"the receiver of datagrams has waited {self.patience} s for: {text}")

    def end(self):
        self.running.process.stdin.write("\n")
        self.running.process.stdin.flush()
        while not (line := self.running.process.stdout.readline()).startswith("["):
            if not line:
                raise RuntimeError("the receiver of datagrams has ended without a word")
        self.arrivals = json.loads(line)


@contextmanager
def receiving(place, *ports, patience):
    """A `Receiver` for as long as the block runs."""
    receiver = Receiver(place, ports, patience)
    try:
        yield receiver
        receiver.end()
    finally:
        receiver.running.kill()


@contextmanager
def sending(place, address, port=probe.PORT):
    """A datagram every millisecond for as long as the block runs."""
    running = place.start(PYTHON, probe.__file__, "send", address, port)
    try:
        yield
    finally:
        running.kill()


def lost(arrivals):
    """How many numbers are missing between the first and the last that arrived."""
    numbers = {number for _, _, number in arrivals}
    return max(numbers) - min(numbers) + 1 - len(numbers) if numbers else 0
