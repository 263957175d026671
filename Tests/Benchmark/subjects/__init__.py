"""The programs that are compared. A module here names its classes in `SUBJECTS`; it needs no other registration."""

import importlib
import pkgutil

from .subject import Subject, Unavailable

#: The order of every table; what is not named here follows by the names of the modules.
ORDER = ["plain", "vxlan", "warrens", "kernel_path", "wireguard_go", "nebula", "tinc", "openvpn", "fastd"]


def every_subject():
    """The classes of all subjects."""
    modules = [module.name for module in pkgutil.iter_modules(__path__) if module.name != "subject"]
    modules.sort(key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return [
        subject
        for name in modules
        for subject in getattr(importlib.import_module(f"{__name__}.{name}"), "SUBJECTS", ())
    ]
