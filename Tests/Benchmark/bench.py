"""What a question is given: the subjects that can run, pairs of sites for them, and interleaved rounds."""

import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.cni import PluginError
from lab.shell import CommandFailed
from measure.pair import Pair
from measure.result import absent, result
from measure.rounds import paired, spread, turn
from subjects.subject import Unavailable

#: What everything is compared with, and what is compared with everything.
REFERENCE, OURS = "plain routing", "Warrens tun"

#: What a subject or a measurement may fail with; anything else is a mistake of the benchmark itself.
FAILURES = (Unavailable, CommandFailed, PluginError, subprocess.TimeoutExpired, OSError, LookupError, ValueError, RuntimeError)


@dataclass
class Bench:
    """One run. `seconds` is the length of one measurement; `rounds` overrules every question's own number."""

    subjects: list
    quick: bool = False
    seconds: int = 2
    rounds: int | None = None
    wires: tuple = ("S", "M")
    families: tuple = (4, 6)
    #: Why subjects are not compared, by name.
    refused: dict = field(default_factory=dict)
    #: Versions that only a running subject tells, by name.
    versions: dict = field(default_factory=dict)
    begin: float = field(default_factory=time.monotonic)

    def say(self, text):
        """Tells whoever waits what is going on."""
        minutes, seconds = divmod(int(time.monotonic() - self.begin), 60)
        print(f"[{minutes:2}:{seconds:02}] {text}", file=sys.stderr, flush=True)

    def count(self, rounds, quick=3):
        """How many rounds to run of what should have `rounds` in a full run."""
        return self.rounds or (quick if self.quick else rounds)

    def find_subjects(self):
        """Asks every subject whether it can run; notes the reasons of those that cannot."""
        for subject in self.subjects:
            if reason := subject().available():
                self.refuse(subject.name, reason)

    def refuse(self, name, reason):
        if name not in self.refused:
            self.say(f"{name} is not available: {reason}")
            self.refused[name] = reason

    @contextmanager
    def pairs(self, wire, subjects=None):
        """Starts the given subjects (all by default) beside each other on a wire, and yields the `Pair`s that came up."""
        pairs = []
        try:
            for subject in subjects or self.subjects:
                if subject.name in self.refused:
                    continue
                if pair := self._pair(subject, wire):
                    pairs.append(pair)
                    self.versions.setdefault(subject.name, pair.subject.version())
            yield pairs
        finally:
            for pair in pairs:
                pair.close()

    def _pair(self, subject, wire):
        """A pair, or None after the second failure: a busy machine may make a subject miss its time once."""
        for last in (False, True):
            try:
                return Pair(subject(), wire)
            except FAILURES as error:
                if last:
                    self.refuse(subject.name, first_line(error))
                else:
                    self.say(f"{subject.name} did not start, trying again: {first_line(error)}")
        return None

    def compare(self, question, parameter, unit, pairs, measure, *, family, rounds, better="higher"):
        """Measures all pairs in interleaved rounds and returns one result for each subject.

        `measure(pair)` returns a `Sample`. A subject is compared with plain routing, and Warrens with it, in pairs of
        the same round. What fails is counted and told, and is no sample.
        """
        wire = pairs[0].wire if pairs else None
        carried = {pair: pair.refusal(family) for pair in pairs}
        self.say(f"{question}: {parameter}, wire {wire}, IPv{family}, {rounds} rounds of {len(pairs)} subjects")
        samples = {pair: [] for pair in pairs if carried[pair] is None}
        failures = {pair: [] for pair in pairs}
        for round in range(rounds):
            for pair in turn(list(samples), round):
                try:
                    samples[pair].append(measure(pair))
                except FAILURES as error:
                    samples[pair].append(None)
                    failures[pair].append(first_line(error))

        def values(name):
            return next(([sample and sample.value for sample in taken]
                         for pair, taken in samples.items() if pair.subject.name == name), [])

        common = {"parameter": parameter, "wire": wire, "family": family, "unit": unit, "better": better}
        results = []
        for pair in pairs:
            subject = pair.subject
            reason = carried[pair] or (failures[pair][0] if len(failures[pair]) == rounds else None)
            if reason:
                results.append(absent(question, subject.name, reason, encrypted=subject.encrypted, **common))
                continue
            own = values(subject.name)
            results.append(result(
                question, subject.name, unit, own, **{key: common[key] for key in common if key != "unit"},
                encrypted=subject.encrypted,
                ratioToPlain=None if subject.name == REFERENCE else spread(paired(own, values(REFERENCE))),
                warrensOver=None if subject.name in (OURS, REFERENCE) else spread(paired(values(OURS), own)),
                failures=failures[pair] or None,
                **summary([sample for sample in samples[pair] if sample]),
            ))
        return results

    def refusals(self, question):
        """The results of the subjects that did not come up at all, for a question that compares all subjects."""
        return [
            absent(question, subject.name, self.refused[subject.name], encrypted=subject.encrypted)
            for subject in self.subjects if subject.name in self.refused
        ]


def principal(pairs):
    """The pairs without those of variants; see `Subject.variant`."""
    return [pair for pair in pairs if not pair.subject.variant]


def summary(samples):
    """What stands beside the value: processor time, foreign load and the medians of the further numbers."""
    def median(values):
        present = [value for value in values if value is not None]
        return statistics.median(present) if present else None

    numbers = {
        "cpuSecondsPerGB": median(sample.cpu_per_gigabyte for sample in samples),
        "busySecondsPerGB": median(sample.busy_per_gigabyte for sample in samples),
        "foreignLoad": median(sample.usage and sample.usage.foreign for sample in samples),
    }
    for name in dict.fromkeys(name for sample in samples for name in sample.extra):
        numbers[name] = median(sample.extra.get(name) for sample in samples)
    return numbers


def first_line(error):
    """An error as one line: what a command printed says more than its exit code."""
    told = error.text if isinstance(error, PluginError) else str(error)
    lines = [line.strip() for line in told.splitlines() if line.strip() and not line.startswith("--- std")]
    text = " ".join(lines[:4]) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
