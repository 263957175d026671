"""How many small clients can be served before requests fail or take long?"""

from gathering import gather
from measure.crowd import ask, details
from measure.group import Group
from subjects.hub import Hub
from subjects.mesh import PlainMesh, WarrensMesh
from subjects.openvpn import OpenVPN

name = "clients"
quick = False
title = "Many small clients"
RATE = 100
#: Sites by their indices; the first one is the center of a hub.
SITES, SERVER, ASKERS = 5, 1, (2, 3, 4)
COUNTS = (50, 250, 500, 750)
#: Seconds.
INTERVAL, TIMEOUT, SECONDS = 0.25, 1, 3
about = f"""
The authors' study of 2019 in miniature: {COUNTS[0]} to {COUNTS[-1]} clients, each of which sends a small HTTP request every
{INTERVAL * 1000:.0f} ms, over a new connection each time, and gets 200 bytes. The clients are spread over the pods of three nodes,
one process with `epoll` in each; the server is the pod of a fourth. With the hub, a fifth node is an OpenVPN server (the classic
of 2019) through which all of it goes; Warrens and plain routing go straight. Every link carries {RATE} Mb/s. A request has
failed that has no complete answer after {TIMEOUT} s, or whose connection breaks; the latencies are those of the others, from
the first packet of the connection to the last of the answer. {SECONDS} s for each measurement.

What it does not show: clients are connections of three VPN clients, not VPN clients of their own, so a VPN's number of
sessions is not tried. All nodes, clients and the server share the machine's cores, so the hub's work slows the others as well.
"""
columns = [("asked", "requests/s", "{:.0f}"), ("coresUsed", "cores used", "{:.2f}")]


def run(bench):
    subjects = [PlainMesh(), WarrensMesh(), Hub(OpenVPN())]
    with gather(bench, name, subjects, lambda subject: Group(subject, SITES, RATE)) as gathering:
        for count in COUNTS:
            taken = gathering.measure(
                f"{count} clients", bench.count(2),
                lambda group: ask(group, SERVER, ASKERS, count, interval=INTERVAL, timeout=TIMEOUT, seconds=SECONDS))
            for parameter, unit, value in (
                ("failed requests", "%", lambda sample: sample.failed_percent),
                ("latency, median", "ms", lambda sample: sample.latency(50)),
                ("latency, 99th percentile", "ms", lambda sample: sample.latency(99)),
            ):
                yield from taken.results(
                    parameter, unit, value, extra=details, wire="M", family=4, better="lower", x=count,
                    xLabel="clients")
