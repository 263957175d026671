#!/usr/bin/env python3
"""A small web server, and many clients of it in one process, to be run in pods.

`web.py serve PORT` answers GET with 200 bytes. `web.py ask ADDRESS PORT --clients N --seconds S` is N clients, each of
which asks once every interval, with a new connection each time. A request that has no complete answer when it times out,
or whose connection breaks, has failed; a client that still waits lets its turn pass. What came of it is printed as JSON:
`asked`, `failed`, and `milliseconds` of every answer, from the first packet of the connection on.
"""

import argparse
import errno
import heapq
import json
import select
import socket
import struct
import time

BODY = b"." * 200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
#: Close by reset: no connection stays in TIME_WAIT, so ports do not run out.
RESET = struct.pack("ii", 1, 0)


def serve(port):
    """Answers whoever has sent the empty line at a request's end; the client closes."""
    listener = socket.create_server(("::", port), family=socket.AF_INET6, backlog=4096, dualstack_ipv6=True)
    listener.setblocking(False)
    poll, connections = select.epoll(), {}
    poll.register(listener, select.EPOLLIN)
    print("ready", flush=True)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                _accept(listener, poll, connections)
                continue
            end = connections[descriptor]
            try:
                data = end.recv(4096)
                if data:
                    end.send(ANSWER)
            except OSError:
                data = b""  # Reset: the client's way to close, or its despair.
            if not data:
                del connections[descriptor]
                end.close()


def _accept(listener, poll, connections):
    while True:
        try:
            end, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError:
            continue  # It was reset before we came to it.
        end.setblocking(False)
        connections[end.fileno()] = end
        poll.register(end, select.EPOLLIN)


class Client:
    """One client: its socket while it waits for an answer, and since when."""

    def __init__(self, target):
        self.target = target
        self.end, self.begun, self.got = None, 0.0, 0

    def connect(self, poll):
        """Opens a connection; the request goes out as soon as that is there."""
        self.begun, self.got = time.monotonic(), 0
        self.end = socket.socket(socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET, socket.SOCK_STREAM)
        self.end.setblocking(False)
        self.end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.end.connect_ex(self.target) not in (0, errno.EINPROGRESS):
            raise ConnectionError("no route")
        poll.register(self.end, select.EPOLLOUT)

    def proceed(self, events, poll):
        """Sends the request, or takes a part of the answer; True once that is complete. Raises `OSError`."""
        if events & select.EPOLLOUT:
            if code := self.end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, "cannot connect")
            self.end.send(b"GET / HTTP/1.1\r\nHost: benchmark\r\n\r\n")
            poll.modify(self.end, select.EPOLLIN)
            return False
        data = self.end.recv(4096)
        if not data:
            raise ConnectionError("closed")
        self.got += len(data)
        return self.got >= len(ANSWER)

    def hang_up(self):
        if self.end:
            self.end.close()
        self.end = None


class Crowd:
    """All clients of one process."""

    def __init__(self, target, clients, interval, timeout):
        self.interval, self.timeout = interval, timeout
        self.poll, self.waiting = select.epoll(), {}
        begin = time.monotonic()
        # Spread over the interval; the number decides between clients of the same moment.
        self.turns = [(begin + interval * number / clients, number, Client(target)) for number in range(clients)]
        self.asked, self.failed, self.milliseconds = 0, 0, []

    def run(self, seconds):
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            while self.turns[0][0] <= now:
                self._take_turn(now)
            self._listen(max(0.0, min(self.turns[0][0], end) - time.monotonic()))
        # Who asked last gets the time that all others had.
        while self.waiting and time.monotonic() < end + self.timeout:
            self._listen(0.05)
        for client in list(self.waiting.values()):
            self._fail(client)

    def _take_turn(self, now):
        moment, number, client = self.turns[0]
        heapq.heapreplace(self.turns, (max(moment + self.interval, now - self.interval), number, client))
        if client.end:
            if now - client.begun < self.timeout:
                return
            self._fail(client)
        self.asked += 1
        try:
            client.connect(self.poll)
            self.waiting[client.end.fileno()] = client
        except OSError:
            self.failed += 1
            client.hang_up()

    def _listen(self, seconds):
        for descriptor, events in self.poll.poll(seconds):
            client = self.waiting[descriptor]
            try:
                complete = client.proceed(events, self.poll)
            except OSError:
                self._fail(client)
                continue
            if complete:
                self.milliseconds.append(round((time.monotonic() - client.begun) * 1000, 3))
                self._forget(client)

    def _fail(self, client):
        self.failed += 1
        self._forget(client)

    def _forget(self, client):
        del self.waiting[client.end.fileno()]
        client.hang_up()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("serve")
    server.add_argument("port", type=int)
    asker = roles.add_parser("ask")
    asker.add_argument("address")
    asker.add_argument("port", type=int)
    asker.add_argument("--clients", type=int, default=1)
    asker.add_argument("--seconds", type=float, default=5)
    asker.add_argument("--interval", type=float, default=0.25)
    asker.add_argument("--timeout", type=float, default=1)
    chosen = parser.parse_args()
    if chosen.role == "serve":
        return serve(chosen.port)
    crowd = Crowd((chosen.address, chosen.port), chosen.clients, chosen.interval, chosen.timeout)
    crowd.run(chosen.seconds)
    print(json.dumps({"asked": crowd.asked, "failed": crowd.failed, "milliseconds": crowd.milliseconds}))


if __name__ == "__main__":
    main()
