"""Nodes that nobody can call: behind a router that masquerades, lets in answers alone, and soon forgets whom they go to."""

import json
import time

from lab.case import FAMILIES, ClusterCase
from lab.datagrams import send_train, station, whole_train
from lab.node import NODE_FILE, Node
from lab.pod import Pod
from lab.shell import PATIENCE
from lab.traffic import Capture, call, listening
from lab.underlay import FAR_V4, FAR_V6, ROUTER

PORT = 7600

#: The router's: what comes from afar is let in only as an answer. The second node's port is mapped to another one.
ROUTER_RULES = """
table inet nat {{
    chain out {{
        type nat hook postrouting priority srcnat;
        oifname far ip saddr {second} udp sport 31337 snat ip to {public}:40002
        oifname far masquerade
    }}
    chain input {{
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iifname wire accept
    }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname wire accept
    }}
}}
"""

#: A node's own: nothing comes in but answers.
HOST_RULES = """
table inet host {
    chain input {
        type filter hook input priority filter; policy drop;
        iif lo accept
        ct state established,related accept
        meta l4proto { icmp, ipv6-icmp } accept
    }
}
"""


class BehindNAT(ClusterCase):
    """Two nodes behind the router, and one in front of it whose port is open."""

    nodes = 2
    datapaths = ("ebpf", "ebpf")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        underlay = cls.cluster.underlay
        cls.near, cls.mapped = cls.cluster.nodes
        cls.far = Node("far")
        cls.addClassCleanup(cls.far.close)
        cls.far.v4, cls.far.v6 = underlay.join_behind(cls.far)
        public = FAR_V4.format(ROUTER)
        underlay.router.run("nft", "-f", "-", input=ROUTER_RULES.format(second=cls.mapped.v4, public=public))
        behind, open_ = cls.datapaths
        endpoints = {cls.near: f"{public}:31337", cls.mapped: f"{public}:40002", cls.far: f"{cls.far.v4}:31337"}
        items = [
            node.entry(outside="4", annotations={"warrens.io/endpoints": endpoint})
            for node, endpoint in endpoints.items()
        ]
        for node in endpoints:
            node.write(NODE_FILE, json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
            node.settings(datapath=open_ if node is cls.far else behind)
            if node is not cls.far:
                node.run("nft", "-f", "-", input=HOST_RULES)
        cls.pods = {node: Pod(node).attach() for node in endpoints}
