#!/usr/bin/env python3
"""Runs the end-to-end suites, two at a time, and says what came of each: `run.py [SUITE...] [--report FILE]`.

Each suite is a process of its own, whose output is kept in .build/end-to-end and shown when it failed.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True

from lab.shell import PATIENCE

HERE = os.path.dirname(os.path.realpath(__file__))
OUTPUT = os.path.realpath(os.path.join(HERE, "../../.build/end-to-end"))

#: Longest first, so that both jobs end at about the same time.
ORDER = [
    "test_kubeproxy", "test_soak", "test_crash", "test_manifest", "test_misbehaviour", "test_annotations", "test_guides",
    "test_clash", "test_services", "test_chained", "test_pods", "test_scale",
]
JOBS = 2
#: A suite that takes this long hangs.
TIME_LIMIT = 900 * PATIENCE


class Counting(unittest.TextTestResult):
    """A result that also knows the names of the tests that passed, and how long each took."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.passed = []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.append(test.id())


def run_suite(name, report):
    """Runs one suite in this process and writes its counts into a file."""
    sys.path.insert(0, HERE)
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    runner = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Counting)
    result = runner.run(suite)
    # A test with several failed subtests is one failed test.
    failed = {test.id().split(" ")[0] if "setUpClass" not in test.id() else test.id()
              for test, _ in result.failures + result.errors}
    # One that succeeds against expectation has to lose its mark.
    failed |= {f"{test.id()} (succeeded, though marked as known to fail)" for test in result.unexpectedSuccesses}
    skipped = [(test.id(), reason) for test, reason in result.skipped]
    skipped += [(test.id(), f"known to fail: {test.shortDescription()}") for test, _ in result.expectedFailures]
    with open(report, "w") as file:
        json.dump({"passed": len(result.passed), "failed": sorted(failed), "skipped": skipped}, file)


class Job:
    """A suite that is running."""

    def __init__(self, name, directory):
        self.name, self.begin = name, time.monotonic()
        self.report = os.path.join(directory, f"{name}.json")
        self.log = os.path.join(directory, f"{name}.log")
        if os.path.exists(self.report):
            os.unlink(self.report)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--single", name, "--report", self.report],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )

    def ended(self):
        if time.monotonic() - self.begin > TIME_LIMIT:
            self.process.kill()
            self.process.wait()
        return self.process.poll() is not None

    def outcome(self):
        """Prints what came of the suite and returns its counts."""
        with open(self.log, errors="replace") as file:
            text = file.read()
        try:
            with open(self.report) as file:
                counts = json.load(file)
        except FileNotFoundError:
            counts = {"passed": 0, "failed": [f"{self.name} (ended without a report)"], "skipped": []}
        seconds = time.monotonic() - self.begin
        print(
            f"{self.name:<20} {counts['passed']:>3} passed {len(counts['failed']):>3} failed"
            f" {len(counts['skipped']):>3} skipped {seconds:>5.0f} s", flush=True,
        )
        for test, reason in counts["skipped"]:
            print(f"    SKIPPED {test}: {reason}")
        for line in text.splitlines():
            if line.startswith("measured: "):
                print(f"    {line}")
        if counts["failed"]:
            # unittest's own summary; the nodes' state at each failure stands before it, in the log.
            summary = text[text.find("=" * 70):] if "=" * 70 in text else text
            print("\n".join(f"    {line}" for line in summary.splitlines()[-300:]))
            print(f"    all of it: {os.path.relpath(self.log)}")
        return counts


def run_all(names, directory):
    """Runs suites side by side; returns their counts added up. The directory gets the logs and each suite's counts."""
    os.makedirs(directory, exist_ok=True)
    waiting = sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    total = {"passed": 0, "failed": [], "skipped": []}
    running = []
    try:
        while waiting or running:
            while waiting and len(running) < JOBS:
                running.append(Job(waiting.pop(0), directory))
            time.sleep(0.1)
            for job in [job for job in running if job.ended()]:
                running.remove(job)
                counts = job.outcome()
                total = {key: total[key] + counts[key] for key in total}
    finally:
        for job in running:
            job.process.terminate()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="such as pods; all by default")
    parser.add_argument("--report", help="write the counts to this file as JSON")
    parser.add_argument("--logs", metavar="DIRECTORY", default=OUTPUT, help="for the output of each suite (%(default)s)")
    parser.add_argument("--single", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.single:
        return run_suite(chosen.single, chosen.report)
    known = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "test_*.py")))
    names = ["test_" + name.removeprefix("test_") for name in chosen.suites] or known
    if unknown := set(names) - set(known):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    total = run_all(names, chosen.logs)
    if chosen.report:
        with open(chosen.report, "w") as file:
            json.dump(total, file)
    else:
        print(f"{total['passed']} passed, {len(total['failed'])} failed, {len(total['skipped'])} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
