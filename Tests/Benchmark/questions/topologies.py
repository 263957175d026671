"""Does throughput for each node stay what it is while nodes are added?"""

import statistics

from gathering import gather
from measure.flows import together
from measure.group import Group
from subjects.hub import Hub
from subjects.mesh import PlainMesh, WarrensMesh
from subjects.wireguard_go import WireGuardGo

name = "topologies"
quick = False
title = "The paper's topologies: point to point, star, ring"
RATE = 50
about = f"""
The experiments of the paper in miniature: one TCP stream between two nodes; four nodes that send to one; a ring in which
each of n nodes sends to the next one and receives from the one before. Direct (plain routing, Warrens) beside a VPN whose
server is one of the nodes, as in the paper: it is the receiver of the star and a member of the ring. The nodes are joined
by a switch; each one's link carries {RATE} Mb/s in each direction (`tbf` at both ends, 50 ms of queue), which stands for the
paper's 1 Gb/s. Two cores cannot drive so many nodes at full speed: here **the links are the limit, not the processor**, as
far as *cores used* (client, server, daemons, softirq threads of the run) and *cores busy* (the whole machine) stay below
the number of cores. Streams run for {{seconds}} s after one second that does not count.

What it does not show: the paper's absolute numbers, nor the processor's price of a packet, which stands with the
throughput. The server is wireguard-go, for the kernel of the usual test machine has no WireGuard; with links as the limit
that makes no difference.
"""
columns = [
    ("least", "least flow", "{:.1f}"), ("greatest", "greatest flow", "{:.1f}"),
    ("coresUsed", "cores used", "{:.2f}"), ("coresBusy", "cores busy", "{:.2f}"),
]

RING_SIZES = (2, 3, 5, 8)
CLIENTS = 4


def run(bench):
    subjects = [PlainMesh(), WarrensMesh(), Hub(WireGuardGo())]
    with gather(bench, name, subjects, lambda subject: Group(subject, max(RING_SIZES), RATE)) as gathering:
        for parameter, size, flows, total in plan():
            taken = gathering.measure(
                f"{parameter}{f', n = {size}' if size else ''}", bench.count(3),
                lambda group: together(group, flows, bench.seconds))
            curve = {"x": size, "xLabel": "nodes"} if size else {}
            yield from taken.results(
                parameter, "Mb/s", lambda sample: (sum if total else statistics.mean)(sample[0]),
                extra=details, wire="M", family=4, **curve)


def plan():
    """(parameter, number of nodes if it is a curve, flows between sites by their indices, is the sum what counts?)"""
    yield "point to point", None, [(1, 0)], True
    yield f"star {CLIENTS}→1, sum at the server", None, [(client, 0) for client in range(1, CLIENTS + 1)], True
    for size in RING_SIZES:
        yield "ring, for each node", size, [(index, (index + 1) % size) for index in range(size)], False


def details(samples):
    """Of all rounds: how unequal the flows were, and whether the processor was the limit."""
    return {
        "least": min(min(rates) for rates, _ in samples),
        "greatest": max(max(rates) for rates, _ in samples),
        "coresUsed": statistics.median(usage.cpu / usage.wall for _, usage in samples),
        "coresBusy": statistics.median(usage.busy / usage.wall for _, usage in samples),
    }
