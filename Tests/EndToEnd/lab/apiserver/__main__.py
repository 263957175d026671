"""The server's process: `python3 -m lab.apiserver --port 6443 --certificates DIRECTORY --control SOCKET`.

The test orders one thing with each connection to the control socket: a line of JSON that names a method of `Control` and its
arguments, answered by one line.
"""

import argparse
import collections
import json
import os
import socket
import socketserver
import ssl
import sys
import threading
from contextlib import contextmanager

from . import objects
from .access import Access
from .connection import Connection
from .faults import Faults
from .patches import merge
from .populate import made_up
from .requests import Resources
from .store import Store

#: The real server compresses what is longer than this, in bytes.
COMPRESS_ABOVE = 128 * 1024
#: In seconds, between two bookmarks of a watch.
BOOKMARK_EVERY = 60


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, certificates, secret):
        self.certificates = certificates
        self.store, self.access, self.faults = Store(), Access(secret), Faults()
        self.resources = Resources(self.store, self.access)
        self.compress_above, self.bookmark_every = COMPRESS_ABOVE, BOOKMARK_EVERY
        self.watches = []
        self.log = collections.deque(maxlen=5000)
        self.present("server")
        super().__init__(("::", port), Connection)

    def present(self, certificate):
        """Shows this certificate to those who connect from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        path = os.path.join(self.certificates, certificate)
        context.load_cert_chain(f"{path}.crt", f"{path}.key")
        context.load_verify_locations(os.path.join(self.certificates, "ca.crt"))
        context.verify_mode = ssl.CERT_OPTIONAL
        self._context = context

    def context(self):
        return self._context

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    @contextmanager
    def watching(self, watch):
        self.watches.append(watch)
        try:
            yield
        finally:
            self.watches.remove(watch)

    def note(self, line):
        self.log.append(line)

    def handle_error(self, request, client_address):
        """A handshake that failed is the client's to tell; anything else is a defect, and goes to standard error."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


class Control(socketserver.StreamRequestHandler):
    """A test's orders."""

    def handle(self):
        order = json.loads(self.rfile.readline())
        try:
            answer = {"value": getattr(self, order.pop("do"))(**order)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        self.wfile.write(json.dumps(answer).encode() + b"\n")

    @property
    def api(self):
        return self.server.api

    def create(self, name, machine_id, addresses, annotations=None):
        return self.api.store.put(objects.node(name, machine_id, addresses, annotations))

    def put(self, item):
        """Creates or replaces a node that a test has whole."""
        self.api.store.put(item)

    def change(self, name, patch):
        """Merges a patch into any part of a node."""
        return self.api.store.update(name, lambda former: merge(former, patch))

    def delete(self, name):
        self.api.store.delete(name)

    def node(self, name):
        return self.api.store.get(name)

    def nodes(self):
        return self.api.store.dump()["nodes"]

    def dump(self):
        return self.api.store.dump()

    def restore(self, dump):
        self.api.store.restore(dump)

    def replace(self, names):
        """Lists only these nodes from now on, without a word to the watches: a server that has lost its data."""
        store = self.api.store
        with store.changed:
            store.restore({"version": store.version + 1, "nodes": [item for name, item in store.nodes.items() if name in names]})
            store.compact()

    def populate(self, count, avoid=(), seed=1):
        for item in made_up(count, avoid, seed):
            self.api.store.put(item)

    def heartbeat(self, names):
        """What kubelets report every few minutes: a status in which nothing but the time is new."""
        for name in names:
            # The version is a time that never stands still.
            time = objects.moment(1_800_000_000 + self.api.store.version)
            self.api.store.update(name, lambda item: {**item, "status": {**item["status"], "conditions": [
                {**condition, "lastHeartbeatTime": time} for condition in item["status"]["conditions"]
            ]}})

    def events(self):
        return list(self.api.resources.events.values())

    def compact(self):
        self.api.store.compact()

    def order(self, verb, times, action):
        self.api.faults.order(verb, times, action)

    def clear(self):
        self.api.faults.clear()

    def watches(self):
        """How many watches are open and not stalled."""
        return sum(not watch.stalled for watch in self.api.watches)

    def command(self, what):
        """Makes all watches that are open do something; returns how many there were."""
        watches = list(self.api.watches)
        for watch in watches:
            watch.command(what)
        return len(watches)

    def token(self, account, node, seconds=3600):
        return self.api.access.token(account, node, seconds)

    def revoke(self, token):
        self.api.access.revoked.add(token)

    def withdraw(self, user, rights):
        """Takes rights away, [verb, resource] each; none gives them back."""
        self.api.access.withdrawn[user] = rights

    def present(self, certificate):
        self.api.present(certificate)

    def configure(self, **settings):
        """compress_above (bytes), bookmark_every (seconds)."""
        for key, value in settings.items():
            setattr(self.api, key, value)

    def log(self):
        return list(self.api.log)


class ControlServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificates", required=True, help="directory of ca.crt, server.crt, server.key and others by name")
    parser.add_argument("--control", required=True, help="path of the socket for orders")
    parser.add_argument("--secret", required=True, help="what tokens are signed by")
    chosen = parser.parse_args()
    if os.path.exists(chosen.control):
        os.unlink(chosen.control)
    server = Server(chosen.port, chosen.certificates, chosen.secret)
    control = ControlServer(chosen.control, Control)
    control.api = server
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
