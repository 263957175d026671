"""What a station receives, and the numbers that it notes of it."""

import json
import socket
import zlib

from numbered import Numbers, parse

#: Enough that a station which is not scheduled for a second loses nothing.
BUFFER = 16 << 20
SO_RCVBUFFORCE = 33
#: How much is taken from one socket before the others have their turn.
SHARE = 256


class Log:
    """Numbers by flow and kind of packet: "packet" for datagrams and echo requests, "reply" for echo replies."""

    def __init__(self):
        self.numbers, self.damaged = {}, []

    def note(self, payload, kind):
        try:
            found = parse(payload)
        except ValueError as error:
            self.damaged.append(str(error))
            return
        if found:
            flow, number = found
            self.of(flow, kind).add(number)

    def of(self, flow, kind):
        return self.numbers.setdefault((flow, kind), Numbers())


class DatagramReceiver:
    def __init__(self, family, port, log):
        self.log = log
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        if family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setblocking(False)
        self.socket.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))

    def serve(self):
        for _ in range(SHARE):
            try:
                self.log.note(self.socket.recv(1 << 16), "packet")
            except BlockingIOError:
                return


class EchoReceiver:
    """Sees the echo requests that the kernel answers, and the replies to our own."""

    def __init__(self, family, log):
        self.log, self.family = log, family
        protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
        self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self.socket.setblocking(False)
        self.kinds = {128: "packet", 129: "reply"} if family == socket.AF_INET6 else {8: "packet", 0: "reply"}

    def serve(self):
        for _ in range(SHARE):
            try:
                packet = self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            # IPv4's raw sockets deliver the IP header, too.
            start = 0 if self.family == socket.AF_INET6 else (packet[0] & 0xF) * 4
            if len(packet) > start and packet[start] in self.kinds:
                self.log.note(packet[start + 8:], self.kinds[packet[start]])


class StreamReceiver:
    """Answers each connection, once its sender has ended it, with what arrived."""

    def __init__(self, family, port, loop):
        self.loop = loop
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setblocking(False)
        self.socket.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        self.socket.listen(64)

    def serve(self):
        try:
            end, _ = self.socket.accept()
        except OSError:
            return
        self.loop.add(StreamEnd(end, self.loop))


class StreamEnd:
    def __init__(self, end, loop):
        self.socket, self.loop = end, loop
        self.length = self.sum = 0
        end.setblocking(False)

    def serve(self):
        try:
            chunk = self.socket.recv(1 << 18)
            if chunk:
                self.length += len(chunk)
                self.sum = zlib.crc32(chunk, self.sum)
                return
            self.socket.send(json.dumps({"length": self.length, "sum": self.sum}).encode())
        except BlockingIOError:
            return
        except OSError:
            pass  # The sender tells of a connection that broke.
        self.loop.remove(self)
        self.socket.close()
