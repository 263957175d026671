"""What a station sends: datagrams and echo requests with numbers, streams, and datagrams of fixed bytes."""

import errno
import json
import socket
import struct
import time
import zlib
from array import array

from numbered import BLOCK, compose

#: Socket options that Python's module does not name (linux/in.h, linux/in6.h, linux/icmp.h).
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, SOL_RAW = 10, 23, 255
#: Values of path MTU discovery: fragment as needed; set "do not fragment" and send whatever fits the device.
MAY_FRAGMENT, PROBE = 0, 3

#: One system call for several datagrams (linux/udp.h).
SOL_UDP, UDP_SEGMENT = 17, 103

#: A station that fell behind catches up with at most so many packets of one flow at once: no bursts.
CATCH_UP = 8


class Paced:
    """Sends `rate` packets a second; what is late by more than ``CATCH_UP`` packets is skipped, not hurried."""

    def __init__(self, rate, now):
        self.interval = 1 / rate
        self.restart(now)

    def restart(self, now):
        self.due = now + self.interval

    def owed(self, now):
        if now < self.due:
            return 0
        owed = int((now - self.due) / self.interval) + 1
        self.due += owed * self.interval
        return min(owed, CATCH_UP)

    def refuse(self, error):
        name = errno.errorcode.get(error.errno, str(error.errno))
        self.refused[name] = self.refused.get(name, 0) + 1


class PacketSender(Paced):
    """A flow of numbered packets. Subclasses say what a packet looks like around the payload."""

    def __init__(self, flow, now):
        super().__init__(flow["rate"], now)
        self.flow, self.sizes = flow["id"], flow["sizes"]
        self.family = socket.AF_INET6 if ":" in flow["to"] else socket.AF_INET
        self.target = (flow["to"], flow.get("port", 0))
        self.count, self.refused = 0, {}
        #: When each packet was sent, in milliseconds of the monotonic clock, from number ``first`` on.
        self.times, self.first = array("Q"), 0
        self.socket = self.open()
        self.socket.setblocking(False)
        is_v6 = self.family == socket.AF_INET6
        if flow.get("hops"):
            level, option = (41, socket.IPV6_UNICAST_HOPS) if is_v6 else (0, socket.IP_TTL)
            self.socket.setsockopt(level, option, flow["hops"])
        #: The option by which each packet gets another traffic class than the one before.
        self.apart = flow.get("apart") and ((41, socket.IPV6_TCLASS) if is_v6 else (0, socket.IP_TOS))
        discovery = PROBE if flow.get("whole") else MAY_FRAGMENT
        self.socket.setsockopt(41 if is_v6 else 0, IPV6_MTU_DISCOVER if is_v6 else IP_MTU_DISCOVER, discovery)

    def tick(self, now):
        for _ in range(self.owed(now)):
            number = self.count
            if self.apart:
                # The two lowest bits are not the class's but those of congestion notification (RFC 3168 section 5).
                self.socket.setsockopt(*self.apart, number % 64 << 2)
            try:
                self.socket.sendto(self.packet(number, self.sizes[number % len(self.sizes)]), self.target)
            except OSError as error:
                self.refuse(error)
                continue
            self.times.append(int(now * 1000))
            self.count += 1

    def forget_times(self):
        self.first, self.times = self.count, array("Q")

    def sent_at(self, number):
        return self.times[number - self.first]

    def close(self):
        self.socket.close()


class DatagramSender(PacketSender):
    def open(self):
        return socket.socket(self.family, socket.SOCK_DGRAM)

    def packet(self, number, size):
        return compose(self.flow, number, size)


class TrainSender(DatagramSender):
    """Trains of datagrams of one size that leave the pod as one super-packet (generic segmentation offload)."""

    LENGTH = 8

    def open(self):
        end = super().open()
        end.setsockopt(SOL_UDP, UDP_SEGMENT, self.sizes[0])
        return end

    def tick(self, now):
        for _ in range(self.owed(now)):
            numbers = range(self.count, self.count + self.LENGTH)
            try:
                self.socket.sendto(b"".join(self.packet(number, self.sizes[0]) for number in numbers), self.target)
            except OSError as error:
                self.refuse(error)
                continue
            self.times.extend([int(now * 1000)] * self.LENGTH)
            self.count += self.LENGTH


class EchoSender(PacketSender):
    """Echo requests. The peer's kernel answers; the station's raw sockets see requests and replies arrive."""

    def open(self):
        # A raw socket's port is taken for a protocol.
        self.target = (self.target[0], 0)
        protocol = socket.IPPROTO_ICMPV6 if self.family == socket.AF_INET6 else socket.IPPROTO_ICMP
        end = socket.socket(self.family, socket.SOCK_RAW, protocol)
        # Nothing is read from this socket.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        if protocol == socket.IPPROTO_ICMPV6:
            end.setsockopt(protocol, 1, b"\xff" * 32)
        else:
            end.setsockopt(SOL_RAW, 1, struct.pack("I", 0xFFFFFFFF))
        return end

    def packet(self, number, size):
        kind = 128 if self.family == socket.AF_INET6 else 8
        payload = compose(self.flow, number, size)
        identity = self.flow & 0xFFFF, number & 0xFFFF
        # The kernel writes the checksum of ICMPv6 only.
        sum_ = 0 if kind == 128 else checksum(struct.pack("!BBHHH", kind, 0, 0, *identity) + payload)
        return struct.pack("!BBHHH", kind, 0, sum_, *identity) + payload


def checksum(data):
    """The Internet's checksum (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1]))
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class FixedSender(Paced):
    """The same bytes again and again, to any port: what a stranger sends."""

    def __init__(self, flow, now):
        super().__init__(flow["rate"], now)
        self.count, self.refused = 0, {}
        self.bytes, self.target = bytes.fromhex(flow["bytes"]), (flow["to"], flow["port"])
        self.socket = socket.socket(socket.AF_INET6 if ":" in flow["to"] else socket.AF_INET, socket.SOCK_DGRAM)

    def tick(self, now):
        for _ in range(self.owed(now)):
            try:
                self.socket.sendto(self.bytes, self.target)
                self.count += 1
            except OSError as error:
                # The error of an earlier datagram; this one was not sent.
                self.refuse(error)

    def forget_times(self):
        pass

    def close(self):
        self.socket.close()


class StreamSender:
    """TCP connections, one after the other, each of which ends with the receiver's account of what it got."""

    PATIENCE = 30

    def __init__(self, flow, now):
        self.target, self.rate, self.chunk = (flow["to"], flow["port"]), flow["rate"], flow["chunk"]
        self.family = socket.AF_INET6 if ":" in flow["to"] else socket.AF_INET
        self.connections, self.bytes, self.confirmed, self.errors = 0, 0, 0, []
        self.end = None
        if now is not None:
            self.restart(now)

    def restart(self, now):
        self.begin, self.sent, self.sum, self.answer = now, 0, 0, b""
        self.is_connected, self.is_closing = False, None
        self.end = socket.socket(self.family, socket.SOCK_STREAM)
        self.end.setblocking(False)
        self.end.connect_ex(self.target)
        self.connections += 1

    def tick(self, now):
        if self.end is None:
            return
        try:
            if self.is_closing is None:
                self.send(now)
            else:
                self.listen(now)
        except OSError as error:
            self.fail(errno.errorcode.get(error.errno, str(error)))

    def send(self, now):
        owed = min(int((now - self.begin) * self.rate) - self.sent, 1 << 17)
        while owed >= self.chunk:
            offset = self.sent % len(BLOCK)
            try:
                count = self.end.send(BLOCK[offset:offset + owed])
            except (BlockingIOError, OSError) as error:
                if error.errno in (errno.EAGAIN, errno.EINPROGRESS, errno.ENOTCONN):
                    return
                raise
            self.sum = zlib.crc32(BLOCK[offset:offset + count], self.sum)
            self.sent += count
            self.bytes += count
            owed -= count

    def pause(self, now):
        """Says goodbye; the receiver's answer is awaited by ``tick``."""
        if self.end is not None and self.is_closing is None:
            self.is_closing = now
            try:
                self.end.shutdown(socket.SHUT_WR)
            except OSError as error:
                self.fail(errno.errorcode.get(error.errno, str(error)))

    def listen(self, now):
        try:
            chunk = self.end.recv(4096)
        except BlockingIOError:
            if now - self.is_closing > self.PATIENCE:
                self.fail("no answer in time")
            return
        self.answer += chunk
        if chunk:
            return
        answer = json.loads(self.answer or b"{}")
        if answer == {"length": self.sent, "sum": self.sum}:
            self.confirmed += self.sent
            self.close()
        else:
            self.fail(f"sent {self.sent} bytes with sum {self.sum}, but the receiver says {answer}")

    def fail(self, what):
        self.errors.append(what)
        self.close()

    def close(self):
        if self.end is not None:
            self.end.close()
            self.end = None


def make(flow, is_paused):
    kinds = {"udp": DatagramSender, "train": TrainSender, "echo": EchoSender, "fixed": FixedSender}
    if flow["kind"] == "tcp":
        return StreamSender(flow, None if is_paused else time.monotonic())
    return kinds[flow["kind"]](flow, time.monotonic())
