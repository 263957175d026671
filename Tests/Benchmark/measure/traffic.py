"""Traffic between the pods of a pair, by iperf3, sockperf and turns.py, and what their output means."""

import json
import os
import re
import subprocess
from contextlib import contextmanager

from .result import Sample

#: Seconds that a client may take longer than it was told to, before it is given up.
GRACE = 20
PORT = 5201
PYTHON = "/usr/bin/python3"
TURNS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "turns.py")


@contextmanager
def _server(pair, *words, ready):
    """A server in the right pod that has printed `ready`, for as long as the block runs."""
    running = pair.server(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        printed = ""
        while ready not in printed:
            line = running.process.stdout.readline()
            if not line:
                raise RuntimeError(f"{words[0]} did not start: {printed}")
            printed += line
        yield running
    finally:
        running.kill()


def _iperf3(pair, family, seconds, *options):
    """The report of one iperf3 run from the left pod to the right one, and what it used."""
    client = ["iperf3", "--json", "--client", pair.target(family), "--port", PORT, "--time", seconds,
              "--connect-timeout", 5000, *options]
    with _server(pair, "iperf3", "--server", "--one-off", "--forceflush", "--port", PORT, ready="listening"):
        with pair.metered() as usage:
            outcome = pair.client(*client, check=False, timeout=seconds + GRACE)
    return read_iperf3(outcome.stdout), usage


def read_iperf3(text):
    """iperf3's report; raises `ValueError` with its own words when the run failed."""
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        raise ValueError(f"iperf3 printed no report: {text[:200]}") from None
    if "error" in report:
        raise ValueError(f"iperf3: {report['error']}")
    return report


def tcp_figures(report):
    """Of a TCP run: bits per second and bytes that the receiver got, and the sender's retransmissions."""
    received = report["end"]["sum_received"]
    return received["bits_per_second"], received["bytes"], report["end"]["sum_sent"].get("retransmits")


def udp_figures(report):
    """Of a UDP run: seconds, datagrams sent, datagrams that arrived and bytes of payload that arrived."""
    total = report["end"]["sum"]
    arrived = total["packets"] - total["lost_packets"]
    size = total["bytes"] / total["packets"] if total["packets"] else 0
    return total["seconds"], total["packets"], arrived, arrived * size


def tcp(pair, family, seconds, streams):
    """Gigabits per second of payload that arrive over a number of TCP connections."""
    report, usage = _iperf3(pair, family, seconds, "--parallel", streams)
    bits, size, retransmits = tcp_figures(report)
    return Sample(bits / 1e9, size / 1e9, usage, {"retransmits": retransmits})


def udp(pair, family, seconds, size):
    """Thousands of datagrams of `size` bytes of payload that arrive each second, of as many as one sender can send."""
    report, usage = _iperf3(pair, family, seconds, "--udp", "--bitrate", 0, "--length", size)
    duration, sent, arrived, payload = udp_figures(report)
    if not arrived:
        raise ValueError("no datagram arrived")
    return Sample(arrived / duration / 1e3, payload / 1e9, usage, {
        "offered": sent / duration / 1e3,
        "lossPercent": 100 * (sent - arrived) / sent,
        "gigabitsPerSecond": payload * 8 / duration / 1e9,
        "microsecondsEach": usage.cpu / arrived * 1e6,
    })


def sockperf(pair, seconds, *, tcp):
    """Microseconds of a round trip over IPv4, the median; with its 99th percentile."""
    kind = ["--tcp"] if tcp else []
    with _server(pair, "sockperf", "server", "--ip", pair.target(4), "--port", PORT, *kind, ready="block on socket"):
        with pair.metered() as usage:
            outcome = pair.client("sockperf", "ping-pong", "--ip", pair.target(4), "--port", PORT, *kind, "--full-rtt",
                                  "--msg-size", 64, "--time", seconds, check=False, timeout=seconds + GRACE)
    middle, high = read_sockperf(outcome.stdout + outcome.stderr)
    return Sample(middle, usage=usage, extra={"p99": high})


def read_sockperf(text):
    """Median and 99th percentile of sockperf's summary, in microseconds."""
    found = dict(re.findall(r"percentile (\d+\.\d+) =\s*([\d.]+)", text))
    if not {"50.000", "99.000"} <= set(found):
        raise ValueError(f"sockperf printed no percentiles: {text[-200:].strip()}")
    return float(found["50.000"]), float(found["99.000"])


def pingpong(pair, family, seconds, *, tcp):
    """Like `sockperf`, over either family, by turns.py."""
    figures, usage = _turns(pair, family, "pingpong", seconds, *([] if tcp else ["--udp"]))
    return Sample(figures["p50"], usage=usage, extra={"p99": figures["p99"], "lost": figures["lost"]})


def connections(pair, family, seconds):
    """Connections each second, one after the other, each with one byte there and back."""
    figures, usage = _turns(pair, family, "connect", seconds)
    return Sample(figures["count"] / figures["seconds"], usage=usage, extra={"p99": figures["p99"]})


def _turns(pair, family, role, seconds, *options):
    program = [PYTHON, "-I", "-S", TURNS]
    with _server(pair, *program, "serve", PORT, ready="ready"):
        with pair.metered() as usage:
            outcome = pair.client(*program, role, pair.target(family), PORT, seconds, *options, timeout=seconds + GRACE)
    return json.loads(outcome.stdout), usage
