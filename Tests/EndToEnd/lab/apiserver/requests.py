"""What the paths mean: each request becomes an answer, a `Listing`, a `Watch` or a `Refusal`."""

import json
import re
import secrets
from urllib.parse import parse_qs, urlsplit

from .objects import Refusal, now, typed
from .patches import merge, strategic_merge

PATCHES = {
    "application/merge-patch+json": merge,
    "application/strategic-merge-patch+json": strategic_merge,
}
VERSION = {"major": "1", "minor": "32", "gitVersion": "v1.32.1", "platform": "linux/amd64"}

NODES = re.compile(r"/api/v1/nodes")
NODE = re.compile(r"/api/v1/nodes/([^/]+)(/status)?")
EVENTS = re.compile(r"/api/v1/namespaces/([^/]+)/events(?:/([^/]+))?")
NEW_EVENTS = re.compile(r"/apis/events\.k8s\.io/v1/namespaces/([^/]+)/events(?:/([^/]+))?")
#: What an Event of events.k8s.io must have beside its metadata.
EVENT_MEMBERS = ("eventTime", "reportingController", "reportingInstance", "action", "reason", "type")


class Request:
    """A request line, taken apart: what the real server calls the request's attributes."""

    def __init__(self, method, target):
        parts = urlsplit(target)
        self.method, self.path = method, parts.path
        self.query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.name = self.part = self.namespace = None
        self.resource, self.verb = None, method.lower()
        if match := NODE.fullmatch(self.path):
            self.resource, self.name, self.part = "nodes" + (match[2] or ""), match[1], match[2]
        elif NODES.fullmatch(self.path):
            self.resource, self.name = "nodes", self._selected()
            if method == "GET":
                self.verb = "watch" if self.query.get("watch") in ("true", "1") else "list"
        elif match := EVENTS.fullmatch(self.path) or NEW_EVENTS.fullmatch(self.path):
            self.resource, self.namespace, self.name = "events", match[1], match[2]
        if method == "POST":
            self.verb = "create"

    def number(self, key):
        """A number of the query; None where there is none."""
        text = self.query.get(key, "")
        if text and not text.isdigit():
            raise Refusal(400, f'Invalid value: "{text}": {key} must be a number')
        return int(text) if text else None

    def _selected(self):
        selector = self.query.get("fieldSelector")
        if not selector:
            return None
        match = re.fullmatch(r"metadata\.name==?([^,!=]+)", selector)
        if not match:
            raise Refusal(400, f'field label not supported by this stand-in: "{selector}"')
        return match[1]


class Resources:
    """Answers what is not a watch."""

    def __init__(self, store, access):
        self.store, self.access = store, access
        self.events = {}

    def answer(self, request, user, content_type, body):
        """(status, object) for a request whose user may make it."""
        if request.path in ("/healthz", "/livez", "/readyz"):
            return 200, "ok"
        if request.path == "/version":
            return 200, VERSION
        if request.resource is None:
            raise Refusal(404, "the server could not find the requested resource")
        handler = getattr(self, f"_{request.verb}_{request.resource.split('/')[0]}", None)
        if handler is None:
            raise Refusal(405, "the server does not allow this method on the requested resource")
        return handler(request, user, content_type, body)

    def _list_nodes(self, request, *_):
        items, version, token, remaining = self.store.page(
            request.number("limit") or 0, request.query.get("continue"), request.number("resourceVersion"), request.name)
        metadata = {"resourceVersion": str(version)}
        if token:
            metadata |= {"continue": token, "remainingItemCount": remaining}
        return 200, {"kind": "NodeList", "apiVersion": "v1", "metadata": metadata, "items": items}

    def _get_nodes(self, request, *_):
        return 200, typed(self.store.get(request.name))

    def _patch_nodes(self, request, user, content_type, body):
        apply = PATCHES.get(content_type.partition(";")[0].strip())
        if apply is None:
            raise Refusal(415, "the body of the request was in an unknown format - accepted media types include: "
                               + ", ".join(PATCHES))
        patch = _object(body)

        def change(former):
            try:
                item = apply(former, patch)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise Refusal(400, f"error decoding patch: {error}") from None
            metadata = item["metadata"]
            if metadata.get("resourceVersion") != former["metadata"]["resourceVersion"]:
                raise Refusal(
                    409, f'Operation cannot be fulfilled on nodes "{request.name}": the object has been modified; please apply'
                    " your changes to the latest version and try again", name=request.name, kind="nodes")
            for key, value in (metadata.get("annotations") or {}).items():
                if not isinstance(value, str):
                    raise Refusal(400, f'Node in version "v1" cannot be handled as a Node: json: cannot unmarshal'
                                       f" {type(value).__name__} into metadata.annotations of type string ({key})")
            # Each of the two resources keeps the other's half.
            kept = "spec" if request.part else "status"
            return {"metadata": {**metadata, "name": request.name}, "spec": item["spec"], "status": item["status"],
                    kept: former[kept]}

        self.access.admit_patch(user, request.name)
        return 200, typed(self.store.update(request.name, change))

    def _create_events(self, request, user, content_type, body):
        event = _object(body)
        metadata = event.setdefault("metadata", {})
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                raise Refusal(422, 'Event "" is invalid: metadata.name: Required value: name or generateName is required')
            metadata["name"] = metadata["generateName"] + secrets.token_hex(3)[:5]
        name = metadata["name"]
        if metadata.setdefault("namespace", request.namespace) != request.namespace:
            raise Refusal(400, "the namespace of the provided object does not match the namespace sent on the request")
        new = request.path.startswith("/apis/")
        missing = [member for member in EVENT_MEMBERS if not event.get(member)] if new else []
        if missing:
            raise Refusal(422, f'Event "{name}" is invalid: {missing[0]}: Required value')
        about = event.get("regarding" if new else "involvedObject") or {}
        if not about.get("namespace") and request.namespace != "default":
            raise Refusal(422, f'Event "{name}" is invalid: involvedObject.namespace: Invalid value: "":'
                               " does not match event.namespace")
        if (request.namespace, name) in self.events:
            raise Refusal(409, f'events "{name}" already exists', name=name, kind="events")
        metadata["creationTimestamp"] = now()
        self.events[request.namespace, name] = event
        return 201, event

    def _patch_events(self, request, user, content_type, body):
        if (request.namespace, request.name) not in self.events:
            raise Refusal(404, f'events "{request.name}" not found', name=request.name, kind="events")
        event = merge(self.events[request.namespace, request.name], _object(body))
        self.events[request.namespace, request.name] = event
        return 200, event


def _object(body):
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Refusal(400, f"the object provided is unrecognized: {error}") from None
    if not isinstance(value, dict):
        raise Refusal(400, "the object provided is unrecognized: it must be an object")
    return value
