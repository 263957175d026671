"""Which metrics and labels an expression of PromQL uses: enough of the language for dashboards and alerts.

Left out are whatever these have no need of: subqueries, label names in quotes, and recording rules' names with colons.
"""

import re

TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<range>\[[^\]]*\])|(?P<number>\d[\d.]*(?:[eE][-+]?\d+)?\w*)"""
    r"""|(?P<name>[a-zA-Z_]\w*)|(?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){},@]))"""
)
#: Followed by a list of labels.
LABEL_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
WORDS = LABEL_LISTS | {"and", "or", "unless", "offset", "bool", "inf", "nan"}


def tokens(expression):
    position, found = 0, []
    expression = expression.rstrip()
    while position < len(expression):
        token = TOKEN.match(expression, position)
        if not token:
            raise AssertionError(f"not understood, from {expression[position:]!r} on")
        found.append((token.lastgroup, token[token.lastgroup]))
        position = token.end()
    return found


def uses(expression):
    """The metrics of an expression, each with the labels that select its series; and the labels that it groups by."""
    metrics, grouping = {}, set()
    words = tokens(expression)
    position = 0
    while position < len(words):
        kind, text = words[position]
        following = words[position + 1][1] if position + 1 < len(words) else ""
        position += 1
        if kind != "name":
            continue
        if text in LABEL_LISTS and following == "(":
            names, position = enclosed(words, position + 1, ")")
            grouping |= {name for kind, name in names if kind == "name"}
        elif text not in WORDS and following == "{":
            matchers, position = enclosed(words, position + 1, "}")
            metrics.setdefault(text, set()).update(name for kind, name in matchers if kind == "name")
        elif text not in WORDS and following not in ("(", *LABEL_LISTS):
            metrics.setdefault(text, set())
    return metrics, grouping


def enclosed(words, position, end):
    """The tokens up to `end`, and where to go on behind it."""
    start = position
    while words[position][1] != end:
        position += 1
    return words[start:position], position + 1


def unknown(expression, page, given):
    """What an expression uses that no answer has: metrics and labels.

    page: the answers, as `exposition.Page`. given: the labels that the monitoring system itself adds.
    """
    metrics, grouping = uses(expression)
    found = [f"the metric {name}" for name in metrics if name not in page.families]
    labels = {name: page.families[name].labels | given for name in metrics if name in page.families}
    for name in labels:
        found += [f"the label {label} of {name}" for label in sorted(metrics[name] - labels[name])]
    found += [f"the label {label}" for label in sorted(grouping - set().union(given, *labels.values()))]
    return found
