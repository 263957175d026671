"""What the pods' own logs say: every numbered packet that was sent, that arrived, and that is missing."""

from collections import Counter


class Tally:
    """All flows together, since the soak began. Counts inner packets: a datagram in four fragments is four."""

    def __init__(self, site, events, flows):
        self.site, self.events, self.flows = site, events, flows
        self.sent = self.received = 0
        #: Missing where a counter has to name each packet, by the counter's name.
        self.fated = Counter()
        #: Missing of the mortal node's flows while it had no daemon.
        self.with_the_killed = 0
        #: All other missing packets, and some examples.
        self.open, self.examples = 0, []
        #: Sends that a pod's own kernel refused, by error: never sent.
        self.refused = Counter()
        self.answers = {}

    @property
    def strangers(self):
        """What a stranger sent, by the counter that it has to end in."""
        found = Counter()
        for flow in self.flows:
            if flow.kind == "fixed":
                found[flow.fate] += flow.sent
        return found

    def settle(self):
        """Enters what was sent and received since the last silence."""
        stations = self.site.all_stations() + [self.site.stranger]
        self.answers = {station: station.ask("counts") for station in stations}
        for flow in self.flows:
            if flow.is_over:
                continue
            sent = self.answers[flow.sender]["sent"].get(str(flow.id), 0)
            begin, flow.sent = flow.sent, sent
            if flow.kind != "fixed":
                self._settle(flow, begin, sent)
        for station, answer in self.answers.items():
            for refused in answer["refused"].values():
                self.refused.update(refused)
            station.ask("forget")

    def end(self, stations):
        """Ends the flows from and to stations that will go."""
        for flow in self.flows:
            if not flow.is_over and {flow.sender, flow.receiver} & set(stations):
                flow.is_over = True
                flow.sender.ask("end", id=flow.id)

    def _settle(self, flow, begin, end):
        sent = flow.units(range(begin, end))
        self.sent += sent
        if flow.fate:
            self.fated[flow.fate] += sent
            return
        missing = flow.receiver.ask("missing", id=flow.id, kind="packet", begin=begin, end=end)
        self.received += sent - flow.units(missing)
        self._attribute(flow, missing, flow.sender.node, flow.receiver.node)
        if flow.kind == "echo":
            # The kernel answers every request that arrived.
            answered = end - begin - len(missing)
            unanswered = flow.sender.ask("missing", id=flow.id, kind="reply", begin=begin, end=end)
            lost = sorted(set(unanswered) - set(missing))
            self.sent += answered
            self.received += answered - len(lost)
            self._attribute(flow, lost, flow.receiver.node, flow.sender.node)

    def _attribute(self, flow, numbers, origin, destination):
        """Says what may have happened to packets that are missing on their way from one node to another."""
        site, ends = self.site, {origin, destination}
        if numbers and site.guest in ends:
            # Its peers drop what they have for it, and what they have from it.
            self.fated["drop.noPeer" if destination is site.guest else "drop.unknownSource"] += flow.units(numbers)
            return
        if numbers and site.mortal in ends:
            times = flow.sender.ask("times", id=flow.id, numbers=numbers)
            excused = {number for number, at in zip(numbers, times) if self.events.had_no_daemon(at)}
            self.with_the_killed += flow.units(excused)
            numbers = [number for number in numbers if number not in excused]
        if numbers:
            self.open += flow.units(numbers)
            self.examples.append(
                f"{flow.kind} over IPv{flow.family}, {origin.name} to {destination.name}, {flow.title or 'regular'}: "
                f"{len(numbers)} of the numbers up to {flow.sent}, first {numbers[:5]}")
            del self.examples[20:]

    # What the stations tell of everything else.

    def streams(self):
        return [stream for answer in self.answers.values() for stream in answer["streams"].values()]

    @property
    def duplicates(self):
        return sum(duplicates for answer in self.answers.values() for *_, duplicates in answer["received"])

    @property
    def damaged(self):
        return [text for answer in self.answers.values() for text in answer["damaged"]]
