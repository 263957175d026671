"""Leases that are there already: the files of `warrens-ipam` and of `host-local`, as thousands of pods leave them."""

import copy
import ipaddress
import json
import os

LEASES = "/run/warrens/leases"
HOST_LOCAL = "/var/lib/cni/networks"


def multiply_own(node, network, count):
    """Makes `count` leases more out of the one that the network has.

    They are copies under other names and addresses, of a namespace that exists: so nothing takes them back. The state
    file goes, whereupon the next execution makes the indices (free addresses, addresses in use) from the leases anew,
    as it does after a crash.
    """
    directory = node.path(f"{LEASES}/{network}")
    (only,) = os.listdir(directory)
    with open(f"{directory}/{only}") as file:
        lease = json.load(file)
    for number in range(1, count + 1):
        other = copy.deepcopy(lease)
        other["containerID"] = f"seeded-{number}"
        for entry in other["addresses"]:
            first = ipaddress.ip_interface(entry["address"])
            entry["address"] = f"{first.ip + number}/{first.network.prefixlen}"
        key = fnv1a(f"{other['containerID']}\0{other['interfaceName']}".encode())
        with open(f"{directory}/{key:016x}.json", "w") as file:
            json.dump(other, file)
    os.unlink(node.path(f"{LEASES}/.state"))


def count_own(node, network):
    return len(os.listdir(node.path(f"{LEASES}/{network}")))


def seed_host_local(node, network, prefixes, count):
    """Makes `count` leases of one address of each prefix, and remembers the last as the next search's begin."""
    directory = node.path(f"{HOST_LOCAL}/{network}")
    os.makedirs(directory, exist_ok=True)
    for order, prefix in enumerate(map(ipaddress.ip_network, prefixes)):
        # The first address is the gateway's.
        for number in range(1, count + 1):
            with open(f"{directory}/{prefix[number + 1]}", "w") as file:
                file.write(f"seeded-{number}\r\neth0")
        with open(f"{directory}/last_reserved_ip.{order}", "w") as file:
            file.write(str(prefix[count + 1]))


def fnv1a(data):
    """FNV-1a, 64 bit."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return value
