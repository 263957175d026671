"""Where and with what a run was made: what a reader needs to compare it with a run of his own."""

import datetime
import os
import re

from lab.shell import repository, run

#: Debian packages of the tools that measure.
TOOLS = ["iperf3", "sockperf", "iproute2", "ethtool"]


def facts(bench):
    """What is known before anything is measured, by title."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "source": source(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory": f"{memory():.0f} GiB",
        "virtual machine": virtual_machine(),
        "kernel": f"{os.uname().release} ({os.uname().machine})",
        "system": system(),
        "load before the run": "{:.2f}, {:.2f}, {:.2f} (1, 5, 15 minutes)".format(*os.getloadavg()),
        "tools": ", ".join(filter(None, map(version, TOOLS))),
        "run": f"{'quick' if bench.quick else 'full'}, {bench.seconds} s a measurement"
        + (f", {bench.rounds} rounds each" if bench.rounds else ""),
    }


def source():
    """The commit, and whether files differ from it."""
    outcome = run(["git", "-C", repository(), "-c", f"safe.directory={repository()}",
                   "describe", "--always", "--dirty=, with changes"], check=False)
    return outcome.stdout.strip() or "unknown: not a checkout"


def processor():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    return found[1] if found else os.uname().machine


def memory():
    with open("/proc/meminfo") as file:
        return int(file.readline().split()[1]) / (1 << 20)


def virtual_machine():
    kind = run(["systemd-detect-virt"], check=False).stdout.strip() if _has("systemd-detect-virt") else ""
    with open("/proc/cpuinfo") as file:
        hypervisor = re.search(r"^flags.*\bhypervisor\b", file.read(), re.MULTILINE)
    return kind or ("yes" if hypervisor else "no")


def system():
    with open("/etc/os-release") as file:
        found = re.search(r'^PRETTY_NAME="?(.*?)"?$', file.read(), re.MULTILINE)
    return found[1] if found else "unknown"


def version(package):
    """A Debian package with its version; None when it is not installed."""
    outcome = run(["dpkg-query", "-W", "-f", "${Version}", package], check=False)
    return f"{package} {outcome.stdout}" if outcome.returncode == 0 and outcome.stdout else None


def _has(program):
    return any(os.path.exists(f"{folder}/{program}") for folder in ("/usr/bin", "/bin"))
