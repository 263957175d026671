"""What a node's kernel and files hold, read with tools that share no code with ours."""

import json
import re


def ip(place, *arguments):
    """The parsed answer of `ip -j` in a node or a pod."""
    text = place.run("ip", "-j", "-d", *arguments).stdout
    return json.loads(text) if text.strip() else []


def routes(node, family):
    """Routes as text lines, without those that the kernel makes by itself."""
    lines = node.run("ip", f"-{family}", "route", "show", "table", "all").stdout.splitlines()
    return sorted(line.strip() for line in lines if not re.search(r"table local|proto kernel", line))


def ruleset(node):
    """Every nftables object and element of a set, without what changes by itself: handles and counters."""

    def settled(value):
        if isinstance(value, dict):
            return {key: settled(item) for key, item in value.items() if key not in ("handle", "packets", "bytes")}
        return [settled(item) for item in value] if isinstance(value, list) else value

    lines = []
    for item in json.loads(node.run("nft", "-j", "list", "ruleset").stdout)["nftables"]:
        if "metainfo" in item:
            continue
        if "set" in item:
            lines += [f"{item['set']['name']} holds {element}" for element in item["set"].pop("elem", [])]
        lines.append(json.dumps(settled(item), sort_keys=True))
    return sorted(lines)


def conntrack(node, *addresses):
    """The connection tracking entries that name one of the addresses."""
    entries = []
    for family in ("ipv4", "ipv6"):
        entries += node.run("conntrack", "-L", "-f", family, check=False).stdout.splitlines()
    return [entry for entry in entries if any(f"={address} " in entry for address in addresses)]


class Traces:
    """All that attachments can leave on a node, to compare what was there before with what is there after."""

    FILES = ["/run/warrens", "/run/cni", "/var/lib/cni", "/var/lib/warrens"]

    def __init__(self, node):
        self.found = {
            "links": sorted(link["ifname"] for link in ip(node, "link")),
            "addresses": sorted(
                f"{link['ifname']} {address['local']}/{address['prefixlen']}"
                for link in ip(node, "address")
                for address in link["addr_info"]
                if address.get("local") and not address["local"].startswith("fe80:")
            ),
            "IPv4 routes": routes(node, 4),
            "IPv6 routes": routes(node, 6),
            "IPv4 rules": node.run("ip", "-4", "rule").stdout.splitlines(),
            "IPv6 rules": node.run("ip", "-6", "rule").stdout.splitlines(),
            "permanent neighbours": sorted(
                f"{entry['dev']} {entry['dst']}" for family in ("-4", "-6")
                for entry in ip(node, family, "neighbour", "show", "nud", "permanent")
            ),
            "nftables": ruleset(node),
            "shaping": sorted(
                line for line in node.run("tc", "qdisc").stdout.splitlines()
                if not re.search("noqueue|noop|pfifo_fast|qdisc mq", line)
            ),
            "files": [
                path for directory in self.FILES for path in node.listing(directory)
                # How pools are used is counted anew after a crash; whose addresses are, is not. The bridge's eBPF program
                # comes with the first pod, and goes with the last one when the daemon gets to it.
                if "/.pools/" not in path and "/hook-bridge-" not in path
            ],
        }

    def difference(self, later):
        """What was added ('+') and removed ('-') since, as text lines; empty when nothing differs."""
        lines = []
        for kind, before in self.found.items():
            after = later.found[kind]
            lines += [f"{kind}: + {item}" for item in after if item not in before]
            lines += [f"{kind}: - {item}" for item in before if item not in after]
        return lines
