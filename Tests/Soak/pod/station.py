#!/usr/bin/env python3
"""A station of the soak: runs in a pod, sends and receives as it is told. A request and an answer a line, in JSON.

    {"do": "flow", "id": 7, "kind": "udp", "to": "10.192.1.4", "port": 7000, "sizes": [20, 1400], "rate": 50, …}
    {"do": "pause"}   {"do": "resume"}   {"do": "end", "id": 7}
    {"do": "counts"}                                   what was sent and received so far
    {"do": "missing", "id": 7, "kind": "packet", "begin": 0, "end": 4711}
    {"do": "times", "id": 7, "numbers": [3, 4]}         when they were sent
    {"do": "forget"}                                   the times so far
    {"do": "burst", …}                                 as much TCP as goes, for some seconds: the capacity
"""

import json
import os
import selectors
import socket
import sys
import time

import receivers
import senders

#: How often packets are sent, in seconds.
TICK = 0.004
PORT = 7000


class Station:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.log, self.senders, self.is_paused = receivers.Log(), {}, False
        for family in (socket.AF_INET, socket.AF_INET6):
            self.add(receivers.DatagramReceiver(family, PORT, self.log))
            self.add(receivers.EchoReceiver(family, self.log))
            self.add(receivers.StreamReceiver(family, PORT, self))
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, None)
        self.input = b""

    def add(self, receiver):
        self.selector.register(receiver.socket, selectors.EVENT_READ, receiver)

    def remove(self, receiver):
        self.selector.unregister(receiver.socket)

    def run(self):
        """Serves until the other side closes our input."""
        print("ready", flush=True)
        due = time.monotonic()
        while True:
            for key, _ in self.selector.select(max(0, due - time.monotonic())):
                if key.data:
                    key.data.serve()
                elif not self.read_requests():
                    return
            now = time.monotonic()
            if now >= due:
                due = max(due + TICK, now)
                for sender in self.senders.values():
                    if not self.is_paused or isinstance(sender, senders.StreamSender):
                        sender.tick(now)

    def read_requests(self):
        chunk = os.read(0, 1 << 16)
        if not chunk:
            return False
        *lines, self.input = (self.input + chunk).split(b"\n")
        for line in lines:
            request = json.loads(line)
            answer = getattr(self, "do_" + request.pop("do"))(**request)
            print(json.dumps(answer), flush=True)
        return True

    def do_flow(self, **flow):
        self.senders[flow["id"]] = senders.make(flow, self.is_paused)

    def do_end(self, id):
        self.senders.pop(id).close()

    def do_pause(self):
        self.is_paused = True
        for sender in self.senders.values():
            if isinstance(sender, senders.StreamSender):
                sender.pause(time.monotonic())

    def do_resume(self):
        self.is_paused = False
        for sender in self.senders.values():
            sender.restart(time.monotonic())

    def do_counts(self):
        packets = {id: sender for id, sender in self.senders.items() if not isinstance(sender, senders.StreamSender)}
        streams = {id: sender for id, sender in self.senders.items() if isinstance(sender, senders.StreamSender)}
        return {
            "sent": {id: sender.count for id, sender in packets.items()},
            "refused": {id: sender.refused for id, sender in packets.items() if sender.refused},
            "received": [
                [flow, kind, numbers.count, numbers.duplicates] for (flow, kind), numbers in self.log.numbers.items()
            ],
            "damaged": self.log.damaged,
            "streams": {
                id: {"connections": sender.connections, "bytes": sender.bytes, "confirmed": sender.confirmed,
                     "errors": sender.errors, "isOpen": sender.end is not None}
                for id, sender in streams.items()
            },
        }

    def do_missing(self, id, kind, begin, end):
        return self.log.of(id, kind).missing(begin, end)

    def do_times(self, id, numbers):
        return [self.senders[id].sent_at(number) for number in numbers]

    def do_forget(self):
        for sender in self.senders.values():
            if not isinstance(sender, senders.StreamSender):
                sender.forget_times()

    def do_burst(self, to, port, seconds):
        """TCP without a limit; returns bytes and seconds until the receiver confirmed them."""
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as end:
            end.connect((to, port))
            begin, total, chunk = time.monotonic(), 0, bytes(1 << 18)
            while time.monotonic() < begin + seconds:
                total += end.send(chunk)
            end.shutdown(socket.SHUT_WR)
            end.recv(4096)
            return {"bytes": total, "seconds": time.monotonic() - begin}


if __name__ == "__main__":
    Station().run()
