"""How much memory does a daemon hold?"""

from measure import memory, traffic
from measure.failures import FAILURES, first_line
from measure.memory import MIB
from measure.result import absent, result

name = "memory"
quick = False
title = "Memory of the daemons"
about = """
Resident memory of the daemons, in MiB: after start and first pings (*idle*), and the most that each held while eight TCP streams
ran for {seconds} s from one node to the other (*busy*). *own* is the part that no file backs, heap and stacks; the rest is
the executable and its libraries. The figures in brackets are those of the two nodes: the sender's and the receiver's. The
paper gives its Go program 11 MiB.

What it does not show: what the kernel holds for a daemon (socket buffers, the queue of the TUN device), and subjects that
are all kernel. What a hundred thousand peers take stands with the registry.
"""
columns = [("own", "own", "{:.1f}")]
STREAMS = 8


def run(bench):
    with bench.pairs(bench.wires[-1], [subject for subject in bench.usual if not subject.variant]) as pairs:
        bench.say(f"{name}: idle and busy, {len(pairs)} subjects")
        for pair in pairs:
            yield from measure(bench, pair)
    yield from bench.refusals(name)


def measure(bench, pair):
    daemons = pair.subject.processes()
    if not daemons:
        yield absent(name, pair.subject.name, "it is all kernel: there is no process", unit="MiB", parameter="idle")
        return
    idle = [memory.resident(daemon) for daemon in daemons]
    yield figures(pair, "idle", [size for size, _ in idle], [own for _, own in idle])
    for daemon in daemons:
        memory.forget_peak(daemon)
    try:
        traffic.tcp(pair, 4, bench.seconds, STREAMS)
    except FAILURES as error:
        yield absent(name, pair.subject.name, first_line(error), unit="MiB", parameter="busy")
        return
    after = [own for _, own in map(memory.resident, daemons)]
    yield figures(pair, "busy", [memory.peak(daemon) for daemon in daemons], after)


def figures(pair, parameter, sizes, owned):
    return result(
        name, pair.subject.name, "MiB", [size / MIB for size in sizes], parameter=parameter, better="lower",
        encrypted=pair.subject.encrypted, own=sum(owned) / len(owned) / MIB,
    )
