"""Runs one command in an emulated machine, whose root is a copy in memory of this machine's."""

import json
import os
import subprocess
import sys
import tempfile
import time

from .initramfs import write_initramfs

GUEST = os.path.realpath(os.path.join(os.path.dirname(__file__), "../guest"))

#: What the command sees of our environment, beside WARRENS_*.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: Mebibytes. Whatever the tests write, and the executables of all their nodes, is kept in there too.
MEMORY = 6144

#: An old processor: newer ones have more state to save at each switch, and tempt libraries into wide instructions, which
#: are slow in emulation.
MODEL = "Nehalem"


class MachineFailed(Exception):
    """The machine ended without an exit code; the message has the end of its console."""


def execute(kernel, command, *, directory, output, limit, processors=2, environment=None):
    """Boots the kernel, runs the command in a directory, prints its output as it comes and returns its exit code.

    `output` is a directory of this machine which the command may write to as /output; console.log and output.log are
    found there as well. The emulator is killed after `limit` seconds, and with us.
    """
    os.makedirs(output, exist_ok=True)
    if os.path.exists(os.path.join(output, "exit-code")):
        os.unlink(os.path.join(output, "exit-code"))
    with open(os.path.join(output, "output.log"), "wb"):
        pass  # Followed from here on.
    with tempfile.TemporaryDirectory(prefix="warrens-kernel-") as work:
        write_initramfs(f"{work}/initramfs", kernel)
        with open(f"{work}/job", "w") as file:
            json.dump({
                "name": f"linux-{kernel.name.replace('.', '-')}", "command": command, "directory": directory,
                "modules": os.path.realpath(kernel.modules), "environment": _environment(environment or {}),
            }, file)
        emulator = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *_arguments(kernel, work, output, processors)],
            stdin=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            _follow(emulator, os.path.join(output, "output.log"), limit)
        finally:
            emulator.kill()
            emulator.wait()
    return _exit_code(output)


def _environment(more):
    own = {name: value for name, value in os.environ.items() if name.startswith("WARRENS_")}
    return {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", "TERM": "dumb", **own, **more}


def _arguments(kernel, work, output, processors):
    # Spectre and its like are no concern in emulation, and guarding against them would take half of the time.
    parameters = (
        "console=ttyS0 loglevel=5 panic=-1 mitigations=off tsc=reliable net.ifnames=0"
        f" warrens.init={GUEST}/init.py warrens.job={os.path.realpath(work)}/job"
    )
    return [
        "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", "-machine", "q35", "-accel",
        "tcg,thread=multi", "-cpu", MODEL, "-smp", str(processors), "-m", str(MEMORY),
        "-kernel", kernel.image, "-initrd", f"{work}/initramfs", "-append", parameters,
        "-serial", f"file:{os.path.join(output, 'console.log')}", "-device", "virtio-rng-pci",
        *_share("host", "/", "readonly=on,multidevs=remap"), *_share("output", os.path.realpath(output), "multidevs=forbid"),
    ]


def _share(tag, path, options):
    return ["-virtfs", f"local,path={path},mount_tag={tag},security_model=none,{options}"]


def _follow(emulator, path, limit):
    """Prints what is added to the file until the emulator ends."""
    deadline = time.monotonic() + limit
    with open(path, errors="replace") as log:
        while True:
            ended = emulator.poll() is not None
            while text := log.read(1 << 16):
                print(text, end="", flush=True)
            if ended:
                return
            if time.monotonic() > deadline:
                print(f"\nthe emulated machine took more than {limit:.0f} s and was ended", file=sys.stderr)
                return
            time.sleep(0.2)


def _exit_code(output):
    try:
        with open(os.path.join(output, "exit-code")) as file:
            return int(file.read())
    except (FileNotFoundError, ValueError):
        with open(os.path.join(output, "console.log"), errors="replace") as file:
            console = file.read()[-3000:]
    raise MachineFailed(f"the emulated machine did not bring the command to its end; its console ended with:\n{console}")
