"""Objects as the API server prints them, Node objects above all: several kilobytes each, most of which nobody here needs."""

import time
import uuid

API_VERSION, KIND = "v1", "Node"

#: How a Status names what went wrong.
REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 406: "NotAcceptable",
    409: "Conflict", 410: "Expired", 415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests",
    500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}


class Refusal(Exception):
    """What is answered by a Status object instead."""

    def __init__(self, code, message, **details):
        self.code = code
        self.status = status(code, message, **details)
        super().__init__(message)


def status(code, message, **details):
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": REASONS[code], **({"details": details} if details else {}), "code": code,
    }


def now():
    return moment(time.time())


def moment(seconds):
    """A time stamp, of seconds since 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def bookmark(version):
    """A Node with nothing in it but how far the watch has come."""
    information = dict.fromkeys(NODE_INFORMATION, "")
    return {
        "kind": KIND, "apiVersion": API_VERSION,
        "metadata": {"resourceVersion": str(version), "creationTimestamp": None},
        "spec": {}, "status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}, "nodeInfo": information},
    }


def node(name, machine_id, addresses, annotations=None):
    """A Node as its kubelet registers it. The server gives it its version.

    addresses: (type, address) pairs, such as ("InternalIP", "192.0.2.11").
    """
    created = now()
    return {
        "metadata": {
            "name": name,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": created,
            "labels": {**LABELS, "kubernetes.io/hostname": name},
            "annotations": {**ANNOTATIONS, **(annotations or {})},
            "managedFields": MANAGED_FIELDS,
        },
        "spec": {"podCIDR": "10.244.7.0/24", "podCIDRs": ["10.244.7.0/24"], "providerID": f"cloud:///{name}"},
        "status": {
            "capacity": RESOURCES,
            "allocatable": RESOURCES,
            "conditions": [
                {"type": kind, "status": value, "lastHeartbeatTime": created, "lastTransitionTime": created,
                 "reason": reason, "message": message}
                for kind, value, reason, message in CONDITIONS
            ],
            "addresses": [{"type": kind, "address": address} for kind, address in addresses],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                **NODE_INFORMATION, "machineID": machine_id, "systemUUID": str(uuid.uuid4()), "bootID": str(uuid.uuid4()),
            },
            "images": IMAGES,
        },
    }


def typed(item):
    """An object that stands by itself: it says what it is, which the items of a list do not."""
    return {"kind": KIND, "apiVersion": API_VERSION, **item}


LABELS = {
    "beta.kubernetes.io/arch": "amd64",
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/os": "linux",
    "node.kubernetes.io/instance-type": "standard-4",
    "topology.kubernetes.io/region": "region-1",
    "topology.kubernetes.io/zone": "region-1a",
}
ANNOTATIONS = {
    "kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock",
    "node.alpha.kubernetes.io/ttl": "0",
    "volumes.kubernetes.io/controller-managed-attach-detach": "true",
}
RESOURCES = {
    "cpu": "4", "ephemeral-storage": "80911360Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0", "memory": "16384256Ki",
    "pods": "110",
}
CONDITIONS = [
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
]
NODE_INFORMATION = {
    "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "6.1.0-28-amd64",
    "osImage": "Debian GNU/Linux 12 (bookworm)", "containerRuntimeVersion": "containerd://1.7.24",
    "kubeletVersion": "v1.32.1", "kubeProxyVersion": "v1.32.1", "operatingSystem": "linux", "architecture": "amd64",
}
#: What a node of some months holds: kubelet reports up to 50 images.
IMAGES = [
    {
        "names": [
            f"registry.example.org/team-{number % 5}/application-{number}@sha256:{number:064x}",
            f"registry.example.org/team-{number % 5}/application-{number}:v1.{number}.0",
        ],
        "sizeBytes": 20_000_000 + number * 1_234_567,
    }
    for number in range(30)
]


def _fields(*paths):
    """`managedFields`' way to name fields."""
    top = {}
    for path in paths:
        place = top
        for word in path.split("/"):
            place = place.setdefault(word if word.startswith("k:") else f"f:{word}", {})
    return top


MANAGED_FIELDS = [
    {
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-01-15T08:30:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields, **({"subresource": "status"} if "f:status" in fields else {}),
    }
    for manager, fields in (
        ("kubelet", _fields(*[f"metadata/annotations/{key.replace('/', '~1')}" for key in ANNOTATIONS],
                            *[f"metadata/labels/{key.replace('/', '~1')}" for key in LABELS])),
        ("kube-controller-manager", _fields("spec/podCIDR", "spec/podCIDRs")),
        ("kubelet", _fields(*[
            f'status/conditions/k:{{"type":"{kind}"}}/{field}'
            for kind, *_ in CONDITIONS
            for field in ("lastHeartbeatTime", "lastTransitionTime", "message", "reason", "status")
        ], "status/images", "status/nodeInfo/bootID", "status/allocatable/memory")),
    )
]
