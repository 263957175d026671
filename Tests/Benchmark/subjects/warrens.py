"""Warrens with its user-space datapath: as shipped, with checksum deferral, and with all batching switched off.

The pods are attached by the real plugins, masquerading on, as a runtime does; the first ADD starts the daemon.
"""

import json
import os

from lab.case import eventually
from lab.node import EXECUTABLES, NODE_FILE, Node, executable
from lab.traffic import ping
from measure.checksums import deferred

from .subject import Subject, Unavailable


class WarrensTun(Subject):
    name, key = "Warrens tun", "warrens"
    about = "user-space datapath as shipped"

    #: Members of warrens.json, and annotations of both nodes.
    settings = {"datapath": "tun"}
    annotations = {}

    def node(self, name):
        return Node(name)

    def available(self):
        missing = [name for name in EXECUTABLES if not os.path.exists(executable(name))]
        return f"not built: {', '.join(missing)} (hack/build builds them)" if missing else None

    def start(self, left, right):
        self.left, self.right = left, right
        self.join([left, right])

    def join(self, sites):
        """Makes nodes of one cluster of any number of sites, and attaches their pods."""
        entries = [site.node.entry(annotations=self.annotations) for site in sites]
        for site in sites:
            site.node.settings(**self.settings)
            site.node.write(NODE_FILE, json.dumps({"apiVersion": "v1", "kind": "List", "items": entries}))
            site.pod.attach()

    def addresses(self, family):
        return self.left.pod.address(family), self.right.pod.address(family)

    def processes(self):
        return [pid for site in (self.left, self.right) for pid in site.node.daemons()]

    def version(self):
        return self.left.node.control("--version").stdout.strip()


class WarrensDeferral(WarrensTun):
    name, key = "Warrens tun, checksum deferral", "warrens-deferral"
    about = "both nodes announce `checksum-deferral`: inner checksums are not computed on the way"
    annotations = {"warrens.io/features": "checksum-deferral"}

    def start(self, left, right):
        super().start(left, right)
        target = right.pod.address(4)
        eventually(lambda: ping(left.pod, target, timeout=1), within=30)
        if not deferred(left, right, target):
            raise Unavailable("inner checksums are complete on the wire: this warrensd does not defer them")


class WarrensUnbatched(WarrensTun):
    name, key = "Warrens tun, batching off", "warrens-unbatched"
    about = "the same program with one packet a system call, no segmentation or receive offload: the naive loop"
    settings = {"datapath": "tun", "batching": "off"}


SUBJECTS = [WarrensTun, WarrensDeferral, WarrensUnbatched]
