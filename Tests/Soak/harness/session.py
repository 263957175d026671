"""A soak: rounds of traffic and disturbances, each followed by a silence in which the books are read."""

import time

from . import flows
from .events import Events
from .holdings import Holding
from .reader import Reader
from .site import Site
from .station import PORT, ask_all
from .tally import Tally

#: How long the last packets of a round may take, in seconds.
PATIENCE = 40
#: At most this share of what the machine carries is sent: what is lost for lack of processor time proves nothing.
SHARE = 0.5


class Session:
    """At least `seconds` of traffic in rounds of `round_seconds`.

    rate: packets a second of each flow. stream_rate: bytes a second of each TCP stream. Both are lowered where all of it
    would be more than half of what the machine carries. seed: of what happens when. settings, features, wire: see
    `Site`. sabotage: a `Sabotage`, to prove that loss is found. tell: prints a line of progress.
    """

    def __init__(self, seconds, *, round_seconds=30, rate=25, stream_rate=250_000, seed=0, settings=None, features="",
                 wire="M", sabotage=None, tell=print):
        self.seconds, self.round_seconds = seconds, min(round_seconds, seconds)
        self.rate, self.stream_rate, self.seed = rate, stream_rate, seed
        self.settings, self.features, self.wire = settings or {}, features, wire
        self.sabotage, self.tell = sabotage, tell

    def run(self):
        """Returns the `Books` of the last silence; of the first one that does not add up, if one does not."""
        self.site = Site(self.settings, self.features, self.wire)
        try:
            self.site.pods(each=2)
            self.prepare()
            books = self.rounds()
            if self.sabotage:
                self.sabotage.end()
            return books
        finally:
            self.site.close()

    def prepare(self):
        site = self.site
        numbered = flows.regular(site, self.rate) + flows.doomed(site, self.rate * 0.4)
        numbered += flows.strange(site, self.rate * 0.1)
        streams = flows.streams(site, self.stream_rate)
        planned = sum(flow.bits_per_second() for flow in numbered + streams)
        capacity = self.measure_capacity()
        factor = min(1, capacity * SHARE / planned)
        for flow in numbered + streams:
            flow.rate *= factor
        self.tell(f"sending {planned * factor / 1e6:.0f} Mb/s; one TCP stream alone carries {capacity / 1e6:.0f} Mb/s")
        self.about = {
            "seed": self.seed, "settings": self.settings, "features": self.features, "wire": self.wire,
            "flows": len(numbered), "streams": len(streams),
            "bitsPerSecond": round(planned * factor), "capacityBitsPerSecond": round(capacity),
        }
        self.events = Events(site, self.rate * factor, self.seed, self.tell)
        self.tally = Tally(site, self.events, numbered)
        self.silence()
        self.reader = Reader(site, self.tally)
        for flow in numbered + streams:
            flow.start()

    def measure_capacity(self):
        """Bits a second of one TCP stream between two pods, one way and then the other; the smaller of the two."""
        a, b = (self.site.stations[node][0] for node in (self.site.first, self.site.second))
        bursts = [
            sender.ask("burst", to=receiver.pod.address(4), port=PORT, seconds=1.5)
            for sender, receiver in ((a, b), (b, a))
        ]
        return min(burst["bytes"] * 8 / burst["seconds"] for burst in bursts)

    def rounds(self):
        begin = time.monotonic()
        while True:
            self.round()
            books = self.close_books()
            minutes = (time.monotonic() - begin) / 60
            self.tell(f"{minutes:5.1f} min: {books.line()}")
            self.reader.accept(books)
            if books.complaints or minutes * 60 >= self.seconds:
                books.run = {**self.about, "minutes": round(minutes, 2), "events": dict(self.events.happened),
                             "refusedSends": dict(self.tally.refused)}
                return books

    def round(self):
        ask_all(self.stations, "resume")
        if self.sabotage:
            self.sabotage.begin(self.site)
        self.events.round(self.round_seconds, self.tally.flows)
        self.silence()
        self.tally.settle()
        self.tally.end(self.events.visitors)

    def close_books(self):
        for daemon in self.site.daemons.values():
            daemon.sample()
        # A packet of the kernel's own may pass between two readings; a second attempt rules that out.
        books = self.reader.read()
        if books.complaints:
            time.sleep(1)
            books = self.reader.read()
        books.holdings = [Holding(node.name, daemon.samples) for node, daemon in self.site.daemons.items()]
        return books

    @property
    def stations(self):
        return [*self.site.all_stations(), self.site.stranger]

    def silence(self):
        """Stops all senders and waits until nothing arrives any more and every stream is confirmed."""
        ask_all(self.stations, "pause")
        deadline, before, quiet = time.monotonic() + PATIENCE, None, 0
        while quiet < 3 and time.monotonic() < deadline:
            time.sleep(0.25)
            answers = ask_all(self.stations, "counts")
            received = [answer["received"] for answer in answers]
            is_open = any(stream["isOpen"] for answer in answers for stream in answer["streams"].values())
            quiet = quiet + 1 if received == before and not is_open else 0
            before = received
