"""The arithmetic of rounds: what stands in a result, without anything that measures."""

import statistics


def spread(values):
    """Median, least and greatest of a list; nothing of an empty one."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def paired(values, reference):
    """The ratios of two series, round by round; rounds that one of them lacks (None), or with nothing to divide by, count out."""
    return [
        value / other
        for value, other in zip(values, reference)
        if value is not None and other is not None and other > 0
    ]


def turn(items, round):
    """The order of a round: every round begins with another one, so that nobody always runs first or after the same."""
    start = round % len(items) if items else 0
    return items[start:] + items[:start]
