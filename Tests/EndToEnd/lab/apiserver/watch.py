"""A watch: events as they come, bookmarks between, until its time is over or a test ends it in one way or another."""

import collections
import json
import random
import time

from .faults import Torn
from .objects import Refusal, typed

#: How long the server lets a watch go on that asks for no time itself: half an hour to an hour.
SHORTEST = 1800


class Watch:
    """One watch of nodes. `commands` are a test's: "end", "tear", "reset", "stall", "half", "garbage" or "expire"."""

    def __init__(self, store, request, bookmark_every):
        self.store = store
        self.name = request.name
        self.commands = collections.deque()
        self.stalled = False
        if "sendInitialEvents" in request.query:
            raise Refusal(422, 'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is'
                               " forbidden for watch unless the WatchList feature gate is enabled")
        self.version = request.number("resourceVersion")
        store.refuse_future(self.version)
        limit = request.number("timeoutSeconds") or SHORTEST * (1 + random.random())
        self.deadline = time.monotonic() + limit
        self.bookmarks = request.query.get("allowWatchBookmarks") in ("true", "1")
        self.bookmark_every = bookmark_every
        #: The last bookmark comes two seconds before the end.
        self.next_bookmark = min(time.monotonic() + bookmark_every, self.deadline - 2)

    def command(self, what):
        with self.store.changed:
            self.commands.append(what)
            self.store.changed.notify_all()

    def run(self, write):
        """Writes events, each as a line, until the watch ends; raises `Torn` where it shall not end well."""
        for event in self._initial():
            write(_line(event))
        while True:
            with self.store.changed:
                if not self.commands and not self._pending() and time.monotonic() < self._alarm():
                    self.store.changed.wait(max(0, self._alarm() - time.monotonic()))
                command = self.commands.popleft() if self.commands else None
            if command and self._obey(command, write):
                return
            try:
                events = self.store.since(self.version)
            except Refusal as refusal:
                write(_line({"type": "ERROR", "object": refusal.status}))
                return
            for version, kind, item in events:
                self.version = version
                if self.name in (None, item["metadata"]["name"]):
                    write(_line({"type": kind, "object": item}))
            if self.bookmarks and time.monotonic() >= self.next_bookmark:
                self.next_bookmark += self.bookmark_every
                with self.store.changed:
                    behind = self._pending()
                    text = _line(self.store.bookmark())
                if not behind:
                    write(text)
            if time.monotonic() >= self.deadline:
                return

    def _initial(self):
        """All that there is, as ADDED, where no version or 0 was asked for."""
        if self.version:
            return []
        with self.store.changed:
            self.version = self.store.version
            items = list(self.store.nodes.values())
        return [{"type": "ADDED", "object": typed(item)} for item in items if self.name in (None, item["metadata"]["name"])]

    def _pending(self):
        return self.store.version > self.version

    def _alarm(self):
        return min(self.deadline, self.next_bookmark) if self.bookmarks else self.deadline

    def _obey(self, command, write):
        """Does what a test has ordered; true where the watch ends well by it."""
        if command == "expire":
            refusal = Refusal(410, f"too old resource version: {self.version} ({self.store.version})")
            write(_line({"type": "ERROR", "object": refusal.status}))
            return True
        if command == "garbage":
            write(b'{"type":"MODIFIED","object":{"kind":"Node","metadata":\n')
            return True
        if command == "half":
            with self.store.changed:
                item = next(iter(self.store.nodes.values()))
            line = _line({"type": "MODIFIED", "object": typed(item)})
            write(line[: len(line) // 2])
            raise Torn
        if command == "stall":
            # Says nothing more, as a machine that has lost its power.
            self.stalled = True
            while True:
                time.sleep(3600)
        if command in ("tear", "reset"):
            raise Torn(by_reset=command == "reset")
        return command == "end"


def _line(value):
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
