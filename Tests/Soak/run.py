#!/usr/bin/env python3
"""Runs a soak and prints its ledger; see README.md."""

import argparse
import json
import random
import sys

sys.dont_write_bytecode = True

from harness.sabotage import Sabotage
from harness.session import Session


def main():
    parser = argparse.ArgumentParser(prog="hack/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2, help="how long traffic flows, at least (%(default)s)")
    parser.add_argument("--round", type=float, default=30, metavar="SECONDS",
                        help="between two silences in which the books are read (%(default)s)")
    parser.add_argument("--rate", type=float, default=25, help="packets a second of each flow, at most (%(default)s)")
    parser.add_argument("--stream-rate", type=float, default=250_000, metavar="BYTES",
                        help="bytes a second of each TCP stream, at most (%(default)s)")
    parser.add_argument("--seed", type=int, help="of what happens when; printed, and random by default")
    parser.add_argument("--datapath", choices=["auto", "tun", "ebpf"],
                        help="of every node, with the features that it takes for all traffic")
    parser.add_argument("--settings", type=json.loads, default={}, metavar="JSON", help="more settings for every node's warrens.json")
    parser.add_argument("--features", metavar="LIST", help="every node's annotation warrens.io/features")
    parser.add_argument("--wire", choices=["M", "S"], default="M",
                        help="M: packets of MTU size cross it, each of which is counted; S: super-packets do, and no "
                             "daemon is killed (%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the ledger as JSON, too")
    parser.add_argument("--sabotage", action="store_true",
                        help="lose packets in a way that the ledger does not know: it must complain")
    chosen = parser.parse_args()
    seed = random.randrange(1 << 32) if chosen.seed is None else chosen.seed
    sabotage = Sabotage() if chosen.sabotage else None
    print(f"seed {seed}", flush=True)

    settings, features = chosen.settings, chosen.features or ""
    if chosen.datapath:
        settings = {"datapath": chosen.datapath, **settings}
    if chosen.datapath == "ebpf" and chosen.features is None:
        features = "ebpf,zero-checksum6"

    def tell(line):
        print(line, flush=True)

    books = Session(
        chosen.minutes * 60, round_seconds=chosen.round, rate=chosen.rate, stream_rate=chosen.stream_rate,
        seed=seed, settings=settings, features=features, wire=chosen.wire,
        sabotage=sabotage, tell=tell,
    ).run()
    print(f"\n{books.text()}", flush=True)
    if chosen.json:
        with open(chosen.json, "w") as file:
            json.dump(books.json(), file, indent=2)
    if sabotage:
        print(f"{sabotage.dropped} packets were lost by sabotage", flush=True)
    return 1 if books.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
