"""A machine made of namespaces, which vanishes with the process that made it."""

import os
import subprocess

from .shell import ENVIRONMENT, PATIENCE, children, run, start

# The first process of a sandbox. Its /run is empty as after a boot, and what is written to /etc, /opt and /var stays
# inside. The final `sleep` ignores SIGCHLD, so that the kernel reaps the orphans whose parent it becomes.
INIT = """
set -e
hostname "$1"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock
for directory in etc opt var; do
    mkdir -p "/run/.layers/$directory/upper" "/run/.layers/$directory/work"
    mount -t overlay -o "lowerdir=/$directory,upperdir=/run/.layers/$directory/upper,workdir=/run/.layers/$directory/work" \
        overlay "/$directory"
done
mkdir /run/.cgroup
mount --rbind /sys/fs/cgroup /run/.cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/.cgroup /sys/fs/cgroup
umount -l /run/.cgroup
ip link set lo up
echo ready
exec env --ignore-signal=CHLD sleep infinity </dev/null >/dev/null 2>&1
"""


class Sandbox:
    """Own network, mounts, processes and host name.

    All of its processes live in a process namespace whose first process is killed by the kernel when this process
    dies, even by SIGKILL: namespaces, mounts, links and daemons go with it, and no run leaves anything behind.
    With `keep`, the sandbox outlives us until its `init` is killed.
    """

    def __init__(self, name, *, keep=False):
        self.name = name
        self.closed = False
        arguments = ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--mount-proc"]
        arguments += [] if keep else ["--kill-child=SIGKILL"]
        arguments += ["sh", "-c", INIT, "init", name]
        if keep:
            self.keeper = subprocess.Popen(
                arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
                start_new_session=True,
            )
        else:
            self.keeper = start(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.keeper.stdout.readline() != "ready\n":
            raise RuntimeError(f"the sandbox {name} did not start: {self.keeper.stderr.read()}")
        self.keeper.stdout.close()
        self.keeper.stderr.close()
        self.init = children(self.keeper.pid)[0]

    def path(self, inside):
        """The path, seen from outside, of a file inside."""
        return f"/proc/{self.init}/root{inside}"

    def entrance(self, network=None):
        """The words to put before a command that shall run inside, in the network namespace bound at `network`."""
        words = ["nsenter", "--target", str(self.init), "--mount", "--uts", "--pid"]
        return words + ["--net" if network is None else f"--net={self.path(network)}", "--"]

    def run(self, *arguments, network=None, **options):
        """Runs a command inside to its end; see `shell.run`."""
        return run([*self.entrance(network), *arguments], **options)

    def start(self, *arguments, network=None, **options):
        """Starts a command inside and returns a `Running`."""
        return Running(start([*self.entrance(network), *arguments], **options))

    def write(self, path, text):
        """Replaces a file inside as careful programs do: write aside, then rename."""
        outside = self.path(path)
        os.makedirs(os.path.dirname(outside), exist_ok=True)
        with open(outside + ".new", "w") as file:
            file.write(text)
        os.rename(outside + ".new", outside)

    def read(self, path):
        """The text of a file inside."""
        with open(self.path(path)) as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.path(path))

    def listing(self, directory):
        """The paths of all files below a directory inside, sorted; none when it does not exist."""
        outside = self.path(directory)
        return sorted(
            os.path.join(folder, file)[len(self.path("")):]
            for folder, _, files in os.walk(outside)
            for file in files
        )

    def processes(self, name):
        """The identifiers, seen from outside, of the processes inside with the given name."""
        inside = os.readlink(f"/proc/{self.init}/ns/pid")
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/comm") as file:
                    matches = file.read().strip() == name[:15]
                if matches and os.readlink(f"/proc/{entry}/ns/pid") == inside:
                    found.append(int(entry))
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended while we looked.
        return found

    def close(self):
        if self.closed:
            return
        self.closed = True
        try:
            os.kill(self.init, 9)
        except ProcessLookupError:
            pass
        self.keeper.wait()


class Running:
    """A command that runs inside a sandbox."""

    def __init__(self, process):
        self.process = process

    def pid(self):
        """The identifier, seen from outside, of the command itself, whose parent is the `nsenter` that we started."""
        return (children(self.process.pid) or [self.process.pid])[0]

    def stop(self, signal=2, timeout=10):
        """Sends a signal (2 is what Ctrl-C sends), waits for the end and returns the standard output, if it was piped."""
        if self.process.poll() is None:
            try:
                os.kill(self.pid(), signal)
            except ProcessLookupError:
                pass
        try:
            return self.process.communicate(timeout=timeout * PATIENCE)[0]
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        for pid in [*children(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.process.communicate()
