#!/usr/bin/env python3
"""Runs the end-to-end suites, or one command, on stock Debian kernels in software emulation; see README.md."""

import argparse
import json
import os
import signal
import sys

sys.dont_write_bytecode = True

from machine.emulator import MachineFailed, execute
from machine.packages import SUITES, kernel
from suites import chosen_suites, left_out, run_suites, table

REPOSITORY = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
OUTPUT = os.path.join(REPOSITORY, ".build/kernels")


def parse():
    parser = argparse.ArgumentParser(prog="hack/test-kernel", description=__doc__)
    parser.add_argument("--kernel", choices=[*SUITES, "all"], default="all", help="(%(default)s)")
    parser.add_argument("--shell", metavar="KERNEL", choices=SUITES,
                        help="run one command on this kernel, in the current directory, and exit as it does")
    parser.add_argument("--output", metavar="DIRECTORY",
                        help="what the machine sees as /output; a directory in it for each kernel where suites run"
                             " (.build/kernels, .build/kernels/KERNEL for --shell)")
    parser.add_argument("--limit", metavar="SECONDS", type=float,
                        help="end an emulated machine after this time (600 for --shell, 5400 for suites)")
    parser.add_argument("--processors", metavar="NUMBER", type=int, default=2,
                        help="of an emulated machine; one is faster beside other work (%(default)s)")
    parser.add_argument("--fresh", action="store_true",
                        help="download the newest packages of the kernels instead of using those downloaded before")
    parser.add_argument("--report", metavar="FILE", help="write the counts to this file as JSON, as EndToEnd/run.py does")
    parser.add_argument("words", metavar="SUITE|COMMAND", nargs=argparse.REMAINDER)
    return parser, parser.parse_args()


def run_command(chosen):
    output = os.path.abspath(chosen.output or os.path.join(OUTPUT, chosen.shell))
    return execute(
        kernel(chosen.shell, fresh=chosen.fresh), chosen.words, directory=os.getcwd(), output=output,
        limit=chosen.limit or 600, processors=chosen.processors,
    )


def run_kernels(chosen):
    """Runs the suites on each kernel in turn, prints a table and tells whether every test passed."""
    suites = chosen_suites(chosen.words)
    for suite, reason in left_out(suites).items():
        print(f"LEFT OUT {suite}: {reason}", flush=True)
    counts = {}
    for name in [chosen.kernel] if chosen.kernel != "all" else SUITES:
        machine = kernel(name, fresh=chosen.fresh)
        print(f"\n== Linux {machine.release}", flush=True)
        output = os.path.join(os.path.abspath(chosen.output or OUTPUT), name)
        counts[machine.release] = run_suites(machine, suites, output, limit=chosen.limit or 5400, processors=chosen.processors)
    print(f"\n{table(counts)}")
    total = {"passed": 0, "failed": [], "skipped": []}
    for release, suites in counts.items():
        for result in suites.values():
            total["passed"] += result["passed"]
            total["failed"] += [f"{release}: {test}" for test in result["failed"]]
            total["skipped"] += [[f"{release}: {test}", reason] for test, reason in result["skipped"]]
    print("\n".join(f"FAILED {test}" for test in total["failed"]))
    print(f"{total['passed']} passed, {len(total['failed'])} failed, {len(total['skipped'])} skipped")
    if chosen.report:
        with open(chosen.report, "w") as file:
            json.dump(total, file)
    return 1 if total["failed"] or not total["passed"] else 0


def main():
    # So that we clean up on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser, chosen = parse()
    if chosen.shell and not chosen.words:
        parser.error("--shell needs a command")
    try:
        return run_command(chosen) if chosen.shell else run_kernels(chosen)
    except (MachineFailed, ValueError) as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    sys.exit(main())
