"""Any number of sites at a switch, whose links have a rate, and what carries traffic between their pods."""

import time

from lab.sandbox import Sandbox
from lab.shell import CommandFailed
from lab.traffic import ping

from .place import Place
from .wire import UPLINK, Site, connect_all

#: Seconds that the last of the sites may take until pings pass.
PATIENCE = 30
#: How much may wait at a limited link: as long as in many home routers.
QUEUE = "50ms"


class Group(Place):
    """`count` sites on the M wire, joined by a `Hub` or a mesh; the first one is the center of a hub.

    rate: megabits per second of every node's link, in either direction; None for as fast as the machine is.
    """

    def __init__(self, subject, count, rate=None):
        super().__init__(subject)
        self.rate = rate
        self.switch = Sandbox("switch")
        try:
            for number in range(1, count + 1):
                self.sites.append(Site(subject.program.node(f"node{number}"), number))
            self._lay_wires()
            if rate:
                self._limit(rate)
            subject.start(self.sites[0], self.sites[1:])
            self._await_traffic()
            self.account.adopt(subject.processes())
        except BaseException:
            self.close()
            raise

    def _lay_wires(self):
        connect_all(self.sites, self.switch, "M")

    def _limit(self, rate):
        """Both ends of every link send at most `rate`."""
        ends = [(site.node, UPLINK) for site in self.sites]
        ends += [(self.switch, f"port{site.number}") for site in self.sites]
        for place, device in ends:
            # A bucket of less than a super-packet makes the shaper cut these to the size of the wire.
            place.run("tc", "qdisc", "add", "dev", device, "root", "tbf",
                      "rate", f"{rate}mbit", "burst", "16kb", "latency", QUEUE)

    def _await_traffic(self):
        deadline = time.monotonic() + PATIENCE
        for site, next in zip(self.sites, self.sites[1:] + self.sites[:1]):
            while True:
                try:
                    ping(site.pod, self.address(next), timeout=1)
                    break
                except CommandFailed as error:
                    if time.monotonic() > deadline:
                        raise RuntimeError(f"no ping passed from {site.node.name} to {next.node.name}") from error

    def address(self, site, family=4):
        return self.subject.address(site, family)

    def close(self):
        super().close()
        self.switch.close()
