"""Walking through a guide of docs/ on a node: each command of the blocks marked `sh run`, as it stands there.

The commands run in a copy of the project on the node. Where a guide says `kubectl`, a stand-in understands what the guides say
and no more: it applies a manifest to the nodes of the test by making the DaemonSet's pods, and waits for their probes.
"""

import os
import re
import shlex
import shutil

from . import manifest
from .case import eventually
from .cri import RUNNING
from .node import executable
from .shell import repository

DOCS = os.path.join(repository(), "docs")
PROJECT = "/run/project"
#: What of the project the guides' commands need.
PARTS = ["conf", "hack", "docs", "LICENSE", "NOTICE", "Sources/Host/Release.swift"]


def text(guide):
    with open(os.path.join(DOCS, guide)) as file:
        return file.read()


def steps(guide):
    """The sections of a guide in order: (heading, its commands)."""
    found = []
    for section in re.split(r"^## ", text(guide), flags=re.M)[1:]:
        blocks = re.findall(r"^```sh run\n(.*?)^```", section, flags=re.M | re.S)
        found.append((section.split("\n", 1)[0], [line for block in blocks for line in block.splitlines() if line.strip()]))
    return found


class Walk:
    """members: the cluster's nodes; the first one is where commands are typed, and what concerns every node is done on each."""

    def __init__(self, members):
        self.members, self.node = members, members[0].node
        self.pods = {}
        for member in members:
            for part in PARTS:
                source, target = os.path.join(repository(), part), member.node.path(f"{PROJECT}/{part}")
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copytree(source, target) if os.path.isdir(source) else shutil.copy2(source, target)

    def follow(self, commands):
        """Performs commands one after the other; returns what they printed."""
        return "".join(self.perform(command) or "" for command in commands)

    def perform(self, command):
        words = shlex.split(command)
        if words[:2] == ["k3s", "kubectl"]:
            return self.kubectl(words[2:])
        if words[0] == "kubectl":
            return self.kubectl(words[1:])
        if words[:4] == ["k3s", "ctr", "images", "import"]:
            # K3s's own containerd has this namespace, and another socket.
            words = ["ctr", "-n", "k8s.io", *words[2:]]
        if words[:5] == ["ctr", "-n", "k8s.io", "images", "import"]:
            return self.import_everywhere(words)
        return self.shell(command)

    def shell(self, command):
        member = self.members[0]
        environment = {
            "PATH": f"{member.plugins}:/usr/sbin:/usr/bin:/sbin:/bin",
            "WARRENS_DIST": os.path.dirname(executable("warrens")),
            # Control groups are the one thing that sandboxes share.
            "CONTAINERD_NAMESPACE": member.runtime.namespace,
        }
        return self.node.run("sh", "-ec", f"cd {PROJECT}; {command}", environment=environment, timeout=120).stdout

    def import_everywhere(self, words):
        """The image is copied to every node, and imported there."""
        archive = f"{PROJECT}/{words[-1]}"
        for member in self.members:
            if member.node is not self.node:
                os.makedirs(os.path.dirname(member.node.path(archive)), exist_ok=True)
                shutil.copy(self.node.path(archive), member.node.path(archive))
            member.node.run(*words[:-1], archive, timeout=120)

    def kubectl(self, words):
        if words[:2] == ["-n", "kube-system"]:
            words = words[2:]
        match words:
            case ["apply", "-f" | "-k", path]:
                for item in self.objects(path):
                    if item["kind"] == "DaemonSet":
                        self.pods[item["metadata"]["name"]] = self.objects(path)
                        self.make(item["metadata"]["name"])
            case ["delete", "-f" | "-k", path]:
                for item in self.objects(path):
                    if item["kind"] == "DaemonSet":
                        self.end()
                        del self.pods[item["metadata"]["name"]]
            case ["rollout", "restart", "daemonset", name]:
                self.end()
                self.make(name)
            case ["rollout", "status", "daemonset", name]:
                for member in self.members:
                    self.await_rollout(member, name)
            case ["exec", "daemonset/warrens", "-c", container, "--", *command]:
                code, output, errors = self.members[0].pod.containers[container].execute(*command)
                if code != 0:
                    raise AssertionError(f"{' '.join(command)} ends with {code}: {output}{errors}")
                return output
            case ["get", "pods", "-A", "-o", "wide"]:
                pass  # Shows what the test looks at itself.
            case _:
                raise AssertionError(f"the guide says kubectl {' '.join(words)}, which nothing here understands")

    def objects(self, path):
        conf = self.node.path(f"{PROJECT}/conf")
        name = os.path.relpath(path, "conf")
        return manifest.read(name, conf) if name.endswith(".yaml") else manifest.customised(name, conf)

    def make(self, name):
        for member in self.members:
            member.apply(self.pods[name], name)

    def end(self):
        for member in self.members:
            member.pod.close()

    def await_rollout(self, member, name):
        if name == "warrens":
            member.await_ready()
        for container, specification in member.pod.specifications.items():
            if specification in manifest.find(self.pods[name], "DaemonSet", name)["spec"]["template"]["spec"]["containers"]:
                eventually(lambda: self.assert_running(member, container))

    @staticmethod
    def assert_running(member, container):
        if member.pod.containers[container].state()[0] != RUNNING:
            raise AssertionError(f"{container} does not run:\n{member.pod.log()}")
