#!/usr/bin/env python3
"""A long and lossy wire between two network namespaces: `relay.py PID DEVICE PID DEVICE`.

Makes a TAP device in the network namespace of either process and carries frames between them. The devices offer no
offloads, so that every frame has the size of the wire. Every line on standard input is a JSON object that says how from
now on: `delay` (milliseconds, each way), `loss` (percent of the frames, each way) and `rate` (Mb/s). What would have
to wait longer than a tenth of a second for its turn is dropped. It is for kernels without netem.
"""

import collections
import ctypes
import fcntl
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
#: Seconds that a frame may wait for those before it.
QUEUE = 0.1
#: Frames that are read before others are sent that are due.
BURST = 64
_libc = ctypes.CDLL(None, use_errno=True)


def open_tap(pid, name):
    """A new TAP device in the network namespace of a process, which ends with the descriptor."""
    with open("/proc/self/ns/net") as own, open(f"/proc/{pid}/ns/net") as other:
        enter(other)
        try:
            # The device will be in the namespace in which this is opened.
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        finally:
            enter(own)
    return device


def enter(namespace):
    if _libc.setns(namespace.fileno(), 0):
        raise OSError(ctypes.get_errno(), "setns")


class Direction:
    """Frames on their way from one device to the other."""

    def __init__(self, source, target, seed):
        self.source, self.target = source, target
        self.delay, self.loss, self.seconds_per_byte = 0.0, 0.0, 0.0
        self.free = 0.0
        self.waiting = collections.deque()
        self.random = random.Random(seed)

    def adjust(self, delay, loss, rate):
        self.delay, self.loss, self.seconds_per_byte = delay / 1000, loss / 100, 8e-6 / rate

    def read(self):
        for _ in range(BURST):
            try:
                frame = os.read(self.source, 1 << 16)
            except BlockingIOError:
                return
            now = time.monotonic()
            begin = max(now, self.free)
            if begin - now > QUEUE or self.random.random() < self.loss:
                continue
            self.free = begin + len(frame) * self.seconds_per_byte
            self.waiting.append((self.free + self.delay, frame))

    def write(self, now):
        """Sends what is due."""
        while self.waiting and self.waiting[0][0] <= now:
            _, frame = self.waiting.popleft()
            try:
                os.write(self.target, frame)
            except OSError:
                pass  # The device is down or full: a wire loses the frame.


def main():
    taps = [open_tap(int(pid), device) for pid, device in zip(sys.argv[1::2], sys.argv[2::2])]
    directions = [Direction(*taps, seed=1), Direction(*taps[::-1], seed=2)]
    for direction in directions:
        direction.adjust(delay=0, loss=0, rate=1000)
    print("ready", flush=True)
    while True:
        due = min((direction.waiting[0][0] for direction in directions if direction.waiting), default=None)
        pause = None if due is None else max(0.0, due - time.monotonic())
        readable, _, _ = select.select([*taps, sys.stdin], [], [], pause)
        if sys.stdin in readable:
            line = sys.stdin.readline()
            if not line:
                return
            for direction in directions:
                direction.adjust(**json.loads(line))
        for direction in directions:
            if direction.source in readable:
                direction.read()
            direction.write(time.monotonic())


if __name__ == "__main__":
    main()
