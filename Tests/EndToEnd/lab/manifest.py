"""The manifests of conf/, and pods that are made from them as a kubelet makes them: each word as it stands.

What is not understood raises, so that nothing stands in a manifest that no test has used. Left out, because the kubelet is:
scheduling, restarts, evictions, probes by the clock (`probe` does one), projected volumes and the API behind them (the
service account's files are the test's), and SELinux, which the machine has not.
"""

import os
import re

import yaml

from . import cri
from .shell import PATIENCE, repository

CONF = os.path.join(repository(), "conf")

#: What a kubelet hides from, or shows read-only to, a container that is not privileged (`procMount: Default`).
MASKED = [
    "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
PROPAGATION = {None: 0, "None": 0, "HostToContainer": 1, "Bidirectional": 2}
#: By `hostPath.type`: whether it is there; what makes it, if anything.
HOST_PATHS = {
    "Directory": (os.path.isdir, None),
    "DirectoryOrCreate": (os.path.isdir, os.makedirs),
    "File": (os.path.isfile, None),
    "CharDevice": (os.path.exists, None),
}
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
#: Prints the answer to a request; ends with another exit code than zero unless its status is 2xx or 3xx, as a kubelet has it.
REQUEST = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())
except urllib.error.HTTPError as error:
    sys.exit(f"{error}: {error.read().decode()}")
except OSError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
"""
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def read(name, conf=CONF):
    """The objects of a manifest of conf/, or of a copy of it."""
    with open(os.path.join(conf, name)) as file:
        return list(yaml.safe_load_all(file))


def customised(directory, conf=CONF):
    """The objects that `kubectl kustomize` makes of a directory of conf/: of its bases, patched."""
    [kustomization] = read(os.path.join(directory, "kustomization.yaml"), conf)
    objects = []
    for resource in kustomization["resources"]:
        path = os.path.normpath(os.path.join(directory, resource))
        objects += read(path, conf) if path.endswith(".yaml") else customised(path, conf)
    for patch in kustomization.get("patches", []):
        [target] = [
            item for item in objects
            if item["kind"] == patch["target"]["kind"] and item["metadata"]["name"] == patch["target"]["name"]]
        objects[objects.index(target)] = merge(target, yaml.safe_load(patch["patch"]))
    return objects


def merge(value, patch):
    """A strategic merge: objects by key, lists of named objects by name."""
    if isinstance(patch, dict):
        return {**value, **{key: merge(value.get(key), item) for key, item in patch.items()}}
    if isinstance(patch, list) and all("name" in item for item in patch):
        changes = {item["name"]: item for item in patch}
        return [merge(item, changes.pop(item["name"], {})) for item in value or []] + list(changes.values())
    return patch


def find(objects, kind, name="warrens"):
    [found] = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name]
    return found


class Understood(dict):
    """A part of a manifest, whose every key has to be asked for."""

    def __init__(self, value):
        super().__init__(value)
        self.rest = set(value)

    def take(self, key, default=None):
        self.rest.discard(key)
        return self.get(key, default)

    def check(self, where, *, known=()):
        """Raises where a key was not asked for; `known` are those that concern nobody here."""
        if unknown := self.rest - set(known):
            raise LookupError(f"{where} of the manifest says {sorted(unknown)}, which nothing here understands")


class DaemonPod:
    """The pod of a DaemonSet on a node.

    kubelet: of the node. objects: the manifest's. image: takes the place of the manifest's, as `kubectl set image` does.
    account: a directory on the node with the service account's token and ca.crt. environment: for all containers, as a
    kubelet adds the address of the API server. without: containers that are not started.
    """

    def __init__(self, kubelet, objects, name="warrens", *, image=None, account=None, environment=None, without=()):
        self.kubelet, self.node, self.objects = kubelet, kubelet.node, objects
        self.image, self.account, self.environment = image, account, environment or {}
        self.template = Understood(find(objects, "DaemonSet", name)["spec"]["template"]["spec"])
        self.name, self.containers, self.specifications = name, {}, {}
        self.volumes = {volume["name"]: volume for volume in self.template.take("volumes", [])}
        pod_security = Understood(self.template.take("securityContext", {}))
        self.seccomp = Understood(pod_security.take("seccompProfile", {})).take("type")
        pod_security.check("the pod's securityContext", known=["seLinuxOptions"])
        if not self.template.take("hostNetwork"):
            raise LookupError("only pods in the host's network are made from manifests")
        self.process = cri.OF_NODE if self.template.take("hostPID") else cri.OF_CONTAINER
        self.grace = self.template.take("terminationGracePeriodSeconds", 30)
        first = self.template.take("initContainers", [])
        last = [container for container in self.template.take("containers") if container["name"] not in without]
        self.template.check("the pod", known=[
            "dnsPolicy", "enableServiceLinks", "serviceAccountName", "automountServiceAccountToken", "priorityClassName",
            "nodeSelector", "tolerations",
        ])
        self.sandbox = kubelet.run_host_sandbox(name, process=self.process, privileged=any(
            container.get("securityContext", {}).get("privileged", False) for container in first + last))
        for container in first:
            started = self._start(container)
            if (code := started.end()) != 0:
                self.close()
                raise AssertionError(f"{started.name} ended with exit code {code}:\n{started.log()}")
        for container in last:
            self._start(container)

    def _start(self, specification):
        container = self.sandbox.container(specification["name"], self._configuration(Understood(specification)))
        self.containers[container.name], self.specifications[container.name] = container, specification
        return container

    def _configuration(self, container):
        """The fields of ContainerConfig for a container of the pod."""
        variables = dict(self.environment)
        for variable in container.take("env", []):
            field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            variables[variable["name"]] = {None: variable.get("value"), "spec.nodeName": self.node.name}[field]
        words = [
            re.sub(r"\$\((\w+)\)", lambda match: variables[match.group(1)], word)
            for word in container.take("command", []) + container.take("args", [])]
        configuration = {
            2: {1: self.image or container.get("image")},
            3: words,
            6: [{1: name, 2: value} for name, value in variables.items()],
            7: [self._mount(Understood(mount)) for mount in container.take("volumeMounts", [])],
            15: {1: self._resources(container.take("resources", {})),
                 2: self._security(Understood(container.take("securityContext", {})))},
        }
        if self.account and self.template.get("automountServiceAccountToken", True):
            configuration[7].append({1: SERVICE_ACCOUNT, 2: self.account, 3: True})
        container.check(f"the container {container['name']}", known=[
            "name", "image", "imagePullPolicy", "ports", "startupProbe", "livenessProbe", "readinessProbe"])
        return configuration

    def _mount(self, mount):
        volume = Understood(self.volumes[mount.take("name")])
        host, content = volume.take("hostPath"), volume.take("configMap")
        volume.check("a volume", known=["name"])
        source = self._host_path(Understood(host)) if host else self._configuration_directory(content["name"])
        fields = {1: mount.take("mountPath"), 2: source, 3: mount.take("readOnly", False),
                  5: PROPAGATION[mount.take("mountPropagation")]}
        mount.check("a volumeMount")
        return fields

    def _host_path(self, volume):
        path, kind = volume.take("path"), volume.take("type")
        volume.check("a hostPath")
        is_there, make = HOST_PATHS[kind]
        outside = self.node.path(path)
        if not is_there(outside):
            if make is None:
                raise LookupError(f"hostPath type check failed: {path} is not a {kind}")
            make(outside)
        return path

    def _configuration_directory(self, name):
        directory = f"/run/kubelet/{name}"
        for file, text in find(self.objects, "ConfigMap", name)["data"].items():
            self.node.write(f"{directory}/{file}", text)
        return directory

    def _resources(self, resources):
        limits, requests = Understood(resources.get("limits", {})), Understood(resources.get("requests", {}))
        number, unit = re.fullmatch(r"(\d+)(\w+)", limits.take("memory")).groups()
        shares = int(re.fullmatch(r"(\d+)m", requests.take("cpu")).group(1)) * 1024 // 1000
        limits.check("the limits")
        requests.check("the requests", known=["memory"])
        return {3: max(shares, 2), 4: int(number) * UNITS[unit]}

    def _security(self, security):
        privileged = security.take("privileged", False)
        capabilities = Understood(security.take("capabilities", {}))
        user = security.take("runAsUser")
        fields = {
            1: {1: capabilities.take("add", []), 2: capabilities.take("drop", [])},
            2: privileged,
            3: {1: cri.OF_NODE, 2: self.process},
            7: security.take("readOnlyRootFilesystem", False),
            11: not security.take("allowPrivilegeEscalation", True),
        }
        if user is not None:
            fields[5] = {1: user}
        if not privileged:
            fields |= {13: MASKED, 14: READ_ONLY}
            if self.seccomp == "RuntimeDefault":
                fields[15] = {1: 0}
        if security.take("runAsNonRoot") and not user:
            raise LookupError("runAsNonRoot, and no user")
        capabilities.check("capabilities")
        security.check("a securityContext")
        return fields

    def probe(self, container, kind):
        """Does a container's `startupProbe`, `livenessProbe` or `readinessProbe` once; raises where it fails."""
        probe = self.specifications[container][kind]
        if "exec" in probe:
            code, output, errors = self.containers[container].execute(*probe["exec"]["command"])
            if code != 0:
                raise AssertionError(f"{kind} of {container} ends with exit code {code}: {output}{errors}")
            return output
        request = probe["httpGet"]
        [port] = [port["containerPort"] for port in self.specifications[container]["ports"] if port["name"] == request["port"]]
        url = f"http://{self.node.v4}:{port}{request['path']}"
        return self.node.run("python3", "-c", REQUEST, url, probe["timeoutSeconds"] * PATIENCE).stdout

    def log(self):
        return "".join(f"--- {name}\n{container.log()}" for name, container in self.containers.items())

    def close(self):
        """Ends the pod as its deletion does."""
        for container in self.containers.values():
            container.stop(self.grace)
            container.remove()
        self.sandbox.stop()
        self.sandbox.remove()
