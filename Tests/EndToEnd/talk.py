#!/usr/bin/env python3
"""Both ends of a conversation, to be run in pods: `talk.py serve PORT` and `talk.py call ADDRESS PORT [BYTES]`.

The server tells each caller the address that it sees, reads until the caller has said everything, and answers with a
digest. The caller prints what it learned as JSON. `--udp` talks in datagrams.
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
        self.wfile.write(json.dumps({"caller": plain(self.client_address[0])}).encode() + b"\n")
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


def serve(port, udp):
    if udp:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as end:
            end.bind(("::", port))
            print("ready", flush=True)
            while True:
                data, caller = end.recvfrom(1 << 16)
                answer = {"caller": plain(caller[0]), "length": len(data), "digest": hashlib.sha256(data).hexdigest()}
                end.sendto(json.dumps(answer).encode(), caller)
    with Server(("::", port), Listener) as server:
        print("ready", flush=True)
        server.serve_forever()


def call(address, port, length, udp, timeout):
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    payload = os.urandom(min(length, 1 << 20))
    digest, left, begin = hashlib.sha256(), length, time.monotonic()
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as end:
        end.settimeout(timeout)
        end.connect((address, port))
        if udp:
            end.send(payload)
            answer = json.loads(end.recv(1 << 16))
            digest.update(payload)
        else:
            lines = end.makefile("rb")
            answer = json.loads(lines.readline())
            while left > 0:
                chunk = payload[:left]
                end.sendall(chunk)
                digest.update(chunk)
                left -= len(chunk)
            end.shutdown(socket.SHUT_WR)
            answer |= json.loads(lines.readline())
    answer["seconds"] = time.monotonic() - begin
    answer["intact"] = answer["digest"] == digest.hexdigest() and answer["length"] == length
    print(json.dumps(answer))


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
    chosen = parser.parse_args()
    if chosen.role == "serve":
        serve(chosen.port, chosen.udp)
    else:
        call(chosen.address, chosen.port, chosen.length, chosen.udp, chosen.timeout)
