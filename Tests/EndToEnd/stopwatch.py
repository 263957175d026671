#!/usr/bin/env python3
"""Times ADD and DEL of several plugins in turn. Reads a plan on standard input and prints seconds, both as JSON."""

import json
import os
import subprocess
import sys
import time


def timed(executable, verb, container, namespace, request, path):
    environment = {
        "CNI_COMMAND": verb, "CNI_CONTAINERID": container, "CNI_NETNS": namespace, "CNI_IFNAME": "eth0",
        "CNI_PATH": path, "PATH": os.environ["PATH"],
    }
    begin = time.monotonic()
    outcome = subprocess.run([executable], input=request, capture_output=True, env=environment)
    seconds = time.monotonic() - begin
    if outcome.returncode:
        sys.exit(f"{executable} {verb}: {outcome.stdout.decode()} {outcome.stderr.decode()}")
    return seconds


def find(name, path):
    return next(f"{folder}/{name}" for folder in path.split(":") if os.path.exists(f"{folder}/{name}"))


plan = json.load(sys.stdin)
times = {name: {"ADD": [], "DEL": []} for name in plan["requests"]}
for round in range(plan["rounds"]):
    for name, request in plan["requests"].items():
        container = f"{name}-{round}"
        subprocess.run(["ip", "netns", "add", container], check=True)
        for verb in ("ADD", "DEL"):
            times[name][verb].append(timed(
                find(request["type"], plan["path"]), verb, container, f"/run/netns/{container}",
                json.dumps(request).encode(), plan["path"],
            ))
        subprocess.run(["ip", "netns", "delete", container], check=True)
print(json.dumps(times))
