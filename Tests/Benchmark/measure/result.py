"""What the benchmark hands out: one sample of one measurement, and the result of all its rounds."""

from dataclasses import dataclass, field

from .cpu import Usage
from .rounds import spread


@dataclass
class Sample:
    """One measurement. `gigabytes` is what was delivered; without it there is no processor time for each gigabyte.

    `extra` are further numbers of the same measurement, by name; a result holds the median of each.
    """

    value: float
    gigabytes: float | None = None
    usage: Usage | None = None
    extra: dict = field(default_factory=dict)

    @property
    def cpu_per_gigabyte(self):
        return self.usage.cpu / self.gigabytes if self.usage and self.gigabytes else None

    @property
    def busy_per_gigabyte(self):
        return self.usage.busy / self.gigabytes if self.usage and self.gigabytes else None


def result(question, subject, unit, values, *, parameter="", wire=None, family=None, better="higher", **extra):
    """A result, ready for JSON. `values` are one for each round, None for one that failed; `extra` are further members,
    left out when None.

    better: "higher" or "lower", which is how a reader tells good from bad.
    """
    present = [value for value in values if value is not None]
    figures = spread(present) or {"median": None, "min": None, "max": None}
    return {
        "question": question,
        "parameter": parameter,
        "subject": subject,
        "wire": wire,
        "family": family,
        "unit": unit,
        "better": better,
        **figures,
        "rounds": len(present),
        "cpuSecondsPerGB": None,
        **{key: value for key, value in extra.items() if value is not None},
        "samples": list(values),
    }


def absent(question, subject, reason, *, parameter="", wire=None, family=None, unit=None, **extra):
    """The result of a subject that could not run, with the reason. A subject is never left out silently."""
    return result(question, subject, unit, [], parameter=parameter, wire=wire, family=family, reason=reason, **extra)
