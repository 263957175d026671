"""A strict reader of Prometheus's text format, version 0.0.4, as its specification has it.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
KINDS = ("counter", "gauge", "histogram", "summary", "untyped")
#: What Go's ParseFloat takes, of the forms that a program should write.
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|NaN|[-+]?Inf")


class Malformed(AssertionError):
    """What in the page breaks a rule, with the line."""


class Family:
    """All samples of one metric."""

    def __init__(self, name):
        self.name, self.help, self.kind = name, None, None
        #: Values by their labels, each set of labels a frozenset of (name, value).
        self.samples = {}

    @property
    def labels(self):
        """The names of the labels that any sample has."""
        return {name for labels in self.samples for name, _ in labels}


class Page:
    """A page of metrics: `page["name"]` is the value of the only sample, `page.value("name", label="value")` of one of many."""

    def __init__(self, text):
        self.families = {}
        self._last = None
        if text and not text.endswith("\n"):
            raise Malformed("the last line has no end")
        for number, line in enumerate(text.split("\n")[:-1], 1):
            try:
                self._read(line.strip(" \t"))
            except Malformed as error:
                raise Malformed(f"line {number}: {error}: {line!r}") from None

    def __getitem__(self, name):
        (value,) = self.families[name].samples.values()
        return value

    def value(self, name, **labels):
        return self.families[name].samples[frozenset(labels.items())]

    def total(self, name):
        return sum(self.families[name].samples.values())

    def _read(self, line):
        if not line:
            return
        if line.startswith("#"):
            self._read_comment(line)
        else:
            self._read_sample(line)

    def _read_comment(self, line):
        words = line[1:].lstrip(" \t").split(None, 2)
        if not words or words[0] not in ("HELP", "TYPE"):
            return
        if len(words) < 2 or not METRIC_NAME.fullmatch(words[1]):
            raise Malformed("no name of a metric")
        family = self._family(words[1])
        rest = words[2] if len(words) > 2 else ""
        if family.samples:
            raise Malformed(f"{words[0]} behind a sample")
        if words[0] == "HELP":
            if family.help is not None:
                raise Malformed("a second HELP")
            family.help = unescape(rest, "\\n")
        else:
            if family.kind is not None:
                raise Malformed("a second TYPE")
            if rest not in KINDS:
                raise Malformed("no known type")
            family.kind = rest

    def _read_sample(self, line):
        name = METRIC_NAME.match(line)
        if not name:
            raise Malformed("no name of a metric")
        labels, rest = {}, line[name.end():].lstrip(" \t")
        if rest.startswith("{"):
            labels, rest = read_labels(rest[1:])
        values = rest.split()
        if not 1 <= len(values) <= 2 or not NUMBER.fullmatch(values[0]):
            raise Malformed("no value")
        if len(values) == 2 and not re.fullmatch(r"-?\d+", values[1]):
            raise Malformed("no timestamp")
        samples, key = self._family(name.group()).samples, frozenset(labels.items())
        if key in samples:
            raise Malformed("the same series again")
        samples[key] = float(values[0])

    def _family(self, name):
        """The family, which has to be in one piece."""
        if name in self.families and name != self._last:
            raise Malformed(f"{name} is not in one piece")
        self._last = name
        return self.families.setdefault(name, Family(name))


def read_labels(text):
    """Labels and what follows them, of what stands behind the opening brace."""
    labels = {}
    while True:
        text = text.lstrip(" \t")
        if text.startswith("}"):
            return labels, text[1:].lstrip(" \t")
        label = re.match(r'([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*', text)
        if not label:
            raise Malformed("no label")
        if label[1] in labels:
            raise Malformed(f"the label {label[1]} twice")
        labels[label[1]] = unescape(label[2], '\\n"')
        text = text[label.end():]
        if text.startswith(","):
            text = text[1:]
        elif not text.startswith("}"):
            raise Malformed("neither a comma nor the end behind a label")


def unescape(text, known):
    """Resolves the escapes of a backslash and one of the characters `known`, in which n stands for the end of a line."""
    parts, position = [], 0
    while (found := text.find("\\", position)) >= 0:
        escaped = text[found + 1:found + 2]
        if not escaped or escaped not in known:
            raise Malformed(f"the unknown escape {text[found:found + 2]}")
        parts += [text[position:found], "\n" if escaped == "n" else escaped]
        position = found + 2
    return "".join(parts) + text[position:]


def departures(page):
    """What in a page departs from the conventions of names: https://prometheus.io/docs/practices/naming/"""
    found = []
    for family in page.families.values():
        name = family.name
        if not family.help or not family.kind or not family.samples:
            found.append(f"{name} lacks help, type or samples")
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
            found.append(f"{name} is not in snake case")
        if (family.kind == "counter") != name.endswith("_total"):
            found.append(f"{name} is a {family.kind}")
        if re.search(r"milli|micro|kilo|mega|_(ms|kb|mb|minutes|hours)(_|$)", name):
            found.append(f"{name} is not in base units")
        if name.endswith("_info") and set(family.samples.values()) != {1}:
            found.append(f"{name} is not 1")
        if any(label in ("instance", "job", "le", "quantile") or label.startswith("__") for label in family.labels):
            found.append(f"{name} has a label that is not its own to have")
        if family.kind == "counter" and min(family.samples.values()) < 0:
            found.append(f"{name} is below nothing")
    return found
