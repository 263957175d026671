"""How much memory processes hold, by the kernel's account."""

MIB = 1 << 20


def resident(pid):
    """Bytes that a process has in memory, and those of them that no file backs (heap, stacks)."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        sizes = _kilobytes(file.readlines()[1:])
    return sizes["Rss"] * 1024, sizes["Anonymous"] * 1024


def forget_peak(pid):
    """Lets `peak` begin anew with what the process holds now."""
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")


def peak(pid):
    """Bytes that a process had in memory at most since `forget_peak`."""
    with open(f"/proc/{pid}/status") as file:
        return _kilobytes(line for line in file if line.startswith("VmHWM:"))["VmHWM"] * 1024


def _kilobytes(lines):
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
