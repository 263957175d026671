#!/usr/bin/env python3
"""A stand-in for systemd's `systemctl`, for sandboxes, in which no systemd can run.

It starts and ends what `ExecStart=` of a unit in /etc/systemd/system says, and remembers what is enabled. It leaves out all
else: order, sandboxing, restarts, the journal (output goes to /run/units/NAME.log). That units make sense to systemd is for
`systemd-analyze verify` to say.
"""

import os
import shlex
import signal
import subprocess
import sys
import time

UNITS = "/etc/systemd/system"
STATE = "/run/units"


def command(unit):
    with open(f"{UNITS}/{unit}") as file:
        [line] = [line for line in file if line.startswith("ExecStart=")]
    return shlex.split(line.removeprefix("ExecStart="))


def pid(unit):
    """The number of the unit's living process, or None."""
    try:
        with open(f"{STATE}/{unit}.pid") as file:
            number = int(file.read())
        with open(f"/proc/{number}/stat") as file:
            return None if file.read().rpartition(")")[2].split()[0] == "Z" else number
    except (FileNotFoundError, ProcessLookupError):
        return None


def stop(unit):
    if (number := pid(unit)) is None:
        return
    os.kill(number, signal.SIGTERM)
    while pid(unit) is not None:
        time.sleep(0.05)


def start(unit):
    words = command(unit)
    with open(f"{STATE}/{unit}.log", "a") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    with open(f"{STATE}/{unit}.pid", "w") as file:
        file.write(str(process.pid))


def enable(unit, enabled):
    path = f"{STATE}/{unit}.enabled"
    if enabled:
        open(path, "w").close()
    elif os.path.exists(path):
        os.unlink(path)


def main(verb, *arguments):
    os.makedirs(STATE, exist_ok=True)
    units = [word for word in arguments if not word.startswith("-")]
    for unit in units:
        command(unit)
        if verb in ("enable", "disable"):
            enable(unit, verb == "enable")
        if verb in ("restart", "stop") or verb == "disable" and "--now" in arguments:
            stop(unit)
        if verb in ("restart", "start") or verb == "enable" and "--now" in arguments:
            start(unit)
    if verb not in ("enable", "disable", "restart", "start", "stop", "daemon-reload"):
        sys.exit(f"this systemctl knows no {verb}")


main(*sys.argv[1:])
