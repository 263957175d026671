"""What happens to the nodes while traffic flows."""

import random
import time

from lab.pod import Pod

from .flows import between

#: A packet sent so long before a kill may still have been on its way, in seconds.
BEFORE = 0.3
#: So long after the daemon is back, the kernel may not yet have told its routes of the device's carrier.
AFTER = 2
#: How long a pod gets no processor, in seconds.
STALL = 1


class Events:
    """Lets one thing of each kind happen in a round, in random order, and remembers what the ledger has to know."""

    KINDS = {
        "kill": "daemon killed", "vanish": "node left and came back", "attach": "pod came", "ghosts": "registry changed",
        "stall": "pod got no processor",
    }

    def __init__(self, site, rate, seed, tell):
        self.site, self.rate, self.tell = site, rate, tell
        self.random = random.Random(seed)
        # A dead node's kernel counts super-packets as one.
        self.kinds = [kind for kind in self.KINDS if kind != "kill" or site.wire.is_counted]
        #: When the mortal node had no daemon, in milliseconds of the monotonic clock.
        self.absences = []
        self.happened = dict.fromkeys(self.KINDS.values(), 0)
        #: Stations in pods that came in this round.
        self.visitors = []

    def round(self, seconds, flows):
        """Takes that long, and adds the flows that begin."""
        begin = time.monotonic()
        kinds = self.random.sample(self.kinds, len(self.kinds))
        # The last one ends early enough that its traffic flows for a while.
        pause = seconds / (len(kinds) + 1)
        for position, kind in enumerate(kinds):
            wait(begin + (position + 0.5) * pause)
            getattr(self, kind)(pause, flows)
            self.happened[self.KINDS[kind]] += 1
        wait(begin + seconds)

    def kill(self, pause, _):
        """kill -9 of a daemon, which the next ADD on its node starts again."""
        site = self.site
        gone = time.monotonic()
        site.daemons[site.mortal].kill()
        time.sleep(self.random.uniform(0.2, min(2, pause / 3)))
        pod = Pod(site.mortal).attach()
        back = time.monotonic()
        pod.detach()
        pod.destroy()
        self.absences.append(((gone - BEFORE) * 1000, (back + AFTER) * 1000))
        self.tell(f"           killed warrensd of {site.mortal.name}; back {back - gone:.1f} s later, with an ADD")

    def vanish(self, pause, _):
        """A node leaves the others' node files and comes back."""
        self.site.guest_is_known = False
        self.site.announce()
        away = self.random.uniform(0.3, min(4, pause / 2))
        time.sleep(away)
        self.site.guest_is_known = True
        self.site.announce()
        self.tell(f"           {self.site.guest.name} left the node files for {away:.1f} s")

    def ghosts(self, pause, _):
        """Nodes that do not exist are listed for a while: everyone's registry changes, and nobody's traffic."""
        self.site.ghosts = self.random.randrange(1, 50)
        self.site.announce()
        self.tell(f"           the node files list {self.site.ghosts} nodes that do not exist")
        time.sleep(pause / 2)
        self.site.ghosts = 0
        self.site.announce()

    def stall(self, pause, _):
        """A pod gets no processor for a while, as on a busy machine, and then catches up: its flows come in bursts."""
        station = self.site.stations[self.site.first][0]
        with station.stopped():
            time.sleep(STALL)
        # It notes as the time of a send when it woke up for it: what it notes until now may be too early.
        time.sleep(STALL)
        self.tell(f"           {station.pod.identifier} got no processor for {STALL:.1f} s")

    def attach(self, pause, flows):
        """A pod comes and takes part in the traffic; the one of the round before goes."""
        site = self.site
        for visitor in self.visitors:
            site.close_station(visitor)
        node, other = self.random.sample([site.first, site.second], 2)
        visitor, partner = site.open_station(node), site.stations[other][1]
        self.visitors = [visitor]
        began = between(visitor, partner, self.rate) + between(partner, visitor, self.rate)
        for flow in began:
            flow.title = "with a pod that came"
            flow.start()
        flows += began
        self.tell(f"           attached {visitor.pod.identifier}")

    def had_no_daemon(self, milliseconds):
        """True where a packet that was sent at this time may have met the mortal node without its daemon."""
        return any(begin <= milliseconds <= end for begin, end in self.absences)


def wait(until):
    time.sleep(max(0, until - time.monotonic()))
