"""Do a hundred thousand peers cost a packet, or a change, more than ten?"""

import datetime
import re
import statistics
import time

from measure import memory, packet_bench, traffic
from measure.contest import OURS
from measure.failures import FAILURES, first_line
from measure.memory import MIB
from measure.numbered import lost, receiving, sending
from measure.pair import Pair
from measure.result import absent, result
from measure.rounds import paired, spread
from subjects.crowded import AFTER, BEFORE, PATIENCE, CrowdedWarrens

name = "registry"
quick = False
title = "Ten to a hundred thousand peers"
PEERS = (10, 1_000, 100_000)
STEADY_PORT = 4000
about = """
Two nodes whose node file names that many peers, each with a subnet of both families and an endpoint; all but one of
the peers are not there.

- *load*: from the start of the daemon until it serves its socket, the file read and the tunnel open.
- *memory*: resident afterwards, both nodes; *own* is the part that no file backs.
- *change*: one peer's endpoint changes in the file, which is replaced by a rename. A pod sends a numbered datagram to that
  peer, and another one to a pod elsewhere, every millisecond. *from the file's rename* ends when the first datagram arrives at
  the new endpoint; *from the difference* begins when the daemon has logged the registry's difference, to a millisecond.
  *lost* counts the datagrams of all rounds that arrived nowhere: those to the peer that changed, and those elsewhere.
- *throughput*: one TCP stream between the two nodes' pods, interleaved; *of ten* is the ratio to ten peers in the same round.
- *lookup*: `packet-bench` finds the peers of destinations in the table of the packet path, one hot destination or random
  ones of all peers; each lookup waits for the one before it. *table*: it brings the difference of one peer into that table.

What it does not show: `kubectl` prints ten to thirty times as much for a real node as stands in this file, and what is
skipped takes time as well. Peers whose endpoints are host names, which have to be resolved, are not among them.
"""
columns = [
    ("own", "own", "{:.1f}"), ("fileMegabytes", "file, MB", "{:.1f}"), ("ofTen", "of ten", "{:.2f}"),
    ("lostThere", "lost there", "{:.0f}"), ("lostElsewhere", "lost elsewhere", "{:.0f}"),
]

#: What `packet-bench` calls it, and what we do.
PARTS = {
    ("lookup", "hot"): "lookup, one hot destination",
    ("lookup", "random"): "lookup, random destinations",
    ("lookup", "random, with record"): "lookup, random destinations, and the peer's record",
    ("change", "one changed"): "table: one changed",
    ("change", "one added"): "table: one added",
    ("change", "one removed"): "table: one removed",
}


def run(bench):
    bench.say(f"{name}: lookups and changes of the table")
    yield from packet_bench.results(name, OURS, PEERS, PARTS, xLabel="peers", xScale="log")
    crowds = {}
    try:
        for peers in PEERS:
            bench.say(f"{name}: loading {peers:,} peers")
            try:
                crowds[peers] = Pair(CrowdedWarrens(peers), bench.wires[-1])
            except FAILURES as error:
                yield absent(name, OURS, first_line(error), unit="s", parameter="load", **place(peers))
        for peers, pair in crowds.items():
            yield from loaded(peers, pair)
        for peers, pair in crowds.items():
            yield from changed(bench, peers, pair)
        yield from flowed(bench, crowds)
    finally:
        for pair in crowds.values():
            pair.close()


def place(peers):
    return {"x": peers, "xLabel": "peers", "xScale": "log"}


def loaded(peers, pair):
    subject = pair.subject
    yield result(
        name, OURS, "s", subject.loading, parameter="load", better="lower", fileMegabytes=len(subject.text) / 1e6,
        **place(peers))
    sizes = [memory.resident(daemon) for daemon in subject.processes()]
    yield result(
        name, OURS, "MiB", [size / MIB for size, _ in sizes], parameter="memory", better="lower",
        own=statistics.mean(own for _, own in sizes) / MIB, **place(peers))


def changed(bench, peers, pair):
    """Moves one peer to and fro between two ports."""
    rounds = bench.count(5 if peers < PEERS[-1] else 3)
    bench.say(f"{name}: one of {peers:,} peers changes, {rounds} rounds")
    taken, failures = [], []
    for round in range(rounds):
        try:
            taken.append(change(pair, (AFTER, BEFORE)[round % 2]))
        except FAILURES as error:
            failures.append(first_line(error))
    for parameter, member in (("change: from the file's rename", "whole"), ("change: from the difference", "applying")):
        common = {"parameter": parameter, "better": "lower", **place(peers)}
        if not taken:
            yield absent(name, OURS, failures[0], unit="ms", **common)
            continue
        yield result(
            name, OURS, "ms", [times[member] for times in taken], **common, failures=failures or None,
            lostThere=sum(times["lostThere"] for times in taken),
            lostElsewhere=sum(times["lostElsewhere"] for times in taken),
        )


def change(pair, port):
    """Milliseconds until datagrams arrive at the new port, from the rename and from the log's line; losses on the way."""
    subject = pair.subject
    told = len(differences(subject.log()))
    with (
        receiving(pair.right.node, BEFORE, AFTER, patience=PATIENCE) as there,
        receiving(pair.right.pod, STEADY_PORT, patience=PATIENCE) as elsewhere,
    ):
        with sending(pair.left.pod, subject.target()), sending(pair.left.pod, pair.target(4), STEADY_PORT):
            there.await_port(BEFORE if port == AFTER else AFTER)
            renamed = subject.change(port)
            there.await_port(port)
            time.sleep(0.2)
    first = min(when for when, at, _ in there.arrivals if at == port)
    logged = differences(subject.log())[told]
    return {
        "whole": (first - renamed) * 1000,
        "applying": max(0.0, first - logged) * 1000,
        "lostThere": lost(there.arrivals),
        "lostElsewhere": lost(elsewhere.arrivals),
    }


def differences(log):
    """When the daemon found a difference, each time, in seconds of the system's clock."""
    return [
        datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
        for moment in re.findall(r"^(\S+) notice registry changed ", log, re.MULTILINE)
    ]


def flowed(bench, crowds):
    """One stream over each, the fewest and the most peers in every round, those in between in the first three."""
    rounds = bench.count(9)
    bench.say(f"{name}: throughput, {rounds} rounds of {len(crowds)} registries")
    taken, failures = {peers: [] for peers in crowds}, {peers: [] for peers in crowds}
    for round in range(rounds):
        for peers, pair in list(crowds.items())[:: 1 if round % 2 == 0 else -1]:
            sample = None
            if round < 3 or peers in (PEERS[0], PEERS[-1]):
                try:
                    sample = traffic.tcp(pair, 4, bench.seconds, 1)
                except FAILURES as error:
                    failures[peers].append(first_line(error))
            taken[peers].append(sample)
    values = {peers: [sample and sample.value for sample in samples] for peers, samples in taken.items()}
    for peers, own in values.items():
        common = {"parameter": "throughput", "wire": crowds[peers].wire, "family": 4, **place(peers)}
        if not any(own):
            yield absent(name, OURS, failures[peers][0], unit="Gb/s", **common)
            continue
        ratio = spread(paired(own, values.get(PEERS[0], [])))
        yield result(
            name, OURS, "Gb/s", own, **common, ratioToTen=ratio, ofTen=ratio and ratio["median"],
            cpuSecondsPerGB=statistics.median(sample.cpu_per_gigabyte for sample in taken[peers] if sample),
            failures=failures[peers] or None)
