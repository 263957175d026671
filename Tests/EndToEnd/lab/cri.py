"""What a kubelet asks of its container runtime: pod sandboxes and containers by the CRI (runtime.v1), over containerd's socket."""

import glob
import json
import os

import grpc

from .case import eventually
from .containerd import SOCKET
from .protobuf import decode, encode
from .shell import PATIENCE

#: The numbers of the fields that we use, by message of runtime.v1.
CONFIG_METADATA, CONFIG_HOSTNAME, CONFIG_LOGS, CONFIG_PORTS, CONFIG_ANNOTATIONS, CONFIG_LINUX = 1, 2, 3, 5, 7, 8
METADATA_NAME, METADATA_UID, METADATA_NAMESPACE = 1, 2, 3
PORT_PROTOCOL, PORT_CONTAINER, PORT_HOST = 1, 2, 3
LINUX_CGROUP_PARENT, LINUX_SECURITY = 1, 2
SANDBOX_NAMESPACES, SANDBOX_PRIVILEGED = 1, 6
NAMESPACE_NETWORK, NAMESPACE_PID = 1, 2
STATUS_NETWORK = 5
NETWORK_ADDRESS, NETWORK_FURTHER = 1, 2
CONTAINER_METADATA, CONTAINER_LOG = 1, 11
CONTAINER_STATUS_STATE, CONTAINER_STATUS_EXIT_CODE = 3, 7
#: NamespaceMode and ContainerState.
OF_POD, OF_CONTAINER, OF_NODE = 0, 1, 2
CREATED, RUNNING, EXITED = 0, 1, 2

LOGS = "/run/pods"


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
        before = set(glob.glob(self.node.path("/run/netns/cni-*")))
        config = self._configuration(name) | {
            CONFIG_HOSTNAME: name,
            CONFIG_PORTS: [
                {PORT_PROTOCOL: 0, PORT_CONTAINER: container, PORT_HOST: host} for host, container in ports
            ],
            CONFIG_ANNOTATIONS: [{1: key, 2: value} for key, value in (annotations or {}).items()],
        }
        identifier = self._call("RunPodSandbox", {1: config})[1][0].decode()
        created = set(glob.glob(self.node.path("/run/netns/cni-*"))) - before
        namespace = f"/run/netns/{os.path.basename(created.pop())}"
        return PodSandbox(self, identifier, namespace, config)

    def run_host_sandbox(self, name, *, process=OF_CONTAINER, privileged=False):
        """RunPodSandbox for a pod in the host's network, which no plugin is called for. Returns a `PodSandbox`."""
        config = self._configuration(name)
        config[CONFIG_LINUX][LINUX_SECURITY] = {
            SANDBOX_NAMESPACES: {NAMESPACE_NETWORK: OF_NODE, NAMESPACE_PID: process}, SANDBOX_PRIVILEGED: privileged,
        }
        identifier = self._call("RunPodSandbox", {1: config})[1][0].decode()
        return PodSandbox(self, identifier, None, config)

    def _configuration(self, name):
        """What every sandbox's configuration holds."""
        self.pods += 1
        return {
            CONFIG_METADATA: {METADATA_NAME: name, METADATA_UID: f"uid-{self.pods}", METADATA_NAMESPACE: "default"},
            CONFIG_LOGS: LOGS,
            CONFIG_LINUX: {LINUX_CGROUP_PARENT: f"/{self.containerd.namespace}"},
        }

    def close(self):
        self.channel.close()


class PodSandbox:
    """A pod as the runtime sees it: a pause container and a network namespace, None where that is the host's."""

    def __init__(self, kubelet, identifier, namespace, configuration):
        self.kubelet, self.identifier, self.namespace = kubelet, identifier, namespace
        self.configuration = configuration

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

    def container(self, name, configuration):
        """CreateContainer and StartContainer; `configuration` are the fields of ContainerConfig. Returns a `Container`."""
        log = f"{self.identifier}-{name}.log"
        config = configuration | {CONTAINER_METADATA: {METADATA_NAME: name}, CONTAINER_LOG: log}
        answer = self.kubelet._call(
            "CreateContainer", {1: self.identifier, 2: config, 3: self.configuration}, timeout=120)
        return Container(self.kubelet, name, answer[1][0].decode(), f"{LOGS}/{log}").start()


class Container:
    """A container of a pod sandbox."""

    def __init__(self, kubelet, name, identifier, log):
        self.kubelet, self.name, self.identifier, self.log_file = kubelet, name, identifier, log

    def start(self):
        self.kubelet._call("StartContainer", {1: self.identifier})
        return self

    def state(self):
        """Its state and exit code."""
        status = decode(self.kubelet._call("ContainerStatus", {1: self.identifier})[1][0])
        return status.get(CONTAINER_STATUS_STATE, [CREATED])[0], status.get(CONTAINER_STATUS_EXIT_CODE, [0])[0]

    def end(self, *, within=60):
        """Waits until it has ended, and returns the exit code."""

        def ended():
            state, code = self.state()
            if state != EXITED:
                raise AssertionError(f"{self.name} does not end:\n{self.log()}")
            return code

        return eventually(ended, within=within)

    def execute(self, *command, timeout=30):
        """ExecSync; returns exit code, output and errors."""
        answer = self.kubelet._call("ExecSync", {1: self.identifier, 2: list(command), 3: timeout}, timeout=timeout + 10)
        output, errors = (answer.get(field, [b""])[0].decode() for field in (1, 2))
        return answer.get(3, [0])[0], output, errors

    def pid(self):
        """Its first process, seen from outside."""
        [text] = [entry for entry in self.kubelet._call("ContainerStatus", {1: self.identifier, 2: True})[2]]
        inside = json.loads(decode(text)[2][0])["pid"]
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/status") as file:
                    numbers = next(line for line in file if line.startswith("NSpid:")).split()[1:]
                # The node's process namespace is one below ours, the container's one below that unless it shares it.
                if len(numbers) > 1 and int(numbers[1]) == inside and self._is_ours(process):
                    return int(process)
            except (FileNotFoundError, ProcessLookupError, StopIteration):
                continue
        raise LookupError(f"no process of {self.name}")

    def _is_ours(self, process):
        with open(f"/proc/{process}/cgroup") as file:
            return self.identifier in file.read()

    def log(self):
        """What it wrote, line by line, without what the runtime puts before each line."""
        lines = self.kubelet.node.read(self.log_file).splitlines()
        return "".join(line.split(" ", 3)[3] + "\n" for line in lines if line.count(" ") >= 3)

    def stop(self, timeout=10):
        self.kubelet._call("StopContainer", {1: self.identifier, 2: timeout}, timeout=timeout + 60)

    def remove(self):
        self.kubelet._call("RemoveContainer", {1: self.identifier})
