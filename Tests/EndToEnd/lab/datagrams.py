"""Datagrams that are counted one by one: trains of them that the kernel cuts, and steady streams."""

import json
import subprocess
from contextlib import contextmanager

from .shell import PATIENCE

#: Sends COUNT datagrams of LENGTH bytes by one system call, for the kernel to split (UDP_SEGMENT), and the last one
#: shorter. Prints nothing.
TRAIN = """
import socket, sys
address, port, count, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
end = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
end.setsockopt(socket.IPPROTO_UDP, 103, length)
end.sendto(b"".join(bytes([number]) * length for number in range(count - 1)) + b"end", (address, port))
"""

#: Prints the lengths and first bytes of the datagrams that came until the one that says "end", or until none comes.
STATION = """
import json, socket, sys
end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
end.bind(("::", int(sys.argv[1])))
end.settimeout(float(sys.argv[2]))
print("ready", flush=True)
seen = []
try:
    while not seen or seen[-1] != [3, ord("e")]:
        data = end.recv(65536)
        seen.append([len(data), data[0]])
except TimeoutError:
    pass
print(json.dumps(seen), flush=True)
"""

#: Sends a datagram a millisecond, each with its number, until its standard input ends; prints how many. What is refused
#: on the way (a device that is down, an error of the network) is lost as any other.
STEADY = """
import socket, select, sys, time
end = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
end.connect((sys.argv[1], int(sys.argv[2])))
count = 0
def send(number):
    try:
        end.send(number.to_bytes(4, "big"))
    except OSError:
        pass
while not select.select([sys.stdin], [], [], 0.001)[0]:
    send(count)
    count += 1
time.sleep(0.1)
for _ in range(20):
    send(0xFFFFFFFF)
    time.sleep(0.05)
print(count, flush=True)
"""

#: Prints how many datagrams arrived before the last one, of 0xFFFFFFFF. Its buffer holds what comes in minutes: nothing is
#: lost at its end.
COUNTING = """
import socket, sys
end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
end.setsockopt(socket.SOL_SOCKET, 33, 1 << 28)
end.bind(("::", int(sys.argv[1])))
end.settimeout(float(sys.argv[2]))
print("ready", flush=True)
seen = set()
try:
    while (data := end.recv(2048)[:4]) != bytes([255] * 4):
        seen.add(data)
except TimeoutError:
    pass
print(len(seen), flush=True)
"""


@contextmanager
def station(place, port):
    """A receiver on a port; calling what the block gets returns the [length, first byte] of each datagram that came."""
    running = place.start("python3", "-c", STATION, str(port), str(5 * PATIENCE), stdout=subprocess.PIPE)
    try:
        assert running.process.stdout.readline() == "ready\n"
        yield lambda: json.loads(running.process.stdout.readline())
    finally:
        running.kill()


def send_train(place, address, port, *, count=20, length=1200):
    place.run("python3", "-c", TRAIN, address, port, count, length)


def whole_train(*, count=20, length=1200):
    """What a `station` gets of a train of which nothing is missing."""
    return [[length, number] for number in range(count - 1)] + [[3, ord("e")]]


class Stream:
    #: How many datagrams were sent, and how many of them arrived.
    sent = arrived = 0

    @property
    def lost(self):
        return self.sent - self.arrived


@contextmanager
def steady_stream(source, target, address, port):
    """Sends a datagram a millisecond from place to place; afterwards the yielded `Stream` tells what became of them."""
    stream = Stream()
    receiver = target.start("python3", "-c", COUNTING, str(port), str(20 * PATIENCE), stdout=subprocess.PIPE)
    try:
        assert receiver.process.stdout.readline() == "ready\n"
        sender = source.start(
            "python3", "-c", STEADY, address, str(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            yield stream
            sender.process.stdin.close()
            stream.sent = int(sender.process.stdout.readline())
            stream.arrived = int(receiver.process.stdout.readline())
        finally:
            sender.process.stdin = None
            sender.kill()
    finally:
        receiver.kill()
