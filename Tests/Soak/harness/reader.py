"""Reads all counters of all nodes and pods, and makes accounts of them."""

from collections import Counter

from . import kernel
from .books import Books
from .ledger import Account, NodeReading, PacketLedger, absence_account, node_accounts, wire_account
from .refusals import Refusals

TUNNEL = "warrens0"
#: How many packets may be in a daemon's hands when it is killed, in each direction: read and not yet written, or in a
#: queue of its socket or device while the process dies.
IN_HANDS = 128
#: Counters that packets of the kernel's own raise, too.
SHARED = (".OutDiscards", ".rxDropped", ".txDropped", ".rxErrors", ".txErrors")


class Reader:
    """Counts from the moment of its making, which must be a silent one."""

    def __init__(self, site, tally):
        self.site, self.tally = site, tally
        self.refusals = Refusals(site.mortal)
        #: What earlier kills left open, by account.
        self.residues = {}
        #: The last reading of each namespace, by node and station (None: the node's own), also of those that are gone.
        self.namespaces = {}
        self._read_namespaces()
        self.base = {key: Counter(values) for key, values in self.namespaces.items()}
        self.base_wire, self.base_backlog = site.wire.read(), kernel.backlog_drops()
        self.base_queued = {node: self._entered(node) for node in site.nodes}
        self.base_daemons = {node: site.daemons[node].counters() for node in site.nodes}

    def _read_namespaces(self):
        for node in self.site.nodes:
            places = {(node, None): node.init}
            places |= {(node, station): station.pid for station in self.site.stations[node]}
            for key, pid in places.items():
                # Devices that are gone keep their last counts.
                self.namespaces[key] = {**self.namespaces.get(key, {}), **kernel.losses(pid)}

    def kernel_changes(self):
        """What each namespace's counters grew by; nothing where none did."""
        found = {}
        for key, values in self.namespaces.items():
            base = self.base.get(key, {})
            grown = {name: value - base.get(name, 0) for name, value in values.items()}
            found[key] = Counter({name: value for name, value in grown.items() if value})
        return found

    def read(self):
        """The books of this moment. Everything must be silent."""
        self._read_namespaces()
        changes, wire = self.kernel_changes(), self.site.wire.read()
        readings = [self._node(node, changes[node, None], wire.get(node.name)) for node in self.site.nodes]
        tally = self.tally
        accounts = [account for reading in readings for account in node_accounts(reading)]
        accounts.append(wire_account(readings, sum(tally.strangers.values())))
        mortal = next(reading for reading in readings if reading.name == self.site.mortal.name)
        accounts.append(absence_account(mortal, tally.with_the_killed, self.refusals.count()))
        streams = tally.streams()
        accounts.append(Account(
            "TCP streams, bytes", "", sum(stream["bytes"] for stream in streams),
            {"confirmed with the same checksum": sum(stream["confirmed"] for stream in streams)}))
        for account in accounts:
            if account.tolerance:
                account.tolerance += abs(self.residues.get((account.title, account.place), 0))
        counted, shared = self._losses(readings, changes)
        packets = PacketLedger(
            tally.sent, tally.received, tally.fated, tally.open, tally.with_the_killed, counted, shared,
            sum(reading.within_dropped for reading in readings if reading.name != mortal.name), tally.examples)
        problems = tally.damaged + [error for stream in streams for error in stream["errors"]]
        if tally.duplicates:
            problems.append(f"{tally.duplicates} packets arrived twice")
        return Books(accounts, packets, readings, problems, self._notes(changes))

    def accept(self, books):
        """Takes what these books leave open for explained: the next ones get no more than one kill's tolerance on top."""
        self.residues = {(account.title, account.place): account.left for account in books.accounts}

    def _node(self, node, changes, wire):
        daemon, queue = self.site.daemons[node], kernel.queue(node, TUNNEL)
        counters = daemon.counters()
        counters.subtract(self.base_daemons[node])
        return NodeReading(
            name=node.name, counters=counters, kernel=changes, lives=daemon.lives,
            queued=self._entered(node) - self.base_queued[node], waiting=queue["qlen"],
            wire=wire and {name: value - self.base_wire[node.name][name] for name, value in wire.items()},
            in_hands=IN_HANDS if daemon.lives > 1 else 0)

    def _entered(self, node):
        """Packets for the tunnel device: those that programs take before its queue, and those that come into it."""
        programs = self.site.daemons[node].programs()
        return kernel.queue(node, TUNNEL)["packets"] + programs["sentPackets"] + programs["drop.sendFailed"]

    def _losses(self, readings, changes):
        """Everything that any counter says was lost of the pods' packets, by the counter's name; and what may as well
        have been the kernel's own."""
        counted, shared = Counter(), Counter()
        for reading in readings:
            counted.update({
                name: value for name, value in reading.counters.items()
                # What the kernel itself sends to groups was no pod's.
                if name.startswith("drop.") and name != "drop.notUnicast"
            })
        counted.subtract(self.tally.strangers)
        for (node, station), grown in changes.items():
            # What the mortal node lost without a daemon has an account of its own.
            if node is self.site.mortal and station is None:
                continue
            for name, value in grown.items():
                if name.endswith(".OutDiscards") and station is None:
                    # A send is refused once for every ICMP error that waits at warrensd's socket. It sends again, or
                    # counts `sendFailed`; whether that is so, the account of its datagrams tells.
                    continue
                (shared if name.endswith(SHARED) else counted)[name] += value
        return Counter({name: value for name, value in counted.items() if value}), shared

    def _notes(self, changes):
        """Kernel counters that grew, by place, for people. The processors' queues are those of the whole machine."""
        notes = {"processors' queues": {"dropped": kernel.backlog_drops() - self.base_backlog}}
        for (node, station), grown in changes.items():
            if grown:
                notes[f"{node.name} {station.pod.name}" if station else node.name] = dict(sorted(grown.items()))
        return notes
