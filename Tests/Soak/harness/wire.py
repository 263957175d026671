"""Counts what crosses the wire: nftables counters on the bridge between the nodes, where each datagram is one packet.

The nodes' uplinks do not pass super-packets on but aggregate what they receive, as a plain network card does. So
what the bridge sees is what a cable would carry.
"""

import json

PORT = 31337
V4_OVERHEAD, V6_OVERHEAD = 28, 48


class Wire:
    """Counters `out`: from a node's port into the bridge; and `in`: from the bridge to a node, addressed to it."""

    def __init__(self, router, nodes, *, kind):
        """Of `kind` "M", as above; or "S", where super-packets cross whole, so that nothing can be counted."""
        self.router, self.is_counted = router, kind == "M"
        if not self.is_counted:
            return
        counters, before, after = [], [], []
        for number, node in enumerate(nodes, 1):
            port = f"port{number}"
            for family, match in (("4", "ether type ip"), ("6", "ether type ip6")):
                address = f"ip daddr {node.v4}" if family == "4" else f"ip6 daddr {node.v6}"
                counters += [f"counter out_{node.name}_{family} {{}}", f"counter in_{node.name}_{family} {{}}"]
                before.append(f'iifname "{port}" {match} udp dport {PORT} counter name out_{node.name}_{family}')
                after.append(f'oifname "{port}" {address} udp dport {PORT} counter name in_{node.name}_{family}')
        lines = "\n".join
        router.run("nft", "-f", "-", input=f"""
            table bridge soak {{
                {lines(counters)}
                chain before {{ type filter hook prerouting priority 0;
                    {lines(before)}
                }}
                chain after {{ type filter hook postrouting priority 0;
                    {lines(after)}
                }}
            }}""")
        for number, node in enumerate(nodes, 1):
            node.run("ethtool", "-K", "eth0", "tso", "off", "tx-udp-segmentation", "off", "gro", "on")
            # A veth aggregates what it receives only where its other end does no segmentation.
            router.run("ethtool", "-K", f"port{number}", "tso", "off", "tx-udp-segmentation", "off")

    def read(self):
        """For each node: packets `out` and `in`, and the inner packets' bytes in them, `outBytes` and `inBytes`."""
        if not self.is_counted:
            return {}
        found = {}
        objects = json.loads(self.router.run("nft", "-j", "list", "counters", "table", "bridge", "soak").stdout)
        for entry in objects["nftables"]:
            if "counter" not in entry:
                continue
            direction, node, family = entry["counter"]["name"].split("_")
            packets = entry["counter"]["packets"]
            inner = entry["counter"]["bytes"] - packets * (V4_OVERHEAD if family == "4" else V6_OVERHEAD)
            totals = found.setdefault(node, {"out": 0, "in": 0, "outBytes": 0, "inBytes": 0})
            totals[direction] += packets
            totals[f"{direction}Bytes"] += inner
        return found
