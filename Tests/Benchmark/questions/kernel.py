"""Is the kernel's datapath as fast as no tunnel at all?"""

from measure import traffic
from measure.contest import REFERENCE
from subjects.vxlan import KernelVXLAN

from .latency import MICROSECONDS
from .latency import SECONDS as TURNS_SECONDS
from .throughput import TCP, tcp

name = "kernel"
quick = False
title = "The datapath in the kernel"
about = """
The eBPF datapath beside plain routing and kernel VXLAN, which are all in the kernel: one TCP stream for {seconds} s, and round
trips as in the question of latency. *of VXLAN* and *price of VXLAN* are the medians of the ratios to kernel VXLAN within the
same round: of the figure, and of the CPU seconds for each gigabyte. On wire M raw packets are merged by a loop through a pair
of veths, and framed ones where they arrive.
"""
columns = [("p99", "p99 µs", "{:.0f}")]
RIVAL = KernelVXLAN.name


def run(bench):
    subjects = [subject for subject in bench.subjects if subject.name in (REFERENCE, RIVAL) or subject.only == name]
    for wire in bench.wires:
        with bench.pairs(wire, subjects) as pairs:
            yield from throughput(bench, pairs)
            for tcp_turns in (False, True):
                yield from bench.compare(
                    name, f"{'TCP' if tcp_turns else 'UDP'} round trip", MICROSECONDS, pairs,
                    lambda pair: traffic.sockperf(pair, TURNS_SECONDS, tcp=tcp_turns), family=4, rounds=bench.count(5),
                    better="lower", rival=RIVAL)
    yield from bench.refusals(name, subjects)


def throughput(bench, pairs):
    """Both families; those of IPv6 know how far their share of plain routing is from that of IPv4."""
    shares = {}
    for family in (4, 6):
        results = bench.compare(
            name, TCP, "Gb/s", pairs, tcp(bench, family, 1), family=family, rounds=bench.count(9), rival=RIVAL)
        for result in results:
            if share := result.get("ratioToPlain"):
                shares[result["subject"], family] = share["median"]
            if family == 6 and {(result["subject"], 4), (result["subject"], 6)} <= shares.keys():
                result["shareBelowIPv4"] = shares[result["subject"], 4] - shares[result["subject"], 6]
        yield from results
