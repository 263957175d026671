"""Several subjects at work side by side, each in a network of its own with any number of nodes, measured in turn."""

from contextlib import contextmanager

from bench import FAILURES, OURS, REFERENCE, first_line
from measure.result import absent, result
from measure.rounds import paired, spread


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

    def measure(self, what, rounds, measure):
        """Interleaved rounds of `measure(group)`, whose order turns around from round to round."""
        self.bench.say(f"{self.question}: {what}, {rounds} rounds of {len(self.groups)} subjects")
        taken = Taken(self)
        for round in range(rounds):
            for group in self.groups if round % 2 == 0 else self.groups[::-1]:
                taken.take(group, measure)
        return taken


class Taken:
    """What a number of rounds gave: for each group a list of whatever was measured, None for a round that failed."""

    def __init__(self, gathering):
        self.gathering = gathering
        self.samples = {group: [] for group in gathering.groups}
        self.failures = {group: [] for group in gathering.groups}

    def take(self, group, measure):
        try:
            self.samples[group].append(measure(group))
        except FAILURES as error:
            self.samples[group].append(None)
            self.failures[group].append(first_line(error))

    def results(self, parameter, unit, value, *, extra=None, **common):
        """One result for each subject: of `value(sample)`, with the members `extra(samples)`."""
        question = self.gathering.question
        values = {
            group.subject.name: [sample and value(sample) for sample in samples]
            for group, samples in self.samples.items()
        }
        common["parameter"] = parameter
        for group, samples in self.samples.items():
            subject, own = group.subject, values[group.subject.name]
            present = [sample for sample in samples if sample]
            if not present:
                yield absent(question, subject.name, self.failures[group][0], unit=unit,
                             encrypted=subject.encrypted, **common)
                continue
            yield result(
                question, subject.name, unit, own, encrypted=subject.encrypted, **common,
                ratioToPlain=self._ratio(own, values.get(REFERENCE), subject.name != REFERENCE),
                warrensOver=self._ratio(values.get(OURS), own, subject.name not in (OURS, REFERENCE)),
                failures=self.failures[group] or None, **(extra(present) if extra else {}),
            )
        for subject, reason in self.gathering.refusals.items():
            yield absent(question, subject.name, reason, unit=unit, encrypted=subject.encrypted, **common)

    @staticmethod
    def _ratio(values, others, wanted):
        return spread(paired(values, others)) if wanted and values and others else None


@contextmanager
def gather(bench, question, subjects, build):
    """A `Gathering` of those of the subjects that the run is about, for as long as the block runs."""
    gathering, chosen = Gathering(bench, question), {subject.name for subject in bench.subjects}
    try:
        for subject in subjects:
            if subject.program.name in chosen:
                gathering.add(subject, build)
        yield gathering
    finally:
        for group in gathering.groups:
            group.close()
