"""What of eBPF a process holds, and whether it is still in the kernel: asked of the kernel itself."""

import ctypes
import os
import platform
import re
import struct

#: bpf(2): its number, and its commands to open a program, a map and a link by number.
SYSTEM_CALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
COMMANDS = {"prog_id": 13, "map_id": 14, "link_id": 30}


def held(process):
    """The programs, maps and links that a process has open, as {(kind, number)}."""
    found = set()
    for name in os.listdir(f"/proc/{process}/fdinfo"):
        try:
            with open(f"/proc/{process}/fdinfo/{name}") as file:
                text = file.read()
        except FileNotFoundError:
            continue  # It was closed while we looked.
        found |= {(kind, int(number)) for kind, number in re.findall(r"(?m)^(prog_id|map_id|link_id):\s+(\d+)", text)}
    return found


def present(objects):
    """Those of them that the kernel still has. Numbers are not used again for a long time."""
    library = ctypes.CDLL(None, use_errno=True)
    left = set()
    for kind, number in objects:
        attributes = ctypes.create_string_buffer(struct.pack("III", number, 0, 0), 120)
        descriptor = library.syscall(SYSTEM_CALL, COMMANDS[kind], attributes, len(attributes))
        if descriptor >= 0:
            os.close(descriptor)
            left.add((kind, number))
        elif ctypes.get_errno() != 2:
            raise OSError(ctypes.get_errno(), f"cannot ask for {kind} {number}")
    return left
