"""Warrens with its datapath in the kernel, on nodes that know a thousand others."""

from lab.daemon import daemon_status
from measure.wire import UPLINK

from .crowded import WIDTH, CrowdedWarrens
from .subject import Unavailable

PEERS = 1000


class WarrensKernel(CrowdedWarrens):
    name, key = "Warrens ebpf", "warrens-ebpf"
    about = f"eBPF datapath, {PEERS:,} peers; every packet meets the host's stack"
    only = "kernel"
    settings = {"datapath": "ebpf", "v4Width": WIDTH}

    def __init__(self):
        super().__init__(PEERS)

    def start(self, left, right):
        super().start(left, right)
        found = daemon_status(left.node)["datapath"]
        if found != "ebpf":
            raise Unavailable(f"warrensd uses the datapath {found}")


class WarrensFastPath(WarrensKernel):
    name, key = "Warrens ebpf, fast path", "warrens-ebpf-fast"
    about = f"eBPF datapath, {PEERS:,} peers; flows that the hosts only pass on skip their stacks"
    settings = {**WarrensKernel.settings, "fastPath": "on"}


class WarrensLoopAlone(WarrensFastPath):
    name, key = "Warrens ebpf, fast path, uplink's GRO off", "warrens-ebpf-loop"
    about = "the same where an administrator has switched the uplink's own receive offload off, which no bare packet gains by"

    def start(self, left, right):
        super().start(left, right)
        for site in (left, right):
            site.node.run("ethtool", "-K", UPLINK, "gro", "off")


class WarrensFramed(WarrensFastPath):
    name, key = "Warrens ebpf, fast path, gpe", "warrens-ebpf-gpe"
    about = "the same with VXLAN-GPE framing, which the kernel merges by itself"
    settings = {**WarrensFastPath.settings, "framing": "gpe"}


SUBJECTS = [WarrensKernel, WarrensFastPath, WarrensLoopAlone, WarrensFramed]
