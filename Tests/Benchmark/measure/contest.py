"""Several subjects in turn, round by round, and the results of what each of them gave."""

from concurrent.futures import ThreadPoolExecutor

from .failures import FAILURES, first_line
from .result import absent, result
from .rounds import paired, spread, turn

#: What everything is compared with, and what is compared with everything.
REFERENCE, OURS = "plain routing", "Warrens tun"


class Contest:
    """Interleaved rounds between `places`: whatever has a `subject` at work in it, such as a `Pair` or a `Group`.

    A round that fails is told and keeps its place as None, so that ratios are those of the same round.
    """

    def __init__(self, question, places):
        self.question = question
        self.samples = {place: [] for place in places}
        self.failures = {place: [] for place in places}

    def run(self, rounds, measure, *, at_once=False):
        """Takes a sample, `measure(place)`, everywhere in every round: in turn, or at once where nobody is in another's way."""
        for round in range(rounds):
            order = turn(list(self.samples), round)
            if at_once:
                with ThreadPoolExecutor(max_workers=len(order) or 1) as pool:
                    list(pool.map(lambda place: self._take(place, measure), order))
            else:
                for place in order:
                    self._take(place, measure)
        return self

    def _take(self, place, measure):
        try:
            self.samples[place].append(measure(place))
        except FAILURES as error:
            self.samples[place].append(None)
            self.failures[place].append(first_line(error))

    def results(self, unit, value, *, extra=None, rival=None, **common):
        """One result for each place: of `value(sample)`, with the members `extra(samples)`.

        rival: the name of a subject that the others are compared with as well, in value and in price.
        """
        values = {
            place.subject.name: [sample and value(sample) for sample in samples] for place, samples in self.samples.items()
        }
        prices = {
            place.subject.name: [sample and getattr(sample, "cpu_per_gigabyte", None) for sample in samples]
            for place, samples in self.samples.items()
        }
        for place, samples in self.samples.items():
            subject, own = place.subject, values[place.subject.name]
            present = [sample for sample in samples if sample]
            if not present:
                yield absent(self.question, subject.name, self.failures[place][0], unit=unit,
                             encrypted=subject.encrypted, **common)
                continue
            yield result(
                self.question, subject.name, unit, own, encrypted=subject.encrypted, **common,
                ratioToPlain=_ratio(own, values.get(REFERENCE), subject.name != REFERENCE),
                warrensOver=_ratio(values.get(OURS), own, subject.name not in (OURS, REFERENCE)),
                ratioToRival=_ratio(own, values.get(rival), subject.name != rival),
                priceToRival=_ratio(prices[subject.name], prices.get(rival), subject.name != rival),
                failures=self.failures[place] or None, **(extra(present) if extra else {}),
            )


def _ratio(values, others, wanted):
    return spread(paired(values, others)) if wanted and values and others else None
