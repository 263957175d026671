"""The end-to-end suites inside of an emulated machine: which run, and what came of them."""

import glob
import json
import os
import sys
import time

from machine.emulator import MachineFailed, execute

END_TO_END = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../EndToEnd"))

#: What does not run unless it is named, and why.
LEFT_OUT = {
    "apiserver": "checks the stand-in of the API server, in which the kernel has no part",
    "guides": "types what the guides say; what they install, `manifest` and `install` install, too",
    "image": "looks into an archive, in which the kernel has no part",
    "schema": "reads manifests with tools from PyPI, in which the kernel has no part",
    "misbehaviour": "what warrens-nodes makes of a bad API server, in which the kernel has no part",
    "scale": "memory and time of warrens-nodes with many nodes, in which the kernel has no part",
    "bench": "checks the benchmark, whose numbers mean nothing in emulation",
    "questions": "checks the benchmark, whose numbers mean nothing in emulation",
    "kubeproxy": "its hundreds of calls take more than an hour in emulation, and `services` and `policy` try the same paths",
    "vpn": "checks other VPN programs, for the benchmark",
    "soak": "its traffic and its rounds are timed for a usual machine, and its ledger asks for counts emulation cannot reach",
}

#: How many times longer everything may take than on a usual machine before a test gives up.
PATIENCE = 6


def known_suites():
    return sorted(os.path.basename(path)[5:-3] for path in glob.glob(f"{END_TO_END}/test_*.py"))


def chosen_suites(words):
    """The suites of these names, or all that are not left out."""
    names = [word.removeprefix("test_").removesuffix(".py") for word in words]
    if unknown := set(names) - set(known_suites()):
        raise ValueError(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(known_suites())}")
    return names or [suite for suite in known_suites() if suite not in LEFT_OUT]


def left_out(suites):
    """The reasons for the suites that do not run though nobody chose."""
    return {suite: reason for suite, reason in LEFT_OUT.items() if suite in known_suites() and suite not in suites}


def run_suites(kernel, suites, output, **options):
    """Runs the suites on a kernel, prints their outcomes as they come, and returns each one's counts."""
    os.makedirs(output, exist_ok=True)
    for path in glob.glob(f"{output}/test_*"):
        os.unlink(path)
    begin = time.monotonic()
    command = ["/usr/bin/python3", f"{END_TO_END}/run.py", "--logs", "/output", *suites]
    try:
        execute(kernel, command, directory=END_TO_END, output=output,
                environment={"WARRENS_PATIENCE": str(PATIENCE)}, **options)
    except MachineFailed as failure:
        print(failure, file=sys.stderr)
    print(f"took {(time.monotonic() - begin) / 60:.0f} min; the logs are in {output}", flush=True)
    return {suite: _counts(suite, f"{output}/test_{suite}.json") for suite in suites}


def _counts(suite, path):
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return {"passed": 0, "failed": [f"test_{suite} (did not come to its end)"], "skipped": []}


def table(counts):
    """A Markdown table of `{kernel: {suite: counts}}`, with passed, failed and skipped tests of each."""
    rows = [["suite", *counts]]
    rows.append(["---"] * len(rows[0]))
    for suite in next(iter(counts.values())):
        rows.append([suite, *(_cell([results[suite]]) for results in counts.values())])
    rows.append(["all", *(_cell(results.values()) for results in counts.values())])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths))} |" for row in rows)


def _cell(results):
    passed, failed, skipped = map(sum, zip(*(
        (result["passed"], len(result["failed"]), len(result["skipped"])) for result in results)))
    parts = [f"{passed} passed"] + [f"{failed} FAILED"] * bool(failed) + [f"{skipped} skipped"] * bool(skipped)
    return ", ".join(parts)
