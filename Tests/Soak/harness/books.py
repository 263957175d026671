"""All accounts of one moment, as text for people and as JSON for programs."""

from dataclasses import dataclass, field


@dataclass
class Books:
    accounts: list
    packets: object
    readings: list
    #: Damaged or doubled packets, broken connections.
    problems: list
    #: Kernel counters that grew, by node and pod.
    kernel: dict
    holdings: list = field(default_factory=list)
    #: How the soak was run: minutes, seed, capacity and so on.
    run: dict = field(default_factory=dict)

    @property
    def complaints(self):
        """Everything that is not as it must be, in words; empty when the soak passed."""
        found = [
            f"{account.place} {account.title}: {account.left:,} of {account.entered:,} unaccounted"
            for account in self.accounts if not account.balances
        ]
        packets = self.packets
        if packets.unaccounted > 0:
            found.append(f"{packets.unaccounted:,} packets are missing and no counter names them")
        elif packets.unaccounted < 0:
            found.append(f"counters name {-packets.unaccounted:,} lost packets that are not missing")
        if packets.unexpected:
            found.append(f"warrensd dropped packets for other reasons than it should: {packets.surplus}")
        found += self.problems
        found += [
            f"warrensd of {holding.node} grew: {holding.json()}" for holding in self.holdings if not holding.balances
        ]
        return found

    def line(self):
        """One line for each round."""
        packets, complaints = self.packets, "; ".join(self.complaints)
        return (
            f"sent {packets.sent:,}, received {packets.received:,}, missing {packets.missing:,}, "
            f"unaccounted {packets.unaccounted:,}" + (f": {complaints}" if complaints else "")
        )

    def json(self):
        return {
            "passed": not self.complaints, "complaints": self.complaints, "run": self.run,
            "packets": self.packets.json(), "accounts": [account.json() for account in self.accounts],
            "warrensd": [holding.json() for holding in self.holdings],
            "counters": {reading.name: dict(sorted(reading.counters.items())) for reading in self.readings},
            "kernel": self.kernel,
        }

    def text(self):
        """The ledger as Markdown, which reads well without being rendered, too."""
        return "\n\n".join([self._run(), self._packets(), self._accounts(), self._holdings(), self._verdict()]) + "\n"

    def _run(self):
        run = self.run
        events = ", ".join(f"{count} × {what}" for what, count in run["events"].items())
        return (
            f"{run['minutes']:.1f} minutes, wire {run['wire']}, {run['flows']} flows and {run['streams']} TCP streams, "
            f"{run['bitsPerSecond'] / 1e6:.0f} Mb/s where one TCP stream alone carries "
            f"{run['capacityBitsPerSecond'] / 1e6:.0f}; "
            f"events: {events}; seed {run['seed']}"
            + (f"; settings {run['settings']}" if run["settings"] else "")
            + (f"; features {run['features']}" if run["features"] else "")
        )

    def _packets(self):
        packets = self.packets
        rows = [["sent by the pods", packets.sent, ""], ["received by the pods", packets.received, ""],
                ["missing", packets.missing, ""]]
        for name in sorted(set(packets.counted) | set(packets.fated)):
            expected, counted = packets.fated[name], packets.counted[name]
            rows.append([f"lost: {describe(name)}", counted, "as the pods' logs say" if expected == counted
                         else f"{expected:,} by the pods' logs"])
        rows += [[f"lost: {name}", value, "perhaps of the kernel's own"] for name, value in packets.shared.items()]
        if packets.within:
            rows.append(["lost: within dropped super-packets, at most", packets.within, "a device counts each as one"])
        rows.append(["lost: while a killed daemon was away", packets.with_the_killed, "account below"])
        rows.append(["**unaccounted**", packets.unaccounted, ""])
        examples = [f"- {text}" for text in packets.examples]
        return "\n".join(["### Every packet of the pods", "", *table(["inner packets", "count", ""], rows), *examples])

    def _accounts(self):
        """One table for each kind of account, with a column for each node."""
        parts = []
        for title in dict.fromkeys(account.title for account in self.accounts):
            accounts = [account for account in self.accounts if account.title == title]
            names = dict.fromkeys(name for account in accounts for name in account.became)
            rows = [["all", *(account.entered for account in accounts)]]
            rows += [[describe(name), *(account.became.get(name, 0) for account in accounts)] for name in names]
            rows.append(["**unaccounted**", *(account.left for account in accounts)])
            if any(account.tolerance for account in accounts):
                rows.append(["· a killed daemon may have held", *(account.tolerance for account in accounts)])
            if any(account.within for account in accounts):
                rows.append(["· dropped super-packets may have held", *(account.within for account in accounts)])
            parts.append("\n".join(table([title, *(account.place for account in accounts)], rows)))
        return "\n\n".join(["### Every packet of the tunnel, place by place", *parts])

    def _holdings(self):
        rows = [
            [holding.node, *(f"{value / 1024:.2f}" for value in holding.memory),
             "–" if holding.trend is None else f"{holding.trend:+.1f}",
             " → ".join(map(str, holding.descriptors)), " → ".join(map(str, holding.threads))]
            for holding in self.holdings
        ]
        heading = ["warrensd of", "MiB at begin", "at end", "KiB/min", "descriptors", "threads"]
        return "\n".join(["### What the daemons hold", "", *table(heading, rows)])

    def _verdict(self):
        if not self.complaints:
            return "Everything adds up."
        return "\n".join(["### It does not add up", "", *(f"- {text}" for text in self.complaints)])


#: What a counter's name says, where that is not plain.
MEANINGS = {
    "Ip.InHdrErrors": "hop limit reached (Ip.InHdrErrors)",
    "Ip6.InHdrErrors": "hop limit reached (Ip6.InHdrErrors)",
    "Udp.NoPorts": "no socket on the port (Udp.NoPorts)",
    "Udp6.NoPorts": "no socket on the port (Udp6.NoPorts)",
}


def describe(name):
    bare = name.removeprefix("kernel ")
    if bare in MEANINGS:
        return MEANINGS[bare]
    return f"warrensd `{name.removeprefix('drop.')}`" if name.startswith("drop.") else name


def table(heading, rows):
    """A Markdown table whose columns line up."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in [heading, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heading))]
    numeric = [any(isinstance(row[column], int) for row in rows) for column in range(len(heading))]

    def line(row):
        padded = [cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, numeric)]
        return f"| {' | '.join(padded)} |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if right else "-") for width, right in zip(widths, numeric)) + "|"
    return [line(cells[0]), rule, *map(line, cells[1:])]
