"""Several subjects at work side by side, each in a network of its own with any number of nodes, measured in turn."""

from contextlib import contextmanager

from measure.contest import Contest
from measure.failures import FAILURES, first_line
from measure.result import absent


class Gathering:
    """The networks that came up, and why the others did not."""

    def __init__(self, bench, question):
        self.bench, self.question = bench, question
        self.groups, self.refusals = [], {}

    def add(self, subject, build):
        """Builds a network with `build(subject)`, or takes note of the reason why there is none."""
        self.bench.say(f"{self.question}: building the network of {subject.name}")
        try:
            if reason := subject.available():
                raise LookupError(reason)
            self.groups.append(build(subject))
        except FAILURES as error:
            self.refusals[subject] = first_line(error)

    def measure(self, what, rounds, measure, *, at_once=False):
        """Rounds of `measure(group)`; see `Contest.run`."""
        self.bench.say(f"{self.question}: {what}, {rounds} rounds of {len(self.groups)} subjects")
        return Taken(self, Contest(self.question, self.groups).run(rounds, measure, at_once=at_once))


class Taken:
    """What a number of rounds gave."""

    def __init__(self, gathering, contest):
        self.gathering, self.contest = gathering, contest

    def results(self, parameter, unit, value, *, extra=None, **common):
        """One result for each subject, those that did not come up included; see `Contest.results`."""
        yield from self.contest.results(unit, value, extra=extra, parameter=parameter, **common)
        for subject, reason in self.gathering.refusals.items():
            yield absent(self.gathering.question, subject.name, reason, unit=unit, encrypted=subject.encrypted,
                         parameter=parameter, **common)


@contextmanager
def gather(bench, question, subjects, build):
    """A `Gathering` of those of the subjects that the run is about, for as long as the block runs."""
    gathering = Gathering(bench, question)
    try:
        for subject in subjects:
            if isinstance(subject.program, tuple(bench.subjects)):
                gathering.add(subject, build)
        yield gathering
    finally:
        for group in gathering.groups:
            group.close()
