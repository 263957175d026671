"""Processor time of the processes under test, and of what the kernel does for them in its own threads.

A control group holds client, server and daemons: system calls, copies and the softirqs that run at the end of their
own system calls are charged to it. What the kernel defers to `ksoftirqd` is added from these threads' own accounts.
Not covered: softirqs on top of the idle task or of a foreign process. So the whole machine's busy time is kept beside
it as the upper bound, and what neither explains is reported as foreign load.
"""

import glob
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass

#: Where control groups can be made that count processor time: version 1 and version 2, alone or beside version 1.
HIERARCHIES = ["/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
#: Of the groups' names, which the number of the process that made them follows.
PREFIX = "warrens-bench"
_FIGURES = {1: "cpuacct.usage", 2: "cpu.stat"}
_numbers = iter(range(1, 1 << 30))


def version(hierarchy):
    """The version of control groups whose processor time a hierarchy counts; None when it counts none."""
    return next((number for number, name in _FIGURES.items() if os.path.exists(os.path.join(hierarchy, name))), None)


def sweep():
    """Removes the groups of runs that were killed, for which nobody else does it."""
    for path in (path for hierarchy in HIERARCHIES for path in glob.glob(f"{hierarchy}/{PREFIX}-*")):
        if not os.path.exists(f"/proc/{os.path.basename(path).split('-')[2]}"):
            with suppress(OSError):  # Another run was faster, or a member has not ended yet.
                os.rmdir(path)


class Account:
    """A control group of its own, of version 1 (cpuacct) or 2 (cpu.stat)."""

    def __init__(self, parent=None):
        parent = parent or next(filter(version, HIERARCHIES), None)
        if parent is None:
            raise RuntimeError(f"no control groups that count processor time are mounted at {', '.join(HIERARCHIES)}")
        self.version = version(parent)
        self.path = os.path.join(parent, f"{PREFIX}-{os.getpid()}-{next(_numbers)}")
        os.mkdir(self.path)

    def enter(self, *words):
        """The words of a command that enters the group, then executes `words`; sandboxes see the group's path, too."""
        # Zero stands for the writer itself, whatever its number is in the sandbox's process namespace.
        return ["sh", "-c", 'echo 0 >"$0" && exec "$@"', os.path.join(self.path, "cgroup.procs"), *words]

    def adopt(self, pids):
        """Takes running processes in, by their identifiers as seen from outside of the sandboxes."""
        for pid in pids:
            try:
                with open(os.path.join(self.path, "cgroup.procs"), "w") as file:
                    file.write(str(pid))
            except ProcessLookupError:
                continue  # It ended while we looked.

    def seconds(self):
        """Processor seconds that the members have used, those that have ended included."""
        with open(os.path.join(self.path, _FIGURES[self.version])) as file:
            if self.version == 1:
                return int(file.read()) / 1e9
            return int(dict(line.split() for line in file)["usage_usec"]) / 1e6

    def close(self):
        """Removes the group, once its members have ended."""
        deadline = time.monotonic() + 5
        while os.path.isdir(self.path):
            try:
                os.rmdir(self.path)
            except OSError:
                if time.monotonic() > deadline:
                    return  # A member that does not end costs an empty directory, no result.
                time.sleep(0.05)


def softirq_threads():
    """The `ksoftirqd` threads, one for each processor."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/comm") as file:
                if file.read().startswith("ksoftirqd/"):
                    found.append(int(entry))
        except (FileNotFoundError, ProcessLookupError):
            continue  # It ended while we looked.
    return found


def softirq_seconds(threads):
    """Processor seconds that these threads have used since the start of the machine."""
    total = 0
    for thread in threads:
        with open(f"/proc/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def busy_and_stolen(text):
    """Seconds that all processors were busy, and seconds that the hypervisor gave to others, by the text of /proc/stat."""
    ticks = [int(word) for word in text.splitlines()[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, stolen = ticks[:8]
    per_second = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / per_second, stolen / per_second


@dataclass
class Usage:
    """What a measurement took, in seconds."""

    wall: float = 0
    group: float = 0
    softirq: float = 0
    busy: float = 0
    stolen: float = 0

    @property
    def cpu(self):
        """Processor seconds of the processes under test and of the kernel's softirq threads."""
        return self.group + self.softirq

    @property
    def foreign(self):
        """Processors that others kept busy meanwhile, on average: stolen time included."""
        return max(0.0, self.busy - self.cpu + self.stolen) / self.wall if self.wall else 0.0


@contextmanager
def metered(account):
    """Yields a `Usage` that is filled in when the block ends."""
    usage, threads = Usage(), softirq_threads()

    def reading():
        with open("/proc/stat") as file:
            busy, stolen = busy_and_stolen(file.read())
        return time.monotonic(), account.seconds(), softirq_seconds(threads), busy, stolen

    before = reading()
    try:
        yield usage
    finally:
        differences = [later - earlier for earlier, later in zip(before, reading())]
        usage.wall, usage.group, usage.softirq, usage.busy, usage.stolen = differences
