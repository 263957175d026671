"""Nodes, wires and pods made of Linux namespaces, in which the executables are driven as a container runtime drives them.

Nothing here knows how the executables work inside: kernel state is read with `ip -j`, `nft -j` and `conntrack`.
"""
