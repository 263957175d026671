"""What of eBPF a process holds, whether it is still in the kernel, and what maps hold: asked of the kernel itself."""

import ctypes
import os
import platform
import re
import struct

#: bpf(2): its number, and its commands to read a map, to open what is pinned, and to open a program, a map and a link by
#: number.
SYSTEM_CALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
LOOK_UP, OPEN_PINNED = 1, 7
COMMANDS = {"prog_id": 13, "map_id": 14, "link_id": 30}
LIBRARY = ctypes.CDLL(None, use_errno=True)


def command(number, attributes):
    """Executes a command of bpf(2) and returns its answer."""
    room = ctypes.create_string_buffer(attributes, 120)
    answer = LIBRARY.syscall(SYSTEM_CALL, number, room, len(room))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def per_processor_sums(path, count):
    """The first entries of the array at a pin, numbers of 64 bits for each processor, as the sums over all processors."""
    with open("/sys/devices/system/cpu/possible") as file:
        processors = int(re.split("[-,]", file.read().strip())[-1]) + 1
    name = ctypes.create_string_buffer(path.encode())
    descriptor = command(OPEN_PINNED, struct.pack("QII", ctypes.addressof(name), 0, 0))
    try:
        key, values = ctypes.c_uint32(), (ctypes.c_uint64 * processors)()
        sums = []
        for index in range(count):
            key.value = index
            command(LOOK_UP, struct.pack("IIQQQ", descriptor, 0, ctypes.addressof(key), ctypes.addressof(values), 0))
            sums.append(sum(values))
        return sums
    finally:
        os.close(descriptor)


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
    left = set()
    for kind, number in objects:
        try:
            os.close(command(COMMANDS[kind], struct.pack("III", number, 0, 0)))
            left.add((kind, number))
        except FileNotFoundError:
            continue
    return left
