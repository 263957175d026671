"""What a release consists of, and how its user packs it into an image."""

import os

from .node import executable
from .shell import repository, run

#: The executables, which the image holds and installs.
PROGRAMS = ["warrens", "warrens-ipam", "warrensctl", "warrensd", "warrens-nodes"]


def pack(output, *arguments, programs=None, **environment):
    """hack/image, of the built executables or of those in another directory."""
    programs = programs or os.path.dirname(executable("warrens"))
    return run(
        [os.path.join(repository(), "hack/image"), "--output", output, *arguments], timeout=120,
        environment={"WARRENS_DIST": programs, **environment})


def content(path):
    with open(path, "rb") as file:
        return file.read()
