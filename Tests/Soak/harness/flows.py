"""Which traffic the soak consists of, and what shall become of it."""

import ipaddress
import itertools
import struct
from dataclasses import dataclass, field

from lab.case import FAMILIES

from .site import MTU, NARROW_MTU
from .station import PORT

#: Payload sizes in bytes: from a bare number to the largest that fits the overlay's MTU in both families.
SIZES = [20, 1404, 64, 700, 128, 1200, 333, 1404, 20, 999]
#: Payloads that the pod's kernel splits.
SPLIT_SIZES = [1500, 2900, 4500, 8900]
#: The datagrams of a super-packet are of one size.
TRAIN_SIZES = [1404]
#: Payloads that fit the overlay's MTU but not a narrow path, and those that fit it, too.
WIDE_SIZES = [1350, 1400]
NARROW_SIZES = [size for size in SIZES if size + 48 <= NARROW_MTU - 28]

_identities = itertools.count(1)


def pieces(size, family):
    """How many inner packets one UDP payload becomes (RFC 791 section 3.2, RFC 8200 section 4.5)."""
    header, fragment_header = (20, 0) if family == 4 else (40, 8)
    data = size + 8
    if header + data <= MTU:
        return 1
    room = (MTU - header - fragment_header) & ~7
    return -(-data // room)


@dataclass(eq=False)
class Flow:
    """Numbered packets from one station to another, or to where nobody is.

    `fate` names the counter that every packet ends in; None for packets that shall arrive. Those of a `fixed` flow bear
    no number.
    """

    kind: str
    family: int
    sender: object
    to: str
    rate: float
    receiver: object = None
    port: int = PORT
    sizes: list = field(default_factory=lambda: SIZES)
    fate: str = None
    title: str = ""
    more: dict = field(default_factory=dict)
    #: How many were sent up to the last silence.
    sent: int = 0
    is_over: bool = False

    def __post_init__(self):
        self.id = next(_identities)

    def start(self):
        self.sender.ask(
            "flow", id=self.id, kind=self.kind, to=self.to, port=self.port, sizes=self.sizes, rate=self.rate,
            **self.more,
        )

    def units(self, numbers):
        """How many inner packets these numbers stand for."""
        if self.kind != "udp":
            return len(numbers)
        return sum(pieces(self.sizes[number % len(self.sizes)], self.family) for number in numbers)

    def bits_per_second(self):
        """On the wire, about; echo requests come back."""
        size = sum(self.sizes) / len(self.sizes) + 60
        return self.rate * size * 8 * {"echo": 2, "train": 8}.get(self.kind, 1)


@dataclass(eq=False)
class Stream:
    """A TCP connection for each round, at most `rate` bytes a second."""

    sender: object
    receiver: object
    family: int
    rate: float
    #: How much is written at once: large writes become super-packets, small ones do not.
    chunk: int
    kind = "tcp"

    def __post_init__(self):
        self.id = next(_identities)

    def start(self):
        self.sender.ask(
            "flow", id=self.id, kind="tcp", to=self.receiver.pod.address(self.family), port=PORT, rate=self.rate,
            chunk=self.chunk,
        )

    def bits_per_second(self):
        return self.rate * 8


def between(sender, receiver, rate, *, kinds=("udp", "echo"), sizes=SIZES, title="", is_narrow=False):
    """One flow of each kind and family. Over a narrow path, IPv6 has to keep to what fits; IPv4 is split."""
    return [
        Flow(kind, family, sender, receiver.pod.address(family), rate, receiver, title=title,
             sizes=NARROW_SIZES if is_narrow and family == 6 else sizes)
        for kind in kinds for family in FAMILIES
    ]


def regular(site, rate):
    """All numbered packets that shall arrive. `rate` is packets a second of each flow."""
    found = []
    for one, other in itertools.permutations(site.nodes, 2):
        # What the one loses while it is away, and the other because it was killed, could not be told apart.
        if {one, other} == {site.guest, site.mortal}:
            continue
        senders, receivers = site.stations[one], site.stations[other]
        sender, receiver = senders[other.number % len(senders)], receivers[one.number % len(receivers)]
        found += between(sender, receiver, rate, is_narrow={one, other} == {site.second, site.guest})
    a, b = site.stations[site.first][0], site.stations[site.second][0]
    for sender, receiver in ((a, b), (b, a)):
        found += between(sender, receiver, rate * 0.4, kinds=["udp"], sizes=SPLIT_SIZES, title="in fragments")
        found += between(sender, receiver, rate * 0.4, kinds=["train"], sizes=TRAIN_SIZES, title="in super-packets")
    # Onto the narrow path, where warrensd splits each of the super-packet's datagrams.
    c = site.stations[site.guest][0]
    found.append(Flow("train", 4, b, c.pod.address(4), rate * 0.2, c, sizes=TRAIN_SIZES, title="to be split"))
    return found


def streams(site, rate):
    """`rate` is bytes a second of each. Only where nothing is to be lost: TCP does not number what is lost."""
    a, b = (site.stations[node][0] for node in (site.first, site.second))
    return [
        Stream(sender, receiver, family, rate, chunk)
        for sender, receiver in ((a, b), (b, a)) for family in FAMILIES for chunk in (1, 60_000)
    ]


def doomed(site, rate):
    """What cannot arrive, and the counter that has to say so."""
    sender, far = site.stations[site.first][0], site.stations[site.second][0]
    found = []
    for family in FAMILIES:
        protocol, control = ("Ip", "Udp") if family == 4 else ("Ip6", "Udp6")

        def add(to, fate, title, **options):
            found.append(Flow("udp", family, sender, to, rate, fate=fate, title=title, **options))

        pod = far.pod.address(family)
        # warrensd hands packets that follow each other to the kernel as one super-packet, whose loss the kernel counts
        # as one (`SegmentRun`). It joins only what differs in nothing.
        apart = {"apart": True}
        add(site.address_of("nobody", family), "drop.noPeer", "to a subnet that no node claims")
        add(site.address_of("silent", family), "drop.noEndpoint", "to a node without an address")
        add(site.address_of("narrow", family), "drop.tooBig", "longer than the path carries, not to be split",
            sizes=WIDE_SIZES, more={"whole": True})
        add(pod, f"{protocol}.InHdrErrors", "hop limit of 1", more={"hops": 1, **apart})
        add(pod, f"{protocol}.InHdrErrors", "hop limit of 2", more={"hops": 2, **apart})
        add(pod, f"{control}.NoPorts", "to a closed port", port=9, more=apart)
    return found


def strange(site, rate):
    """Datagrams that a stranger on the wire sends to the first node's tunnel port."""
    ours, neighbour = (station.pod for station in site.stations[site.first][:2])
    peer = site.stations[site.second][0].pod
    found = []
    for family in FAMILIES:
        def inner(source, destination):
            return packet(family, source, destination)

        a, b, p = (pod.address(family) for pod in (ours, neighbour, peer))
        nobody = site.address_of("nobody", family)
        kinds = {
            "drop.spoofedSource": inner(p, a),
            "drop.unknownSource": inner(nobody, a),
            "drop.ownSource": inner(b, a),
            "drop.notForUs": inner(p, nobody),
            "drop.martian": inner("127.0.0.1" if family == 4 else "::1", a),
            "drop.malformed": inner(p, a)[:-1],
            "drop.unknownFormat": b"\x20 what is this?",
            "drop.control": b"WARRENS",
            "drop.encrypted": b"\x01\0\0\0" + bytes(144),
            "drop.otherFraming": b"\x0c\0\0\x01" + bytes(4) + inner(p, a),
        }
        for fate, payload in kinds.items():
            node = site.first.v4 if family == 4 else site.first.v6
            found.append(Flow(
                "fixed", family, site.stranger, node, rate, port=31337, sizes=[len(payload)], fate=fate,
                title="from a stranger", more={"bytes": payload.hex()}))
    return found


def packet(family, source, destination):
    """A minimal UDP packet. Its checksums are wrong, which no tunnel looks at."""
    payload = struct.pack("!HHHH", 9, 9, 12, 0) + b"hole"
    addresses = b"".join(ipaddress.ip_address(address).packed for address in (source, destination))
    if family == 4:
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, 17, 0) + addresses + payload
    return struct.pack("!IHBB", 6 << 28, len(payload), 17, 64) + addresses + payload
