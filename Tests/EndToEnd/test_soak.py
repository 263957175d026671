"""Two minutes of hack/soak: every packet is accounted for; and a secret loss, which the ledger has to notice."""

import os
import sys
import time
import unittest
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../Soak"))

from harness.ledger import Account, PacketLedger
from harness.sabotage import Sabotage
from harness.session import Session
from lab.case import measured

SEED = int(os.environ.get("WARRENS_SEED") or time.time())


class Soak(unittest.TestCase):
    def test_every_packet_is_accounted_for(self):
        print(f"seed {SEED} (WARRENS_SEED)")
        books = Session(110, round_seconds=36, seed=SEED).run()
        print(books.text())
        self.assertEqual(books.complaints, [])
        packets = books.packets
        self.assertGreater(packets.received, 10_000)
        for reason in ("noPeer", "noEndpoint", "tooBig", "unknownSource"):
            self.assertGreater(packets.counted[f"drop.{reason}"], 0)
        self.assertGreater(sum(reading.counters["fragmented"] for reading in books.readings), 0)
        measured(f"{packets.sent:,} numbered packets, {packets.missing:,} of them lost under a name, 0 unaccounted")

    def test_a_secret_loss_is_noticed(self):
        sabotage = Sabotage()
        books = Session(8, round_seconds=8, seed=SEED, sabotage=sabotage).run()
        self.assertGreater(sabotage.dropped, 10)
        self.assertEqual(books.packets.unaccounted, sabotage.dropped, books.text())
        self.assertNotEqual(books.complaints, [])


class Ledger(unittest.TestCase):
    """The arithmetic alone."""

    def ledger(self, missing, fated, counted, open=0):
        return PacketLedger(100, 100 - missing, Counter(fated), open, 0, Counter(counted))

    def test_loss_under_its_name_balances(self):
        self.assertTrue(self.ledger(5, {"drop.noPeer": 5}, {"drop.noPeer": 5}).balances)

    def test_unexpected_loss_that_a_counter_names_balances(self):
        self.assertTrue(self.ledger(2, {}, {"Udp.RcvbufErrors": 2}, open=2).balances)

    def test_loss_on_the_way_to_its_counter_balances(self):
        self.assertTrue(self.ledger(5, {"drop.noPeer": 5}, {"drop.noPeer": 3, "Udp.RcvbufErrors": 2}).balances)

    def test_loss_without_a_name_does_not(self):
        ledger = self.ledger(3, {}, {"Udp.RcvbufErrors": 2}, open=3)
        self.assertEqual((ledger.unaccounted, ledger.balances), (1, False))

    def test_a_place_that_also_loses_the_kernels_packets_explains_no_more_than_it_counts(self):
        for missing, unaccounted in ((0, 0), (2, 0), (3, 0), (4, 1)):
            ledger = PacketLedger(9, 9 - missing, Counter(), missing, 0, Counter(), Counter({"eth0.txDropped": 3}))
            self.assertEqual(ledger.unaccounted, unaccounted)

    def test_a_dropped_super_packet_explains_what_it_may_have_held_and_no_more(self):
        for missing, unaccounted in ((8, 0), (66, 0), (67, 1)):
            ledger = PacketLedger(
                99, 99 - missing, Counter(), missing, 0, Counter(), Counter({"warrens0.txDropped": 3}), within=63)
            self.assertEqual(ledger.unaccounted, unaccounted)
        for lost, balances in ((9, False), (10, True), (73, True), (74, False)):
            account = Account("", "", lost, {"kernel warrens0.txDropped": 10}, within=63)
            self.assertEqual(account.balances, balances, lost)

    def test_loss_under_a_wrong_name_does_not(self):
        ledger = self.ledger(5, {"drop.noPeer": 5}, {"drop.loop": 5})
        self.assertEqual((ledger.unaccounted, ledger.balances), (0, False))

    def test_a_counter_without_a_loss_does_not(self):
        self.assertFalse(self.ledger(0, {}, {"drop.malformed": 1}).balances)

    def test_an_account_balances_to_the_packet(self):
        self.assertTrue(Account("", "", 10, {"received": 7, "lost": 3}).balances)
        for received in (6, 8):
            self.assertFalse(Account("", "", 10, {"received": received, "lost": 3}).balances)
