"""Asking `warrensd` over its socket, as a monitoring system does."""

import json
import socket

from .shell import PATIENCE

SOCKET = "/run/warrens/warrensd.sock"


def request(node, path, *, method="GET", timeout=5, at=SOCKET):
    """The HTTP status and the body of an answer, from the socket `at` a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.settimeout(timeout * PATIENCE)
        end.connect(node.path(at))
        end.sendall(f"{method} {path} HTTP/1.0\r\n\r\n".encode())
        answer = bytearray()
        while chunk := end.recv(1 << 16):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def daemon_status(node):
    return json.loads(request(node, "/status")[1])


def counters(node):
    return daemon_status(node)["counters"]
