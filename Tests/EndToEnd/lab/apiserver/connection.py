"""One client's connection: HTTP/1.1 over TLS, with bodies that are chunked, compressed, or spoilt as ordered."""

import gzip
import http.server
import json
import socket
import ssl
import time

from .faults import Outlet, Torn, cut
from .objects import Refusal, status
from .requests import Request
from .watch import Watch

#: Answers up to this many bytes are sent at once, longer ones in chunks of as many.
CHUNK = 2048
#: In seconds: until a client that says nothing is dropped in its handshake, and between two requests.
HANDSHAKE, IDLE = 10, 120
ACCEPTED = ("*/*", "application/*", "application/json")


class Connection(http.server.BaseHTTPRequestHandler):
    """Its `server` has what `__main__.Server` has."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "", ""

    def setup(self):
        self.request.settimeout(HANDSHAKE)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = self.server.context().wrap_socket(self.request, server_side=True)
        self.request.settimeout(IDLE)
        super().setup()

    def handle(self):
        try:
            super().handle()
        except Torn as torn:
            cut(self.request, by_reset=torn.by_reset)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass  # The client has gone.

    def finish(self):
        try:
            super().finish()
        finally:
            self.request.close()

    def do_GET(self):
        began, code = time.monotonic(), 0
        verb, user, self.encoding = "", "", ""
        self.outlet = Outlet(self.wfile.write, {})
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path)
            verb = request.verb
            action = self.server.faults.take(verb)
            self.outlet = Outlet(self.wfile.write, action)
            time.sleep(action.get("stall", 0))
            if "status" in action:
                code = action["status"]
                return self._misbehave(action)
            person = self.server.access.user(self.headers.get("Authorization"), self.request.getpeercert())
            user = person.name
            if not any(kind.partition(";")[0].strip() in ACCEPTED and "as=" not in kind
                       for kind in (self.headers.get("Accept") or "*/*").split(",")):
                raise Refusal(406, "only the following media types are accepted: application/json")
            if request.resource:
                self.server.access.authorise(person, request.verb, request.resource, request.name)
            if request.verb == "watch" and request.resource == "nodes":
                code = 200
                return self._watch(request)
            code, value = self.server.resources.answer(request, person, self.headers.get("Content-Type", ""), body)
            self._answer(code, value)
        except Refusal as refusal:
            code = refusal.code
            self._answer(refusal.code, refusal.status, retry_after=refusal.status.get("details", {}).get("retryAfterSeconds"))
        finally:
            self.server.note({
                "verb": verb, "path": self.path, "user": user, "status": code, "agent": self.headers.get("User-Agent", ""),
                "encoding": self.encoding, "at": began, "seconds": round(time.monotonic() - began, 3),
            })

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _misbehave(self, action):
        value = action.get("body") or status(action["status"], "the stand-in was told to answer so")
        self._answer(action["status"], value, retry_after=action.get("retryAfter"))

    def _answer(self, code, value, *, retry_after=None):
        text = isinstance(value, str)
        body = value.encode() if text else json.dumps(value, separators=(",", ":")).encode() + b"\n"
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8" if text else "application/json")
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > self.server.compress_above:
            self.encoding = "gzip"
            self.send_header("Content-Encoding", self.encoding)
            self.send_header("Vary", "Accept-Encoding")
            body = gzip.compress(body, 4)
        if len(body) <= CHUNK:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.outlet.write(body)
        else:
            self._begin_chunks()
            for begin in range(0, len(body), CHUNK):
                self._chunk(body[begin:begin + CHUNK])
            self._chunk(b"")

    def _watch(self, request):
        watch = Watch(self.server.store, request, self.server.bookmark_every)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self._begin_chunks()
        self.request.settimeout(None)
        with self.server.watching(watch):
            watch.run(self._chunk)
        self._chunk(b"")
        self.request.settimeout(IDLE)

    def _begin_chunks(self):
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data):
        self.outlet.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, *_):
        pass
