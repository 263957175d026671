"""What each daemon holds of memory, descriptors and threads, silence after silence."""

import statistics
from dataclasses import dataclass

#: How much more memory a daemon may hold at the end, in KiB: allocators keep what they once needed.
TOLERANCE = 1024


@dataclass
class Holding:
    """One daemon's samples, one for each silence."""

    node: str
    samples: list

    def _values(self, name):
        return [getattr(sample, name) for sample in self.samples]

    @property
    def memory(self):
        """Median resident memory of the first and of the last quarter of the samples, in KiB."""
        values = self._values("memory")
        quarter = max(1, len(values) // 4)
        return statistics.median(values[:quarter]), statistics.median(values[-quarter:])

    @property
    def trend(self):
        """The slope of the memory by least squares, in KiB a minute; None with fewer than three samples."""
        if len(self.samples) < 3:
            return None
        times = [sample.at / 60 for sample in self.samples]
        return statistics.linear_regression(times, self._values("memory")).slope

    @property
    def descriptors(self):
        values = self._values("descriptors")
        return values[0], values[-1]

    @property
    def threads(self):
        values = self._values("threads")
        return values[0], values[-1]

    @property
    def balances(self):
        return (
            self.memory[1] - self.memory[0] <= TOLERANCE and self.descriptors[1] <= self.descriptors[0]
            and self.threads[1] <= self.threads[0]
        )

    def json(self):
        return {
            "node": self.node, "memoryKiB": self.memory, "memoryTrendKiBPerMinute": self.trend,
            "memorySamplesKiB": self._values("memory"), "descriptors": self.descriptors, "threads": self.threads,
            "balances": self.balances,
        }
