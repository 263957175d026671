"""The first process of an emulated machine once its files are there: `init.py JOB` prepares it, runs the job, ends it.

The job is a JSON file. Output and exit code go into the directory that the machine shares with its host.
"""

import json
import os
import signal
import subprocess
import sys
import traceback

OUTPUT = "/output"

#: (what, type, where, options) in the order in which a Debian machine has them.
MOUNTS = [
    ("proc", "proc", "/proc", ""),
    ("sysfs", "sysfs", "/sys", ""),
    ("devtmpfs", "devtmpfs", "/dev", "mode=755"),
    ("devpts", "devpts", "/dev/pts", "mode=620,ptmxmode=666"),
    ("tmpfs", "tmpfs", "/dev/shm", ""),
    ("tmpfs", "tmpfs", "/run", "mode=755"),
    ("cgroup2", "cgroup2", "/sys/fs/cgroup", "nsdelegate"),
    ("bpf", "bpf", "/sys/fs/bpf", "mode=700"),
    ("debugfs", "debugfs", "/sys/kernel/debug", ""),
    ("tracefs", "tracefs", "/sys/kernel/tracing", ""),
    ("output", "9p", OUTPUT, "trans=virtio,version=9p2000.L,msize=1048576,cache=none"),
]

#: Modules that nothing loads when they are needed; an administrator names them in /etc/modules-load.d.
MODULES = ["fou", "fou6"]


def run(*command):
    subprocess.run(command, check=True)


def mount_all():
    os.umask(0o022)
    for what, kind, where, options in MOUNTS:
        os.makedirs(where, exist_ok=True)
        run("mount", "-t", kind, *(["-o", options] if options else []), what, where)


def link_modules(directory):
    """Puts the kernel's modules where the kernel looks for them when it needs one."""
    os.makedirs("/lib/modules", exist_ok=True)
    place = f"/lib/modules/{os.uname().release}"
    if not os.path.exists(place):
        os.symlink(directory, place)


def make_static_nodes():
    """Makes the device nodes whose first use loads their module, such as /dev/net/tun, as systemd does at boot."""
    with open(f"/lib/modules/{os.uname().release}/modules.devname") as file:
        lines = [line.split() for line in file if not line.startswith("#")]
    for _, name, (kind, *numbers) in lines:
        major, minor = map(int, "".join(numbers).split(":"))
        os.makedirs(os.path.dirname(f"/dev/{name}"), exist_ok=True)
        if not os.path.exists(f"/dev/{name}"):
            os.mknod(f"/dev/{name}", 0o600 | {"c": 0o020000, "b": 0o060000}[kind], os.makedev(major, minor))


def prepare(job):
    mount_all()
    link_modules(job["modules"])
    make_static_nodes()
    run("modprobe", "--all", *MODULES)
    # As systemd delegates them.
    with open("/sys/fs/cgroup/cgroup.controllers") as file:
        controllers = file.read().split()
    with open("/sys/fs/cgroup/cgroup.subtree_control", "w") as file:
        file.write(" ".join(f"+{name}" for name in controllers))
    with open("/proc/sys/kernel/hostname", "w") as file:
        file.write(job["name"])
    run("ip", "link", "set", "lo", "up")


def run_job(job):
    """Runs the command to its end, and buries the orphans whose parent we become meanwhile; returns a shell's exit code."""
    with open(f"{OUTPUT}/output.log", "ab", buffering=0) as log:
        command = subprocess.Popen(
            job["command"], cwd=job["directory"], env=job["environment"], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True,
        )
    while True:
        pid, status = os.wait()
        if pid == command.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main():
    try:
        with open(sys.argv[1]) as file:
            job = json.load(file)
        prepare(job)
        code = run_job(job)
        with open(f"{OUTPUT}/exit-code", "w") as file:
            file.write(f"{code}\n")
    except Exception:
        # The console is where the host looks when there is no exit code.
        traceback.print_exc()
    os.sync()
    with open("/proc/sysrq-trigger", "w") as file:
        file.write("o")
    # The power goes off while we wait; the end of this process would be a panic.
    signal.pause()


main()
