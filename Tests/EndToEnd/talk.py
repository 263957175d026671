#!/usr/bin/env python3
"""Both ends of a conversation, to be run in pods: `talk.py serve PORT` and `talk.py call ADDRESS PORT [BYTES]`.

The server tells each caller the address that it sees and the one that it was called at, reads until the caller has said
everything, and answers with a digest. The caller prints what it learned as JSON, a line for each of `--times` calls, every
one from another port. `--udp` talks in datagrams, of which each is answered.

`talk.py chat ADDRESS PORT [BYTES]` sends datagrams until it is stopped, and prints a line for each intact answer.
"""

import argparse
import hashlib
import json
import os
import socket
import socketserver
import time


class Listener(socketserver.StreamRequestHandler):
    def handle(self):
        known = {"caller": plain(self.client_address[0]), "called": plain(self.request.getsockname()[0])}
        self.wfile.write(json.dumps(known).encode() + b"\n")
        digest, length = hashlib.sha256(), 0
        while chunk := self.request.recv(1 << 16):
            digest.update(chunk)
            length += len(chunk)
        self.wfile.write(json.dumps({"length": length, "digest": digest.hexdigest()}).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256


def plain(address):
    return address.removeprefix("::ffff:")


def destination(control):
    """The address that a datagram came to, from its IPV6_PKTINFO."""
    return plain(socket.inet_ntop(socket.AF_INET6, control[0][2][:16]))


def serve(port, udp):
    if udp:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as end:
            end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            end.bind(("::", port))
            print("ready", flush=True)
            while True:
                data, addressed, _, caller = end.recvmsg(1 << 16, 64)
                answer = {
                    "caller": plain(caller[0]), "called": destination(addressed), "length": len(data),
                    "digest": hashlib.sha256(data).hexdigest(),
                }
                # From the address that was asked, whatever other ones the host has.
                end.sendmsg([json.dumps(answer).encode()], addressed, 0, caller)
    with Server(("::", port), Listener) as server:
        print("ready", flush=True)
        server.serve_forever()


def connected(address, port, udp, timeout, source_port=0):
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    end = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    end.settimeout(timeout)
    if source_port:
        # Several may share one, as long as they talk to different places.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        end.bind(("", source_port))
    end.connect((address, port))
    return end


def call(address, port, length, udp, timeout, seconds, source_port):
    begin = time.monotonic()
    with connected(address, port, udp, timeout, source_port) as end:
        answer = ask(end, length, seconds) if udp else transfer(end, length, seconds)
    answer["seconds"] = time.monotonic() - begin
    print(json.dumps(answer))


def ask(end, length, seconds=0):
    """Sends a datagram and waits for its answer, and so on until the time is up."""
    until, asked, intact = time.monotonic() + seconds, 0, 0
    while not asked or time.monotonic() < until:
        payload = os.urandom(length)
        end.send(payload)
        answer = json.loads(end.recv(1 << 16))
        asked += 1
        intact += answer["digest"] == hashlib.sha256(payload).hexdigest() and answer["length"] == length
        if seconds:
            time.sleep(0.005)
    return answer | {"asked": asked, "intact": intact == asked}


def transfer(end, length, seconds):
    """Sends `length` bytes, as fast as it goes or spread over some seconds."""
    step = 0.02
    payload = os.urandom(min(length, 1 << 20, int(length * step / seconds) + 1 if seconds else length))
    digest, left = hashlib.sha256(), length
    lines = end.makefile("rb")
    answer = json.loads(lines.readline())
    while left > 0:
        chunk = payload[:left]
        end.sendall(chunk)
        digest.update(chunk)
        left -= len(chunk)
        if seconds:
            time.sleep(step)
    end.shutdown(socket.SHUT_WR)
    answer |= json.loads(lines.readline())
    return answer | {"intact": answer["digest"] == digest.hexdigest() and answer["length"] == length}


def chat(address, port, length):
    with connected(address, port, True, 0.1) as end:
        while True:
            time.sleep(0.005)
            payload = os.urandom(length)
            digest = hashlib.sha256(payload).hexdigest()
            try:
                end.send(payload)
                # Answers to earlier datagrams, which took longer than we waited, may come first.
                while json.loads(end.recv(1 << 16))["digest"] != digest:
                    pass
                print("answered", flush=True)
            except OSError:
                continue  # Lost, or refused: so it was to be.


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--timeout", type=float, default=20)
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("serve")
    server.add_argument("port", type=int)
    caller = roles.add_parser("call")
    caller.add_argument("address")
    caller.add_argument("port", type=int)
    caller.add_argument("length", type=int, nargs="?", default=0)
    caller.add_argument("--seconds", type=float, default=0, help="how long to take for it (as fast as it goes)")
    caller.add_argument("--source-port", type=int, default=0)
    caller.add_argument("--times", type=int, default=1)
    chatter = roles.add_parser("chat")
    chatter.add_argument("address")
    chatter.add_argument("port", type=int)
    chatter.add_argument("length", type=int, nargs="?", default=500)
    chosen = parser.parse_args()
    if chosen.role == "serve":
        serve(chosen.port, chosen.udp)
    elif chosen.role == "call":
        for _ in range(chosen.times):
            call(
                chosen.address, chosen.port, chosen.length, chosen.udp, chosen.timeout, chosen.seconds, chosen.source_port
            )
    else:
        chat(chosen.address, chosen.port, chosen.length)
