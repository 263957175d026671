"""How long does a turn take, and how many connections can be made?"""

from measure import traffic

name = "latency"
quick = False
title = "Round trips and connections"
about = """
One client, one turn at a time, 64 bytes there and back; the figure is the median of the turns of a second, *p99* its 99th
percentile. IPv4 by sockperf, whose version in Debian knows no IPv6; IPv6 by `measure/turns.py`, in which the
interpreter's own time (the same for all) is part of the figure. A connection is a TCP handshake, one byte there and back, and
a reset; one after the other.
"""
columns = [("p99", "p99 µs", "{:.0f}")]
MICROSECONDS, RATE = "µs", "connections/s"
#: A turn takes microseconds: a second holds enough of them, however long the other measurements are.
SECONDS = 1


def run(bench):
    # Small packets cross both wires alike: the last is the one that is nearest to a network card.
    with bench.pairs(bench.wires[-1], [subject for subject in bench.usual if not subject.variant]) as pairs:
        for parameter, unit, measure, family, rounds in plan(bench):
            better = "higher" if unit == RATE else "lower"
            yield from bench.compare(name, parameter, unit, pairs, measure, family=family, rounds=rounds, better=better)
    yield from bench.refusals(name)


def plan(bench):
    """(parameter, unit, measurement, family, rounds)"""
    for tcp in (False, True):
        kind = "TCP" if tcp else "UDP"
        yield (f"{kind} round trip", MICROSECONDS,
               lambda pair, tcp=tcp: traffic.sockperf(pair, SECONDS, tcp=tcp), 4, bench.count(2))
        yield (f"{kind} round trip", MICROSECONDS,
               lambda pair, tcp=tcp: traffic.pingpong(pair, 6, SECONDS, tcp=tcp), 6, bench.count(2))
    for family, rounds in ((4, 3), (6, 2)):
        yield ("TCP connections", RATE,
               lambda pair, family=family: traffic.connections(pair, family, SECONDS), family, bench.count(rounds))
