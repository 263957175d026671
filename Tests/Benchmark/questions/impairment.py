"""What is left on a long and lossy way?"""

from gathering import gather
from measure.crowd import ask
from measure.far import FarGroup
from measure.flows import together
from subjects.hub import Hub
from subjects.mesh import PlainMesh, WarrensMesh
from subjects.openvpn import OpenVPN, OpenVPNOverTCP


def congestion_control():
    """TCP's, as new connections of this system have it."""
    with open("/proc/sys/net/ipv4/tcp_congestion_control") as file:
        return file.read().strip()


name = "impairment"
quick = False
title = "Loss and delay"
#: Sites by their indices: the center of a hub, who is near to it, who is far from both.
SITES, NEAR, FAR = 3, 1, 2
RATE = 20
LOSSES, BASE = (0, 1, 5, 10, 20), 20
DELAYS = (50, 250, 350)
CLIENTS, INTERVAL, TIMEOUT = 20, 0.25, 5
STREAM, WEB = 4, 3
about = f"""
The authors' study of 2024 in miniature. One node is far away: all that it sends and gets goes over a wire of {RATE} Mb/s, with a
round trip of {BASE} ms and a share of lost packets in either direction, or without loss and with a longer round trip. The
others are near each other. Straight (plain routing, Warrens), and by way of a third node near by that is an OpenVPN server, over
UDP, and over TCP: the usual relay where UDP is blocked. The long wire is the same for all.

- *TCP*: one stream from the far node to the near one for {STREAM} s, after one second that does not count. The system's own
  congestion control decides what loss does ({congestion_control()} here), in the pods as in OpenVPN's TCP connection.
- *web*: {CLIENTS} clients on the far node, each of which asks the near one every {INTERVAL * 1000:.0f} ms for 200 bytes over a new
  connection, for {WEB} s; a request fails after {TIMEOUT} s.

The kernel of the usual test machine lacks netem, so the wire is a program between two TAP devices (`measure/relay.py`). It
delays to a fraction of a millisecond, drops at random, each packet by itself, and drops what would have to wait longer
than 100 ms. The subjects are measured at the same time, each with a wire of its own: {RATE} Mb/s leave the processors at
rest.

What it does not show: losses in bursts, jitter and reordering; long downloads, which recover better than {STREAM} s tell.
"""


def run(bench):
    subjects = [PlainMesh(), WarrensMesh(), Hub(OpenVPN()), Hub(OpenVPNOverTCP())]
    with gather(bench, name, subjects, lambda subject: FarGroup(subject, SITES)) as gathering:
        for loss in LOSSES:
            yield from measure(bench, gathering, "loss", "% lost each way", loss, delay=BASE / 2, loss=loss)
        for delay in DELAYS:
            yield from measure(bench, gathering, "delay", "ms there and back", delay, delay=delay / 2, loss=0)


def measure(bench, gathering, kind, label, x, **impairment):
    for group in gathering.groups:
        group.impair(rate=RATE, **impairment)
    common = {"family": 4, "x": x, "xLabel": label}
    stream = gathering.measure(
        f"{x} {label}, TCP", bench.count(2), lambda group: together(group, [(FAR, NEAR)], STREAM), at_once=True)
    yield from stream.results(f"{kind}: TCP", "Mb/s", lambda sample: sample[0][0], **common)
    web = gathering.measure(
        f"{x} {label}, web", bench.count(2), at_once=True,
        measure=lambda group: ask(group, NEAR, [FAR], CLIENTS, interval=INTERVAL, timeout=TIMEOUT, seconds=WEB))
    for parameter, unit, value in (
        ("web, median", "ms", lambda sample: sample.latency(50)),
        ("web, 99th percentile", "ms", lambda sample: sample.latency(99)),
        ("web, failed requests", "%", lambda sample: sample.failed_percent),
    ):
        yield from web.results(f"{kind}: {parameter}", unit, value, better="lower", **common)
