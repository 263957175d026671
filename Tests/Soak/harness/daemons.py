"""The daemons: their counters over several lives, and what each holds at a moment."""

import glob
import os
import signal
import time
from collections import Counter

from lab.bpf import per_processor_sums
from lab.daemon import daemon_status

#: What the kernel's programs count, in the order of the map: Sources/NetlinkShim/bpf/include/datapath_layout.h.
OF_PROGRAMS = [
    "sentPackets", "sentBytes", "receivedPackets", "receivedBytes", "bypassedSent", "bypassedReceived", "declinedSent",
    "declinedReceived", "drop.sendFailed", "drop.martian", "drop.ownSource", "drop.unknownSource",
    "drop.spoofedSource", "drop.notForUs", "drop.congestion", "drop.deliveryFailed",
]


class Sample:
    """What a process holds at one moment: memory in KiB, threads, descriptors."""

    def __init__(self, pid):
        self.at = time.monotonic()
        # Exact, where the counts in /proc/PID/status lag behind by some pages for each processor.
        with open(f"/proc/{pid}/smaps_rollup") as file:
            self.memory = next(int(line.split()[1]) for line in file if line.startswith("Rss:"))
        self.threads = len(os.listdir(f"/proc/{pid}/task"))
        # The fewest of some looks: connections of those who have just asked it for its status are still being closed.
        self.descriptors = min(self.look(pid) for _ in range(10))

    @staticmethod
    def look(pid):
        time.sleep(0.02)
        return len(os.listdir(f"/proc/{pid}/fd"))


class Daemon:
    """A node's warrensd."""

    def __init__(self, node):
        self.node = node
        self.lives = 1
        #: The last counters of those that were killed.
        self.past = Counter()
        self.samples = []

    def programs(self):
        """What the kernel's programs have counted, whoever loaded them; nothing where user space carries packets."""
        pins = glob.glob(self.node.path("/run/warrens/bpf/map-*-counters"))
        return Counter(dict(zip(OF_PROGRAMS, per_processor_sums(pins[0], len(OF_PROGRAMS))))) if pins else Counter()

    def running(self):
        """What the present process has counted itself: its answer contains what the programs have."""
        while True:
            before = self.programs()
            counters = Counter(daemon_status(self.node)["counters"])
            if self.programs() == before:
                counters.subtract(before)
                return counters

    def counters(self):
        """Counters of all lives and of the programs, which outlive them. What a killed daemon counted after it was last
        asked is not in them."""
        total = Counter(self.past)
        total.update(self.running())
        total.update(self.programs())
        return total

    def kill(self):
        """kill -9, right after it was asked for its counters."""
        (pid,) = self.node.daemons()
        last = self.running()
        os.kill(pid, signal.SIGKILL)
        self.past.update(last)
        self.lives += 1

    def sample(self):
        (pid,) = self.node.daemons()
        self.samples.append(Sample(pid))
