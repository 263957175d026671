"""Every counter of the kernel that tells of a lost packet, read from /proc in one network namespace.

Only counters that exclude each other: Udp's InErrors, say, contains RcvbufErrors and InCsumErrors.
"""

import json
from collections import Counter

SNMP = {
    "Ip": ["InHdrErrors", "InAddrErrors", "InUnknownProtos", "InDiscards", "OutDiscards", "OutNoRoutes", "ReasmFails",
           "FragFails"],
    "Udp": ["NoPorts", "RcvbufErrors", "SndbufErrors", "InCsumErrors", "MemErrors"],
    "Icmp": ["InCsumErrors"],
    "IpExt": ["InNoRoutes", "InTruncatedPkts", "InCsumErrors"],
}
SNMP6 = {
    "Ip6": ["InHdrErrors", "InTooBigErrors", "InNoRoutes", "InAddrErrors", "InUnknownProtos", "InTruncatedPkts",
            "InDiscards", "OutDiscards", "OutNoRoutes", "ReasmFails", "FragFails"],
    "Udp6": ["NoPorts", "RcvbufErrors", "SndbufErrors", "InCsumErrors", "MemErrors"],
    "Icmp6": ["InCsumErrors"],
}
CONNTRACK = ["drop", "early_drop", "insert_failed"]


def losses(pid):
    """The counters of the namespace that process `pid` is in, by name such as "Udp.NoPorts" or "eth0.txDropped"."""
    found = Counter()
    for file in ("snmp", "netstat"):
        lines = _lines(pid, file)
        for names, values in zip(lines[::2], lines[1::2]):
            protocol = names[0].rstrip(":")
            for name, value in zip(names[1:], values[1:]):
                if name in SNMP.get(protocol, []):
                    found[f"{protocol}.{name}"] = int(value)
    for name, value in _lines(pid, "snmp6"):
        protocol = next((protocol for protocol in SNMP6 if name.startswith(protocol)), None)
        if protocol and name.removeprefix(protocol) in SNMP6[protocol]:
            found[f"{protocol}.{name.removeprefix(protocol)}"] = int(value)
    for device, *values in _lines(pid, "dev")[2:]:
        name = device.rstrip(":")
        for kind, column in {"rxErrors": 2, "rxDropped": 3, "txErrors": 10, "txDropped": 11}.items():
            found[f"{name}.{kind}"] = int(values[column])
    heading, *processors = _lines(pid, "stat/nf_conntrack")
    for values in processors:
        for name in CONNTRACK:
            found[f"conntrack.{name}"] += int(values[heading.index(name)], 16)
    return found


def _lines(pid, file):
    with open(f"/proc/{pid}/net/{file}") as text:
        return [line.split() for line in text]


def backlog_drops():
    """Packets that found a processor's queue full, of all namespaces of this machine together. The devices that they
    came from count them, too."""
    with open("/proc/net/softnet_stat") as file:
        return sum(int(line.split()[1], 16) for line in file)


def queue(node, device):
    """The device's queueing discipline: `packets` that passed, super-packets counted by their segments (Linux adds
    `gso_segs` there, in `bstats_update`), and `qlen` packets that wait."""
    found = json.loads(node.run("tc", "-s", "-j", "qdisc", "show", "dev", device).stdout)
    return next(entry for entry in found if entry.get("root"))
