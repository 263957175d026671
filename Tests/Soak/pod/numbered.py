"""Numbered payloads: every packet of the soak says which flow it belongs to, its number, and how long it was.

    magic "WSOK" | flow u32 | number u64 | length u32 | filler

The filler is a stretch of one pseudo-random block, chosen by the number, so that a receiver can check every byte.
"""

import random
import struct

HEADER = struct.Struct("!4sIQI")
MAGIC = b"WSOK"
LONGEST = 1 << 16
_STARTS = 1 << 13
BLOCK = random.Random(31337).randbytes(LONGEST + _STARTS)


def _start(number):
    return number * 7919 % _STARTS


def compose(flow, number, length):
    """A payload of `length` bytes, at least the header's."""
    start = _start(number)
    return HEADER.pack(MAGIC, flow, number, length) + BLOCK[start:start + length - HEADER.size]


def parse(payload):
    """Flow and number of a payload; None where it is none of ours. Raises ValueError where it is ours and damaged."""
    if len(payload) < HEADER.size or payload[:4] != MAGIC:
        return None
    _, flow, number, length = HEADER.unpack_from(payload)
    start = _start(number)
    if length != len(payload) or payload[HEADER.size:] != BLOCK[start:start + length - HEADER.size]:
        raise ValueError(f"packet {number} of flow {flow} arrived damaged")
    return flow, number


class Numbers:
    """Which numbers of a flow arrived, and when."""

    def __init__(self):
        self.seen = bytearray()
        self.count = self.duplicates = 0

    def add(self, number):
        if number >= len(self.seen):
            self.seen.extend(bytes(max(1024, number + 1 - len(self.seen))))
        if self.seen[number]:
            self.duplicates += 1
        else:
            self.seen[number] = 1
            self.count += 1

    def missing(self, begin, end):
        """The numbers from `begin` to below `end` that did not arrive."""
        if end > len(self.seen):
            self.seen.extend(bytes(end - len(self.seen)))
        found, position = [], self.seen.find(0, begin, end)
        while position >= 0:
            found.append(position)
            position = self.seen.find(0, position + 1, end)
        return found
