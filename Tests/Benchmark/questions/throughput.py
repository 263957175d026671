"""How much goes from pod to pod, and at what price?"""

from bench import principal
from measure import traffic

name = "throughput"
quick = True
title = "Throughput from pod to pod"
about = """
TCP: iperf3 for {seconds} s, payload that arrived. UDP: one iperf3 sender for a second, as fast as it can, so that more is
offered than most subjects can carry; the figure is what arrived, and *CPU µs each* is of one that arrived. CPU s/GB is the
processor time of client, server, daemons and the kernel's softirq threads for each gigabyte that arrived.
"""
#: Members of the results that the tables show beside the value, with their headings and formats.
columns = [
    ("offered", "offered k/s", "{:.0f}"),
    ("lossPercent", "loss %", "{:.1f}"),
    ("microsecondsEach", "CPU µs each", "{:.1f}"),
]
TCP = "TCP, 1 stream"
#: Unit of what arrives of UDP.
DATAGRAMS = "thousand datagrams/s"
#: A second holds tens of thousands of datagrams, however long the other measurements are.
UDP_SECONDS = 1


def run(bench):
    for wire in bench.wires:
        with bench.pairs(wire) as pairs:
            yield from bench.compare(name, TCP, "Gb/s", pairs, tcp(bench, 4, 1), family=4, rounds=bench.count(9, quick=3))
            for parameter, unit, measure, family, rounds in plan(bench, wire):
                yield from bench.compare(
                    name, parameter, unit, principal(pairs), measure, family=family, rounds=rounds)
    yield from bench.refusals(name)


def plan(bench, wire):
    """(parameter, unit, measurement, family, rounds) of what else is measured on a wire, without variants."""
    yield TCP, "Gb/s", tcp(bench, 6, 1), 6, bench.count(3, quick=1)
    if bench.quick:
        return
    yield "TCP, 8 streams", "Gb/s", tcp(bench, 4, 8), 4, bench.count(2)
    # Datagrams below the MTU cross both wires alike: once is enough.
    if wire != bench.wires[-1]:
        return
    for size, family, rounds in ((64, 4, 3), (64, 6, 2), (256, 4, 2), (1400, 4, 3), (1400, 6, 2)):
        yield f"UDP, {size} bytes", DATAGRAMS, udp(family, size), family, bench.count(rounds)


def tcp(bench, family, streams):
    return lambda pair: traffic.tcp(pair, family, bench.seconds, streams)


def udp(family, size):
    return lambda pair: traffic.udp(pair, family, UDP_SECONDS, size)
