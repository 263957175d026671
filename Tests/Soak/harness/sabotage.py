"""A loss that no counter of the ledger knows, to prove that the ledger misses those packets."""

import json


class Sabotage:
    """Drops every twentieth small datagram from the first node on its way through the second, and counts apart."""

    def __init__(self):
        self.node, self.dropped = None, 0

    def begin(self, site):
        if self.node:
            return
        self.node = site.second
        v6, v4 = site.first.subnets()
        self.node.run("nft", "-f", "-", input=f"""
            table inet sabotage {{
                counter lost {{}}
                chain forward {{ type filter hook forward priority 0;
                    ip saddr {v4} udp dport 7000 meta length < 600 numgen inc mod 20 == 0 counter name lost drop
                    ip6 saddr {v6} udp dport 7000 meta length < 600 numgen inc mod 20 == 0 counter name lost drop
                }}
            }}""")

    def end(self):
        """Notes in `dropped` how many packets were lost by it."""
        objects = json.loads(self.node.run("nft", "-j", "list", "counter", "inet", "sabotage", "lost").stdout)
        self.dropped = next(entry["counter"]["packets"] for entry in objects["nftables"] if "counter" in entry)
