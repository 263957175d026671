"""Makes up a large cluster, whose nodes have settled all clashes among themselves."""

import random
import uuid

from ..selfassign import index, node_id, v4_subnet, v6_subnet
from .objects import node


def made_up(count, avoid=(), seed=1):
    """Yields nodes of different IPv4 subnets with their annotations, as `warrens-nodes` on each has published them.

    avoid: machine ids of further nodes, whose subnets must not be taken.
    """
    source = random.Random(seed)
    taken = {index(node_id(machine)) for machine in avoid}
    for number in range(count):
        while True:
            machine = uuid.UUID(int=source.getrandbits(128)).hex
            identity = node_id(machine)
            if index(identity) not in taken:
                break
        taken.add(index(identity))
        # From the prefix for benchmarks, RFC 2544.
        third, fourth = divmod(number, 250)
        addresses = [
            ("InternalIP", f"198.18.{third}.{fourth + 1}"),
            ("InternalIP", f"2001:db8:ffff::{number + 1:x}"),
            ("Hostname", f"made-up-{number}"),
        ]
        yield node(f"made-up-{number}", machine, addresses, {
            "warrens.io/node-id": f"{identity:016x}",
            "warrens.io/subnets": f"{v6_subnet(identity)},{v4_subnet(identity)}",
            "warrens.io/claim": f"generation=0,since=2026-01-{number % 28 + 1:02}T12:00:00Z",
            "warrens.io/features": "ebpf,zero-checksum6",
        })
