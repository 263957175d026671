"""The daemons: their counters over several lives, and what each holds at a moment."""

import os
import signal
import time
from collections import Counter

from lab.daemon import daemon_status


class Sample:
    """What a process holds at one moment: memory in KiB, threads, descriptors."""

    def __init__(self, pid):
        self.at = time.monotonic()
        # Exact, where the counts in /proc/PID/status lag behind by some pages for each processor.
        with open(f"/proc/{pid}/smaps_rollup") as file:
            self.memory = next(int(line.split()[1]) for line in file if line.startswith("Rss:"))
        self.threads = len(os.listdir(f"/proc/{pid}/task"))
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))


class Daemon:
    """A node's warrensd."""

    def __init__(self, node):
        self.node = node
        self.lives = 1
        #: The last counters of those that were killed.
        self.past = Counter()
        self.samples = []

    def running(self):
        return Counter(daemon_status(self.node)["counters"])

    def counters(self):
        """Counters of all lives. What a killed daemon counted after it was last asked is not in them."""
        total = Counter(self.past)
        total.update(self.running())
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
