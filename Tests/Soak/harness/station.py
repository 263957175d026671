"""The harness's end of a station, the program in a pod that sends and receives."""

import contextlib
import json
import os
import signal
import subprocess

PROGRAM = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../pod/station.py")
PORT = 7000


class Station:
    """A running station in a pod, or in any other sandbox (`place` has `start`)."""

    def __init__(self, place):
        self.running = place.start(
            "/usr/bin/python3", "-B", PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1
        )
        self.process = self.running.process
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("a station did not start")
        #: Whose /proc shows the network namespace.
        self.pid = self.running.pid()

    def ask(self, what, **values):
        self.tell(what, **values)
        return self.answer()

    def tell(self, what, **values):
        self.process.stdin.write(json.dumps({"do": what, **values}) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a station ended with exit code {self.process.wait()}")
        return json.loads(line)

    @contextlib.contextmanager
    def stopped(self):
        """Keeps the program from running."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            # nsenter stops itself when its child was stopped.
            for pid in {self.pid, self.process.pid}:
                os.kill(pid, signal.SIGCONT)

    def close(self):
        self.running.kill()


def ask_all(stations, what, **values):
    """Asks all stations at once, so that they pause or resume together; their answers in order."""
    for station in stations:
        station.tell(what, **values)
    return [station.answer() for station in stations]
