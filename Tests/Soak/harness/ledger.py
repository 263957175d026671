"""The accounts: what must add up, and whether it does. Pure: everything that was read comes in as values."""

from collections import Counter
from dataclasses import dataclass, field

#: Reasons for which a daemon drops what it took from the tunnel device. All others concern datagrams from the wire.
OUTBOUND = {"notUnicast", "ownDestination", "noPeer", "noEndpoint", "loop", "tooBig", "sendFailed"}
PREFIX = "drop."


def drops(counters, outbound):
    """The daemon's drops of one direction, by reason, without zeros."""
    return {
        name: value for name, value in counters.items()
        if name.startswith(PREFIX) and value and (name.removeprefix(PREFIX) in OUTBOUND) == outbound
    }


@dataclass
class Account:
    """Something that entered somewhere, and everything that became of it. `left` is what is still missing."""

    title: str
    #: The node; empty for what concerns all of them.
    place: str
    entered: int
    became: dict
    #: Where a daemon was killed: how much may have been in its hands; or, below zero, how many packets of its own the
    #: kernel had for the device in that moment.
    tolerance: int = 0
    #: How many packets more than counters say may have been lost: a device that drops a super-packet counts one.
    within: int = 0

    @property
    def left(self):
        return self.entered - sum(self.became.values())

    @property
    def balances(self):
        return -self.tolerance <= self.left <= self.tolerance + self.within

    def json(self):
        return {
            "account": self.title, "node": self.place, "entered": self.entered, "became": self.became,
            "unaccounted": self.left, "tolerance": self.tolerance,
            "withinDroppedSuperPackets": self.within, "balances": self.balances,
        }


@dataclass
class NodeReading:
    """What was read of one node, since the soak began."""

    name: str
    #: Of warrensd, all lives together.
    counters: dict
    #: Inner packets that came to the tunnel device, and the device's and uplink's drops, and UDP errors.
    queued: int
    waiting: int
    kernel: dict
    #: Datagrams on the bridge, and the bytes of the inner packets in them; None where super-packets cross it, too.
    wire: dict
    lives: int = 1
    #: How many packets a daemon that was killed since the last books may have had in its hands.
    in_hands: int = 0

    @property
    def within_dropped(self):
        """How many packets beyond the first of each the super-packets may have held that the tunnel device dropped."""
        return self.kernel["warrens0.txDropped"] * (MOST_SEGMENTS - 1)


#: Packets in one super-packet of a pod: 61,440 bytes in packets for the smallest MTU, and a train of UDP_SEGMENT.
MOST_SEGMENTS = 64

OUTER_LOSSES = ["Udp.NoPorts", "Udp.RcvbufErrors", "Udp.InCsumErrors", "Udp.MemErrors",
                "Udp6.NoPorts", "Udp6.RcvbufErrors", "Udp6.InCsumErrors", "Udp6.MemErrors",
                "eth0.rxDropped", "eth0.rxErrors"]


def outer_losses(reading):
    """Datagrams that a node's kernel kept from its daemon."""
    return {f"kernel {name}": reading.kernel[name] for name in OUTER_LOSSES if reading.kernel[name]}


def node_accounts(reading):
    """Everything that a node sent through its tunnel, and everything that came to it; packet by packet."""
    counters, kernel, wire = reading.counters, reading.kernel, reading.wire
    sent = {"on the wire": wire["out"]} if wire else {"sent by warrensd": counters["sentPackets"]}
    lost = {f"kernel {name}": kernel[name] for name in ("warrens0.txDropped", "eth0.txDropped") if kernel[name]}
    split = {"split in two": -counters["fragmented"]} if counters["fragmented"] else {}
    waits = {"waiting": reading.waiting} if reading.waiting else {}
    # Where routes outlive the daemon, the device drops what its queue, without a carrier, never counted.
    uncounted = kernel["warrens0.txDropped"] if reading.in_hands else 0
    accounts = [
        Account("into the tunnel device", reading.name, reading.queued,
                {**sent, **drops(counters, True), **lost, **split, **waits}, reading.in_hands + uncounted,
                reading.within_dropped),
    ]
    if wire:
        accounts.append(Account(
            "from the wire", reading.name, wire["in"],
            {"received": counters["receivedPackets"], **drops(counters, False), **outer_losses(reading)},
            reading.in_hands))
    if wire and reading.lives == 1:
        accounts += [
            Account("sent by warrensd", reading.name, counters["sentPackets"], {**sent, **{
                name: value for name, value in lost.items() if "eth0" in name}}),
            Account("bytes sent by warrensd", reading.name, counters["sentBytes"], {"on the wire": wire["outBytes"]}),
        ]
    return accounts


def absence_account(reading, missing, refused):
    """What pods miss because the mortal node had no daemon, and who turned it away. The rest died with the daemon."""
    return Account(
        "missing while the daemon was away", reading.name, missing,
        {"refused for want of a route": refused, "kernel warrens0.txDropped": reading.kernel["warrens0.txDropped"],
         **outer_losses(reading)}, reading.in_hands, reading.within_dropped)


def wire_account(readings, strangers):
    """The wire itself loses nothing and adds nothing. Where it cannot be counted, all nodes together are."""
    if not all(reading.wire for reading in readings):
        became = Counter()
        for reading in readings:
            became.update({"received": reading.counters["receivedPackets"], **drops(reading.counters, False)})
            became.update(outer_losses(reading))
        sent = sum(reading.counters["sentPackets"] for reading in readings)
        return Account("sent by all nodes and strangers", "", sent + strangers, dict(became))
    return Account(
        "the wire", "", sum(reading.wire["out"] for reading in readings) + strangers,
        {f"to {reading.name}": reading.wire["in"] for reading in readings},
    )


@dataclass
class PacketLedger:
    """The numbered packets of the pods: what the pods' own logs miss, against what counters say was lost.

    `fated` is what is missing of flows that a counter has to name; `open` what is missing of the others.
    """

    sent: int
    received: int
    fated: Counter
    open: int
    #: Missing of flows of the mortal node, while its daemon was dead.
    with_the_killed: int
    #: Counters of all losses, without what strangers and the kernel's own chatter caused.
    counted: Counter
    #: The same, of places where packets of the kernel's own are lost, too, as when a device comes up.
    shared: Counter = field(default_factory=Counter)
    #: What super-packets may have held that were lost there and are counted as one.
    within: int = 0
    examples: list = field(default_factory=list)

    @property
    def missing(self):
        return self.sent - self.received

    @property
    def surplus(self):
        """What the counters name beyond the packets that had to end there, or lack."""
        names = set(self.counted) | set(self.fated)
        found = {name: self.counted[name] - self.fated[name] for name in sorted(names)}
        return {name: value for name, value in found.items() if value}

    @property
    def unaccounted(self):
        """Missing packets that no counter names. Below zero: counters name packets that are not missing."""
        rest = self.open - sum(self.surplus.values())
        return rest - min(max(rest, 0), sum(self.shared.values()) + self.within)

    @property
    def unexpected(self):
        """Reasons for which `warrensd` dropped more than it should. The kernel may lose packets anywhere, by name."""
        return {name: value for name, value in self.surplus.items() if name.startswith(PREFIX) and value > 0}

    @property
    def balances(self):
        return self.unaccounted == 0 and not self.unexpected

    def json(self):
        return {
            "sent": self.sent, "received": self.received, "missing": self.missing,
            "lost": dict(sorted(self.counted.items())), "expected": dict(sorted(self.fated.items())),
            "lostOfPodsOrKernel": dict(sorted(self.shared.items())), "withinDroppedSuperPackets": self.within,
            "whileTheDaemonWasDead": self.with_the_killed, "unaccounted": self.unaccounted, "balances": self.balances,
            "examplesOfUnexpectedLoss": self.examples,
        }
