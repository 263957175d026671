"""`packet-bench`, the program that executes parts of the packet path by themselves, and its answers as results."""

import json
import os

from lab.node import executable
from lab.shell import run

from .result import absent, result

PROGRAM = "packet-bench"
#: Seconds that it may take.
PATIENCE = 300


def results(question, subject, peers, wanted, **common):
    """What it found: `wanted` tells its questions and parameters, as pairs, by what the results shall call them."""
    path = executable(PROGRAM)
    if not os.path.exists(path):
        yield absent(question, subject, f"{PROGRAM} is not built", parameter=next(iter(wanted.values())), unit="ns")
        return
    asked = ",".join(dict.fromkeys(kind for kind, _ in wanted))
    text = run([path, "--peers", ",".join(map(str, peers)), "--only", asked], timeout=PATIENCE).stdout
    for found in json.loads(text):
        if parameter := wanted.get((found["question"], found["parameter"])):
            record = result(
                question, subject, found["unit"].replace("us", "µs"), [], parameter=parameter, family=found["family"],
                better="lower", x=found["peers"], **common)
            # It tells its rounds summed up, not one by one.
            yield record | {key: found[key] for key in ("median", "min", "max", "rounds")}
