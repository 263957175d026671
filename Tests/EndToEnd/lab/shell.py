"""Running commands, with an error that tells everything when one fails."""

import os
import subprocess

#: What a command sees of our environment. A runtime's environment is as bare.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
}

#: How many times longer than on a usual machine things may take; WARRENS_PATIENCE raises it where the machine is emulated.
PATIENCE = float(os.environ.get("WARRENS_PATIENCE") or 1)


class CommandFailed(Exception):
    """A command ended with another exit code than zero; the message carries its output."""

    def __init__(self, arguments, outcome):
        self.outcome = outcome
        super().__init__(
            f"exit code {outcome.returncode}: {' '.join(map(str, arguments))}\n"
            f"--- stdout\n{outcome.stdout}\n--- stderr\n{outcome.stderr}"
        )


def run(arguments, *, input="", check=True, timeout=60, environment=None):
    """Runs a command to its end and returns its outcome: `.returncode`, `.stdout` and `.stderr` as text.

    `timeout` is in seconds of a usual machine. A process that inherits the output and stays (a daemon started without
    care) shows as a time-out.
    """
    outcome = subprocess.run(
        [str(argument) for argument in arguments],
        input=input,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout * PATIENCE,
        env={**ENVIRONMENT, **(environment or {})},
    )
    if check and outcome.returncode != 0:
        raise CommandFailed(arguments, outcome)
    return outcome


def start(arguments, *, environment=None, **options):
    """Starts a command and returns its `Popen`; it is killed when we die, however we die."""
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *map(str, arguments)],
        text=True,
        env={**ENVIRONMENT, **(environment or {})},
        start_new_session=True,
        **options,
    )


def children(pid):
    """The process identifiers of a process's children."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def repository():
    """The root of the source tree."""
    return os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
