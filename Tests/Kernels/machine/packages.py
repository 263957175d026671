"""Debian's kernels, downloaded and unpacked into a cache, and installed nowhere."""

import glob
import os
import re
import shutil
import subprocess

#: The kernels that are tested, and the suite of Debian's archive that has each of them.
SUITES = {"6.1": "bookworm", "6.12": "bookworm-backports"}

#: The package that depends on the newest kernel of a suite: the one for any machine, which has every module.
NEWEST = "linux-image-amd64"

MIRROR = "http://deb.debian.org/debian/"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Kernel:
    """An unpacked kernel package: its `release` as `uname -r` prints it, its `image` and its `modules`."""

    def __init__(self, name, directory):
        self.name = name
        (self.image,) = glob.glob(f"{directory}/boot/vmlinuz-*")
        self.release = os.path.basename(self.image).removeprefix("vmlinuz-")
        self.modules = f"{directory}/lib/modules/{self.release}"


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "warrens/kernels")


def kernel(name, *, fresh=False):
    """The kernel of a version, from the cache if it is there; `fresh` fetches the newest package of that version."""
    directory = os.path.join(cache(), name)
    if fresh or not os.path.isdir(directory):
        _unpack(name, directory)
    return Kernel(name, directory)


def _unpack(name, directory):
    """Replaces the directory by the content of the newest package, at once."""
    work = f"{directory}.new"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(f"{work}/package")
    try:
        package = _download(name, f"{work}/package")
        _run("dpkg-deb", "-x", package, f"{work}/files")
        _run("depmod", "-b", f"{work}/files", os.path.basename(*glob.glob(f"{work}/files/lib/modules/*")))
        shutil.rmtree(directory, ignore_errors=True)
        os.rename(f"{work}/files", directory)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(name, directory):
    """Downloads the package into the directory with lists of our own, so that those of the machine stay as they are."""
    for folder in ("lists/partial", "archives/partial"):
        os.makedirs(f"{directory}/{folder}")
    with open(f"{directory}/status", "w"):
        pass  # Nothing is installed, as far as this download is concerned.
    with open(f"{directory}/sources.list", "w") as file:
        file.write(f"deb [arch=amd64 signed-by={KEYS}] {_mirror()} {SUITES[name]} main\n")
    options = [
        f"--option=Dir::State={directory}", f"--option=Dir::State::status={directory}/status",
        f"--option=Dir::Cache={directory}", f"--option=Dir::Etc::sourcelist={directory}/sources.list",
        "--option=Dir::Etc::sourceparts=-", "--option=APT::Architecture=amd64", "--option=APT::Sandbox::User=root",
    ]
    _run("apt-get", *options, "--quiet", "--quiet", "update")
    depends = _run("apt-cache", *options, "depends", NEWEST)
    chosen = re.search(rf"Depends: (linux-image-{re.escape(name)}\.\S+)", depends)
    if not chosen:
        raise SystemExit(f"{SUITES[name]} has no kernel {name}: {NEWEST} depends on\n{depends}")
    print(f"downloading {chosen[1]} of {SUITES[name]}", flush=True)
    _run("apt-get", *options, "--quiet", "--quiet", "download", chosen[1], directory=directory)
    (package,) = glob.glob(f"{directory}/*.deb")
    return package


def _mirror():
    """The mirror that this machine uses for Debian itself."""
    lines = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian")
    return (lines.split() or [MIRROR])[0]


def _run(*command, directory=None):
    outcome = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if outcome.returncode != 0:
        raise SystemExit(f"`{' '.join(command)}` failed:\n{outcome.stdout}{outcome.stderr}")
    return outcome.stdout
