#!/usr/bin/env python3
"""Executes CNI plugins and times them; runs inside of a node, so that entering it is not measured.

Reads one JSON object a line: `verb`, `executable`, `path` (CNI_PATH), `configuration` (what the plugin gets on its
standard input), `containers` (names of containers, each with the network namespace of the same name below
/run/netns). The executions of one line run at once. Answers each line with `each` (seconds that every execution took,
in the order in which they ended) and `all` (seconds until the last one had ended).

The results of ADD are kept and handed to CHECK and DEL, as a runtime does.
"""

import json
import os
import sys
import tempfile
import time


class Execution:
    """A plugin that runs, reading and writing files: no pipe, so that nothing waits for us."""

    def __init__(self, order, container, previous):
        self.container = container
        configuration = dict(order["configuration"])
        if previous is not None:
            configuration["prevResult"] = previous
        self.input, self.output = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.input.write(json.dumps(configuration).encode())
        self.input.flush()
        self.input.seek(0)
        self.executable = order["executable"]
        self.environment = {
            "CNI_COMMAND": order["verb"], "CNI_CONTAINERID": container, "CNI_NETNS": f"/run/netns/{container}",
            "CNI_IFNAME": "eth0", "CNI_PATH": order["path"], "PATH": os.environ["PATH"],
        }

    def begin(self):
        actions = [
            (os.POSIX_SPAWN_DUP2, self.input.fileno(), 0),
            (os.POSIX_SPAWN_DUP2, self.output.fileno(), 1),
            (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
        ]
        self.begun = time.monotonic()
        self.pid = os.posix_spawn(self.executable, [self.executable], self.environment, file_actions=actions)

    def text(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def close(self):
        self.input.close()
        self.output.close()


def carry_out(order, results):
    key = order["configuration"]["name"]
    executions = [Execution(order, name, results.get((key, name))) for name in order["containers"]]
    running, seconds, failures = {}, [], []
    begin = time.monotonic()
    for execution in executions:
        execution.begin()
        running[execution.pid] = execution
    while running:
        pid, status = os.wait()
        now = time.monotonic()
        if pid not in running:
            continue  # A daemon that a plugin started and left to us.
        execution = running.pop(pid)
        seconds.append(now - execution.begun)
        if status:
            failures.append(f"{execution.executable} {order['verb']} {execution.container}: {execution.text()}")
    total = time.monotonic() - begin
    for execution in executions:
        if order["verb"] == "ADD" and not failures:
            results[key, execution.container] = json.loads(execution.text())
        elif order["verb"] == "DEL":
            results.pop((key, execution.container), None)
        execution.close()
    return {"failures": failures} if failures else {"each": seconds, "all": total}


def main():
    results = {}
    for line in sys.stdin:
        print(json.dumps(carry_out(json.loads(line), results)), flush=True)


if __name__ == "__main__":
    main()
