"""What a kubelet asks of its container runtime: the pod sandbox calls of the CRI (runtime.v1) over containerd's socket."""

import glob
import json
import os

import grpc

from .containerd import SOCKET
from .protobuf import decode, encode
from .shell import PATIENCE

#: The numbers of the fields that we use, by message of runtime.v1.
CONFIG_METADATA, CONFIG_HOSTNAME, CONFIG_LOGS, CONFIG_PORTS, CONFIG_ANNOTATIONS, CONFIG_LINUX = 1, 2, 3, 5, 7, 8
METADATA_NAME, METADATA_UID, METADATA_NAMESPACE = 1, 2, 3
PORT_PROTOCOL, PORT_CONTAINER, PORT_HOST = 1, 2, 3
LINUX_CGROUP_PARENT = 1
STATUS_NETWORK = 5
NETWORK_ADDRESS, NETWORK_FURTHER = 1, 2


class Kubelet:
    """A kubelet's connection to the containerd of a node."""

    def __init__(self, containerd):
        self.containerd = containerd
        self.node = containerd.node
        self.channel = grpc.insecure_channel("unix:" + self.node.path(SOCKET))
        self.pods = 0

    def _call(self, method, message, timeout=60):
        call = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")
        return decode(call(encode(message), timeout=timeout * PATIENCE))

    def network_ready(self):
        """The NetworkReady condition: (status, reason and message)."""
        status = decode(self._call("Status", {})[1][0])
        for condition in map(decode, status[1]):
            if condition[1][0] == b"NetworkReady":
                texts = [condition.get(field, [b""])[0].decode() for field in (3, 4)]
                return bool(condition.get(2, [0])[0]), ": ".join(texts)
        raise LookupError("no NetworkReady condition")

    def run_sandbox(self, name, *, ports=(), annotations=None):
        """RunPodSandbox; `ports` are (host port, container port) pairs of TCP. Returns a `PodSandbox`."""
        self.pods += 1
        before = set(glob.glob(self.node.path("/run/netns/cni-*")))
        config = {
            CONFIG_METADATA: {METADATA_NAME: name, METADATA_UID: f"uid-{self.pods}", METADATA_NAMESPACE: "default"},
            CONFIG_HOSTNAME: name,
            CONFIG_LOGS: "/run/pods",
            CONFIG_PORTS: [
                {PORT_PROTOCOL: 0, PORT_CONTAINER: container, PORT_HOST: host} for host, container in ports
            ],
            CONFIG_ANNOTATIONS: [{1: key, 2: value} for key, value in (annotations or {}).items()],
            CONFIG_LINUX: {LINUX_CGROUP_PARENT: f"/{self.containerd.namespace}"},
        }
        identifier = self._call("RunPodSandbox", {1: config})[1][0].decode()
        created = set(glob.glob(self.node.path("/run/netns/cni-*"))) - before
        namespace = f"/run/netns/{os.path.basename(created.pop())}"
        return PodSandbox(self, identifier, namespace)

    def close(self):
        self.channel.close()


class PodSandbox:
    """A pod as the runtime sees it: a pause container and a network namespace."""

    def __init__(self, kubelet, identifier, namespace):
        self.kubelet, self.identifier, self.namespace = kubelet, identifier, namespace

    def addresses(self):
        """The addresses that PodSandboxStatus reports, the first being the pod's IP."""
        status = decode(self.kubelet._call("PodSandboxStatus", {1: self.identifier})[1][0])
        network = decode(status[STATUS_NETWORK][0])
        further = [decode(item)[1][0] for item in network.get(NETWORK_FURTHER, [])]
        return [address.decode() for address in network.get(NETWORK_ADDRESS, []) + further]

    def result(self):
        """The CNI result that the runtime tells of on request."""
        information = self.kubelet._call("PodSandboxStatus", {1: self.identifier, 2: True})[2]
        texts = {entry[1][0]: entry[2][0] for entry in map(decode, information)}
        return json.loads(texts[b"info"])["cniResult"]

    def stop(self):
        self.kubelet._call("StopPodSandbox", {1: self.identifier})

    def remove(self):
        self.kubelet._call("RemovePodSandbox", {1: self.identifier})

    def run(self, *arguments, **options):
        """Runs a command in the pod's network namespace."""
        return self.kubelet.node.run(*arguments, network=self.namespace, **options)

    def start(self, *arguments, **options):
        return self.kubelet.node.start(*arguments, network=self.namespace, **options)
