"""What a question is given: the subjects that can run, pairs of sites for them, and interleaved rounds."""

import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from measure.contest import Contest
from measure.failures import FAILURES, first_line
from measure.pair import Pair
from measure.result import absent


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

    @property
    def usual(self):
        """The subjects that every question compares."""
        return [subject for subject in self.subjects if not subject.only]

    @contextmanager
    def pairs(self, wire, subjects=None):
        """Starts the given subjects (the usual ones by default) beside each other on a wire, and yields the `Pair`s that
        came up."""
        pairs = []
        try:
            for subject in subjects or self.usual:
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

    def compare(self, question, parameter, unit, pairs, measure, *, family, rounds, better="higher", rival=None):
        """Measures all pairs in interleaved rounds and returns one result for each subject.

        `measure(pair)` returns a `Sample`. A subject is compared with plain routing, and Warrens with it, in pairs of
        the same round; and with a `rival`, where one is named. What fails is counted and told, and is no sample.
        """
        wire = pairs[0].wire if pairs else None
        refusals = {pair: pair.refusal(family) for pair in pairs}
        common = {"parameter": parameter, "wire": wire, "family": family, "better": better}
        self.say(f"{question}: {parameter}, wire {wire}, IPv{family}, {rounds} rounds of {len(pairs)} subjects")
        contest = Contest(question, [pair for pair in pairs if refusals[pair] is None]).run(rounds, measure)
        results = list(contest.results(unit, lambda sample: sample.value, extra=summary, rival=rival, **common))
        results += [
            absent(question, pair.subject.name, reason, unit=unit, encrypted=pair.subject.encrypted, **common)
            for pair, reason in refusals.items() if reason
        ]
        order = [pair.subject.name for pair in pairs]
        return sorted(results, key=lambda result: order.index(result["subject"]))

    def refusals(self, question, subjects=None):
        """The results of those of the given subjects (the usual ones by default) that did not come up at all."""
        return [
            absent(question, subject.name, self.refused[subject.name], encrypted=subject.encrypted)
            for subject in subjects or self.usual if subject.name in self.refused
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
