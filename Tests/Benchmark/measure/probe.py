#!/usr/bin/env python3
"""A thin stream of numbered datagrams, to be run in pods and on nodes.

`probe.py send ADDRESS PORT` sends one datagram a millisecond until it is ended. `probe.py receive SECONDS PORT…` notes
what arrives at these ports, and prints a port's number when it is another than the one before. Once there is a line on its
standard input, or after so many seconds, it prints JSON: for each datagram the time (of the system's clock, in seconds),
the port and the number, which are the last eight bytes; so tunnelled ones are understood, too.
"""

import json
import select
import socket
import struct
import sys
import time

NUMBER = struct.Struct("!Q")
PERIOD = 0.001
#: The port of datagrams of which the port does not matter.
PORT = 9


def send(address, port):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect((address, port))
        number, due = 0, time.monotonic()
        while True:
            try:
                end.send(NUMBER.pack(number))
            except ConnectionRefusedError:
                continue  # An answer to an earlier datagram; this one was not sent.
            number, due = number + 1, due + PERIOD
            time.sleep(max(0.0, due - time.monotonic()))


def receive(seconds, ports):
    poll, ends, arrivals, last = select.poll(), {}, [], None
    poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
    for port in ports:
        end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        end.bind(("::", port))
        end.setblocking(False)
        ends[end.fileno()] = end, port
        poll.register(end, select.POLLIN)
    print("ready", flush=True)
    deadline, is_open = time.monotonic() + seconds, True
    while is_open:
        ready = poll.poll(max(0, deadline - time.monotonic()) * 1000)
        is_open = time.monotonic() < deadline
        for descriptor, _ in ready:
            if descriptor not in ends:
                is_open = False
                continue
            end, port = ends[descriptor]
            data = end.recv(1 << 16)
            if len(data) < NUMBER.size:
                continue
            arrivals.append((time.time(), port, NUMBER.unpack(data[-NUMBER.size:])[0]))
            if port != last:
                last = port
                print(port, flush=True)
    print(json.dumps(arrivals))


if __name__ == "__main__":
    role, *words = sys.argv[1:]
    if role == "send":
        send(words[0], int(words[1]))
    else:
        receive(float(words[0]), [int(word) for word in words[1:]])
