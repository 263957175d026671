"""A crowd of web clients in the pods of a group, by web.py, and what came of their requests."""

import json
import os
import statistics
import subprocess
from dataclasses import dataclass

from .traffic import GRACE, PYTHON

WEB = os.path.join(os.path.dirname(os.path.realpath(__file__)), "web.py")
PORT = 8080


@dataclass
class Answers:
    """What came of one measurement. `cores` is how many processors the run kept busy."""

    asked: int
    failed: int
    #: Of every answer, ascending.
    milliseconds: list
    seconds: float
    cores: float

    @property
    def failed_percent(self):
        return 100 * self.failed / self.asked

    def latency(self, percent):
        """A percentile, in milliseconds; None where nothing was answered."""
        count = len(self.milliseconds)
        return self.milliseconds[min(count - 1, count * percent // 100)] if count else None


def ask(group, server, askers, clients, *, interval, timeout, seconds):
    """Lets clients, spread over the pods of the askers, ask the server's pod; sites are given by their indices."""
    web = group.begin(group.sites[server], PYTHON, WEB, "serve", PORT, stdout=subprocess.PIPE)
    crowds = []
    try:
        if web.process.stdout.readline() != "ready\n":
            raise RuntimeError("the web server did not start")
        with group.metered() as usage:
            for order, asker in enumerate(askers):
                share = clients // len(askers) + (order < clients % len(askers))
                crowds.append(group.begin(
                    group.sites[asker], PYTHON, WEB, "ask", group.address(group.sites[server]), PORT,
                    "--clients", share, "--interval", interval, "--timeout", timeout, "--seconds", seconds,
                    stdout=subprocess.PIPE))
            told = [json.loads(crowd.process.communicate(timeout=seconds + GRACE)[0]) for crowd in crowds]
    finally:
        for running in [*crowds, web]:
            running.kill()
    if not (asked := sum(crowd["asked"] for crowd in told)):
        raise RuntimeError("no request was made")
    return Answers(
        asked, sum(crowd["failed"] for crowd in told), sorted(sum((crowd["milliseconds"] for crowd in told), [])),
        seconds, usage.cpu / usage.wall)


def details(samples):
    """The members of a result beside its value."""
    return {
        "asked": statistics.median(sample.asked / sample.seconds for sample in samples),
        "coresUsed": statistics.median(sample.cores for sample in samples),
    }
