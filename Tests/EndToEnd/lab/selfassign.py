"""How a machine id becomes a node's subnets, written down a second time from PROTOCOL.md, section 1: what our executables
say is held against it."""

import ipaddress

V4_PREFIX, V4_WIDTH = ipaddress.ip_network("10.192.0.0/10"), 14
V6_PREFIX = ipaddress.ip_network("fd53:7769:726c::/48")


def node_id(machine_id):
    """FNV-1a, 64 bit, over the 32 hexadecimal digits and a line feed."""
    value = 0xCBF29CE484222325
    for byte in machine_id.encode() + b"\n":
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def index(identity):
    """Which of the IPv4 subnets a node id stands for: its xor-fold to 14 bits."""
    return (identity >> V4_WIDTH ^ identity) % 2**V4_WIDTH


def v4_subnet(identity):
    length = V4_PREFIX.prefixlen + V4_WIDTH
    return ipaddress.ip_network((int(V4_PREFIX.network_address) + (index(identity) << 32 - length), length))


def v6_subnet(identity):
    return ipaddress.ip_network((int(V6_PREFIX.network_address) + (identity << 16), 112))
