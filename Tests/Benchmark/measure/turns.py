#!/usr/bin/env python3
"""Takes turns, to be run in pods: `turns.py serve PORT`, then `turns.py pingpong|connect ADDRESS PORT SECONDS [--udp]`.

Where Debian's tools end: sockperf speaks no IPv6, and none counts connections. The interpreter's own time, which is part
of every figure, is the same for every subject. Figures are printed as JSON: `count`, `seconds`, and quantiles in
microseconds of one turn.
"""

import argparse
import json
import socket
import statistics
import struct
import sys
import threading
import time

PAYLOAD = b"-" * 64
#: Close by reset: no connection stays in TIME_WAIT, so ports do not run out over many rounds.
RESET = struct.pack("ii", 1, 0)


def serve(port):
    """Answers every datagram, and every connection one after the other, with what they sent."""
    listener = socket.create_server(("::", port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True)
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.bind(("::", port))
    threading.Thread(target=_answer_datagrams, args=[datagrams], daemon=True).start()
    print("ready", flush=True)
    while True:
        end, _ = listener.accept()
        with end:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                while data := end.recv(1 << 16):
                    end.sendall(data)
            except ConnectionResetError:
                pass  # The caller's way to say goodbye.


def _answer_datagrams(end):
    while True:
        end.sendto(*end.recvfrom(1 << 16))


def pingpong(family, target, seconds, udp):
    """Round trips of 64 bytes over one connection."""
    with socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as end:
        end.settimeout(1)
        end.connect(target)
        if not udp:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def turn():
            end.send(PAYLOAD)
            end.recv(1 << 16)

        return _repeat(turn, seconds)


def connect(family, target, seconds):
    """Connects, has one byte echoed, and closes, over and over."""

    def turn():
        with socket.socket(family, socket.SOCK_STREAM) as end:
            end.settimeout(5)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.connect(target)
            end.send(b"-")
            end.recv(1)

    return _repeat(turn, seconds)


def _repeat(turn, seconds):
    """Takes turns for a time; a datagram that is lost costs its turn and is counted."""
    durations, lost = [], 0
    begin = time.monotonic()
    while (start := time.monotonic()) < begin + seconds:
        try:
            turn()
        except TimeoutError:
            lost += 1
            continue
        durations.append(time.monotonic() - start)
    if len(durations) < 2:
        sys.exit(f"{len(durations)} turns were answered in {seconds} s, {lost} were lost")
    quantiles = statistics.quantiles(durations, n=100, method="inclusive")
    return {
        "count": len(durations), "lost": lost, "seconds": time.monotonic() - begin,
        "p50": statistics.median(durations) * 1e6, "p99": quantiles[98] * 1e6,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("serve")
    server.add_argument("port", type=int)
    for role in ("pingpong", "connect"):
        client = roles.add_parser(role)
        client.add_argument("address")
        client.add_argument("port", type=int)
        client.add_argument("seconds", type=float)
        if role == "pingpong":
            client.add_argument("--udp", action="store_true")
    chosen = parser.parse_args()
    if chosen.role == "serve":
        serve(chosen.port)
    family = socket.AF_INET6 if ":" in chosen.address else socket.AF_INET
    target = (chosen.address, chosen.port)
    if chosen.role == "pingpong":
        figures = pingpong(family, target, chosen.seconds, chosen.udp)
    else:
        figures = connect(family, target, chosen.seconds)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
