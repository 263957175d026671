"""What the server knows: nodes under ever-growing versions, and a history of events that can be forgotten."""

import base64
import json
import threading

from .objects import Refusal, bookmark, typed

#: How many events are remembered; the real watch cache begins with as many.
HISTORY = 20_000
#: How many unfinished lists are remembered.
SNAPSHOTS = 20


class Store:
    """Nodes by name. Every object is replaced as a whole, so one that was handed out never changes."""

    def __init__(self):
        #: Notified at every change, and to wake the watches for other reasons.
        self.changed = threading.Condition()
        self.version = 1000
        #: Watches that begin before this version are too old.
        self.floor = 1000
        self.nodes = {}
        self.history = []
        self.snapshots = {}

    def dump(self):
        with self.changed:
            return {"version": self.version, "nodes": list(self.nodes.values())}

    def restore(self, dump):
        """Takes over what another server had, without its history."""
        with self.changed:
            self.version = self.floor = dump["version"]
            self.nodes = {item["metadata"]["name"]: item for item in dump["nodes"]}
            self.changed.notify_all()

    def put(self, item):
        """Creates or replaces an object, which gets the next version, and tells the watches."""
        with self.changed:
            name = item["metadata"]["name"]
            kind = "MODIFIED" if name in self.nodes else "ADDED"
            item = self._versioned(item)
            self.nodes[name] = item
            self._record(kind, item)
            return item

    def update(self, name, change):
        """Replaces an object by what `change` makes of it; one that changes nothing is no change."""
        with self.changed:
            former = self.get(name)
            item = change(former)
            return former if item == former else self.put(item)

    def delete(self, name):
        with self.changed:
            self.get(name)
            self._record("DELETED", self._versioned(self.nodes.pop(name)))

    def get(self, name):
        with self.changed:
            if name not in self.nodes:
                raise Refusal(404, f'nodes "{name}" not found', name=name, kind="nodes")
            return self.nodes[name]

    def compact(self):
        """Forgets the history and all unfinished lists."""
        with self.changed:
            self.floor = self.version
            self.history.clear()
            self.snapshots.clear()

    def page(self, limit, token, version, name=None):
        """A page of the list: (items, version, continue token or "", items that remain).

        limit: 0 for all. token: the continue token of the page before. version: the resourceVersion that was asked for.
        """
        with self.changed:
            if token:
                version, begin = self._position(token)
                items = self.snapshots.get(version)
                if items is None:
                    raise Refusal(410, "The provided continue parameter is too old to display a consistent list result. You can"
                                       " start a new list without the continue parameter.")
            else:
                self.refuse_future(version)
                # What may come from the cache ignores the limit.
                limit = 0 if version == 0 else limit
                version, begin = self.version, 0
                items = sorted(self.nodes.values(), key=lambda item: item["metadata"]["name"])
                if name is not None:
                    items = [item for item in items if item["metadata"]["name"] == name]
            end = len(items) if limit == 0 else min(len(items), begin + limit)
            remaining = len(items) - end
            if remaining:
                self.snapshots[version] = items
                while len(self.snapshots) > SNAPSHOTS:
                    del self.snapshots[next(iter(self.snapshots))]
            return items[begin:end], version, self._token(version, end) if remaining else "", remaining

    def since(self, version):
        """The events after a version, oldest first: (version, type, object). Where there are none, they can be waited for."""
        with self.changed:
            if version < self.floor:
                raise Refusal(410, f"too old resource version: {version} ({self.floor})")
            return [event for event in self.history[self._index(version):]]

    def refuse_future(self, version):
        if version is not None and version > self.version:
            raise Refusal(504, f"Too large resource version: {version}, current: {self.version}", retryAfterSeconds=1,
                          causes=[{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}])

    def bookmark(self):
        return {"type": "BOOKMARK", "object": bookmark(self.version)}

    def _index(self, version):
        """Where the events after a version begin. Most readers are near the end."""
        index = len(self.history)
        while index > 0 and self.history[index - 1][0] > version:
            index -= 1
        return index

    def _versioned(self, item):
        self.version += 1
        return {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}

    def _record(self, kind, item):
        self.history.append((self.version, kind, typed(item)))
        if len(self.history) > HISTORY:
            self.floor = self.history[HISTORY // 2][0]
            del self.history[: HISTORY // 2 + 1]
        self.changed.notify_all()

    @staticmethod
    def _token(version, begin):
        text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": begin})
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @staticmethod
    def _position(token):
        try:
            parts = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            return parts["rv"], parts["start"]
        except (ValueError, KeyError, TypeError):
            raise Refusal(400, "continue key is not valid: it was not made by this server") from None
