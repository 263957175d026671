"""How measurements fail, and how a failure is told in one line."""

import subprocess

from lab.cni import PluginError
from lab.shell import CommandFailed
from subjects.subject import Unavailable

#: What a subject or a measurement may fail with; anything else is a mistake of the benchmark itself.
FAILURES = (Unavailable, CommandFailed, PluginError, subprocess.TimeoutExpired, OSError, LookupError, ValueError, RuntimeError)


def first_line(error):
    """An error as one line: what a command printed says more than its exit code."""
    told = error.text if isinstance(error, PluginError) else str(error)
    lines = [line.strip() for line in told.splitlines() if line.strip() and not line.startswith("--- std")]
    text = " ".join(lines[:4]) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
