"""What does attaching a pod cost, and does it matter how many pods are there, or come at once?"""

import random
import statistics
from contextlib import ExitStack

from lab.node import CONFIGURATION, Cluster
from measure import leases
from measure.failures import FAILURES, first_line
from measure.result import absent, result
from measure.rounds import paired, spread
from measure.runtime import Runtime
from subjects.warrens import WarrensTun

name = "attach"
quick = True
title = "ADD, CHECK and DEL beside the reference plugins"
about = """
One execution of a plugin, from the start of its process to its end, as a runtime executes it: ADD, then CHECK, then DEL of
the same container, whose network namespace exists before and stays. `warrens` with `warrens-ipam`, as shipped, beside the
reference plugins `bridge` with `host-local` and `ptp` with `host-local`, which get an address of both families, too.
*Leases* is how many addresses are leased already: the files of `warrens-ipam` and `host-local` as that many pods leave
them, in a /18 and a larger IPv6 subnet. With 50 at once, all executions start together, and the figure is the time until
the last one has ended. *Warrens ×* below 1 says that Warrens takes that part of the time.

What it does not show: state lies on a tmpfs, where `host-local`, which opens and reads every lease, suffers least. With
IPv6, `ptp` waits for the kernel's duplicate address detection (1 to 2 s), hence the tables with IPv4 alone. Nothing chained
is measured, no container is started, and the daemon runs already.
"""
columns = [
    ("ofNone", "of no leases", "{:.2f}"),
    ("perSecond", "per second", "{:.0f}"),
    ("eachMilliseconds", "each, ms", "{:.0f}"),
]

VERBS = ("ADD", "CHECK", "DEL")
LEASES, CROWD = 10_000, 50
SUBJECTS = {
    "warrens": "warrens + warrens-ipam",
    "bridge": "bridge + host-local",
    "ptp": "ptp + host-local",
}
#: Why a contestant with no rounds was not measured.
TOO_LONG = "a round takes too long for this run: two minutes where 50 of host-local read 10,000 leases each"
#: What host-local leases of.
PREFIXES = {"bridge": ("10.1.0.0/18", "fd00:1::/64"), "ptp": ("10.2.0.0/18", "fd00:2::/64")}
#: Room for the leases: a /18 for every node instead of a /24.
SETTINGS = {"v4Width": 8}


class Place:
    """A node with a number of leases; of both families, or of IPv4 alone."""

    def __init__(self, node, leased=0, family=None):
        self.leased, self.family = leased, family
        node.settings(**SETTINGS, **({"families": [f"ipv{family}"]} if family else {}))
        self.runtime = Runtime(node, CROWD + 1)
        # The first container starts the daemon and stays: its lease is the pattern for the others.
        first = self.runtime.containers.pop()
        self.runtime.execute("ADD", self.configuration("warrens", True), [first])
        if leased:
            leases.multiply_own(node, "warrens", leased)
            for plugin, prefixes in PREFIXES.items():
                leases.seed_host_local(node, plugin, prefixes, leased)
            self.clock("warrens", True, 1)
            if (present := leases.count_own(node, "warrens")) != leased + 1:
                raise RuntimeError(f"{present} leases are there instead of {leased + 1}")

    def configuration(self, plugin, masquerade):
        common = {"cniVersion": "1.0.0", "name": plugin, "type": plugin, "ipMasq": masquerade}
        if plugin == "warrens":
            return {**CONFIGURATION["plugins"][0], **common}
        if plugin == "bridge":
            common |= {"bridge": "reference0", "isDefaultGateway": True}
        prefixes = PREFIXES[plugin][:1] if self.family == 4 else PREFIXES[plugin]
        return {**common, "ipam": {"type": "host-local", "ranges": [[{"subnet": prefix}] for prefix in prefixes]}}

    def clock(self, plugin, masquerade, crowd):
        """Seconds of each execution, and of all, for every verb."""
        configuration, containers = self.configuration(plugin, masquerade), self.runtime.containers[:crowd]
        try:
            return {verb: self.runtime.execute(verb, configuration, containers) for verb in VERBS}
        except RuntimeError:
            # What is left of it must not be in the way of the next round.
            self.runtime.execute("DEL", configuration, containers)
            raise


def run(bench):
    if reason := WarrensTun().available():
        yield absent(name, SUBJECTS["warrens"], reason, unit="ms")
        return
    with ExitStack() as stack:
        cluster = Cluster(3)
        stack.callback(cluster.close)
        bench.say(f"{name}: nodes with none and with {LEASES:,} leases")
        empty, full, only4 = Place(cluster.nodes[0]), Place(cluster.nodes[1], LEASES), Place(cluster.nodes[2], family=4)
        for place in (empty, full, only4):
            stack.callback(place.runtime.close)
        yield from measure(bench, True, 1, {(only4, plugin): bench.count(9) for plugin in SUBJECTS})
        few = 0 if bench.quick else 1
        for masquerade in (True,) if bench.quick else (True, False):
            yield from measure(bench, masquerade, 1, {
                (empty, "warrens"): bench.count(9), (empty, "bridge"): bench.count(9),
                (empty, "ptp"): bench.count(3, 1),
            })
            yield from measure(bench, masquerade, 1, {
                (empty, "warrens"): bench.count(21, 9), (full, "warrens"): bench.count(21, 9),
                (empty, "bridge"): bench.count(3, 1), (full, "bridge"): bench.count(3, 1),
            })
            yield from measure(bench, masquerade, CROWD, {
                (empty, "warrens"): bench.count(3), (empty, "bridge"): bench.count(3, 1), (empty, "ptp"): few,
            })
            yield from measure(bench, masquerade, CROWD, {
                (empty, "warrens"): bench.count(5), (full, "warrens"): bench.count(5), (full, "bridge"): 0,
            })


def measure(bench, masquerade, crowd, rounds):
    """Interleaves contestants, each (place, plugin) for as many rounds as `rounds` says: the slow ones for fewer.

    The order is drawn at random, always the same for the same round: what one leaves behind for the kernel to clear
    away falls to all others alike.
    """
    most = max(rounds.values())
    bench.say(f"{name}: {crowd} at once, ipMasq {masquerade}, {most} rounds of {len(rounds)}")
    taken, failures = {contestant: [] for contestant in rounds}, {contestant: [] for contestant in rounds}
    for round in range(most):
        for place, plugin in random.Random(round).sample(list(rounds), len(rounds)):
            times = None
            if round < rounds[place, plugin]:
                try:
                    times = place.clock(plugin, masquerade, crowd)
                except FAILURES as error:
                    failures[place, plugin].append(first_line(error))
            taken[place, plugin].append(times)
    for verb in VERBS:
        yield from results(verb, masquerade, crowd, taken, failures)


def results(verb, masquerade, crowd, taken, failures):
    values = {contestant: [row and row[verb][1] * 1000 for row in rows] for contestant, rows in taken.items()}
    with_leases = any(place.leased for place, _ in taken)
    alone = any(place.family for place, _ in taken)
    common = {
        "parameter": parameter(verb, masquerade, crowd) + ", with leases" * with_leases + ", IPv4 alone" * alone,
        "better": "lower",
    }
    for (place, plugin), own in values.items():
        common |= {"family": place.family} | ({"x": place.leased, "xLabel": "leases"} if with_leases else {})
        if not any(own):
            yield absent(name, SUBJECTS[plugin], (failures[place, plugin] or [TOO_LONG])[0], unit="ms", **common)
            continue
        ours, none = values[place, "warrens"], next(
            (values[other] for other in values if other[0].leased == 0 and other[1] == plugin), own)
        ratio = spread(paired(own, none)) if place.leased else None
        extra = {"ratioToNone": ratio, "ofNone": ratio["median"]} if ratio else {}
        if crowd > 1:
            each = [seconds * 1000 for row in taken[place, plugin] if row for seconds in row[verb][0]]
            extra |= {"eachMilliseconds": statistics.median(each), "perSecond": crowd * 1000 / middle(own)}
        yield result(
            name, SUBJECTS[plugin], "ms", own, **common,
            warrensOver=None if plugin == "warrens" else spread(paired(ours, own)),
            failures=failures[place, plugin] or None, **extra,
        )


def parameter(verb, masquerade, crowd):
    return f"{verb}, {'one' if crowd == 1 else f'{crowd} at once'}, ipMasq {'on' if masquerade else 'off'}"


def middle(values):
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None
