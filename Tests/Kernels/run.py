#!/usr/bin/env python3
"""Runs the end-to-end suites, or one command, on stock Debian kernels in software emulation; see README.md."""

import argparse
import os
import sys

sys.dont_write_bytecode = True

from machine.emulator import MachineFailed, execute
from machine.packages import SUITES, kernel

REPOSITORY = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))


def main():
    parser = argparse.ArgumentParser(prog="hack/test-kernel", description=__doc__)
    parser.add_argument("--shell", metavar="KERNEL", choices=SUITES, required=True,
                        help="run COMMAND on this kernel, in the current directory, and exit as it does")
    parser.add_argument("--output", metavar="DIRECTORY",
                        help="what the command finds as /output, to write to (.build/kernels/KERNEL)")
    parser.add_argument("--limit", metavar="SECONDS", type=float, default=600,
                        help="end the emulated machine after this time (%(default)s)")
    parser.add_argument("--fresh", action="store_true", help="download the newest kernel packages instead of the cached")
    parser.add_argument("words", metavar="COMMAND", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    output = os.path.abspath(chosen.output or os.path.join(REPOSITORY, ".build/kernels", chosen.shell))
    try:
        return execute(kernel(chosen.shell, fresh=chosen.fresh), chosen.words, directory=os.getcwd(), output=output,
                       limit=chosen.limit)
    except MachineFailed as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    sys.exit(main())
