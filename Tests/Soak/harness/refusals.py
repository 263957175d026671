"""Packets that a node refuses because it has no route: while no daemon runs, overlay routes say "unreachable".

The kernel answers those with ICMP, but keeps no counter of them for IPv4, so they are counted before and after routing.
"""

import json


class Refusals:
    def __init__(self, node):
        self.node = node
        v6, v4 = node.subnets()
        node.run("nft", "-f", "-", input=f"""
            table inet soak {{
                counter before {{}}
                counter after {{}}
                chain before {{ type filter hook prerouting priority 0;
                    iifname "cni0" ip daddr 10.192.0.0/10 ip daddr != {v4} counter name before
                    iifname "cni0" ip6 daddr fd53:7769:726c::/48 ip6 daddr != {v6} counter name before
                }}
                chain after {{ type filter hook postrouting priority 0;
                    iifname "cni0" oifname "warrens0" counter name after
                }}
            }}""")

    def count(self):
        objects = json.loads(self.node.run("nft", "-j", "list", "counters", "table", "inet", "soak").stdout)
        found = {e["counter"]["name"]: e["counter"]["packets"] for e in objects["nftables"] if "counter" in e}
        return found["before"] - found["after"]
