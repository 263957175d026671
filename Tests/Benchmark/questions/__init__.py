"""What the benchmark asks. A module here is a question; it needs no other registration."""

import importlib
import pkgutil

#: The order of the report; what is not named here follows by name.
ORDER = ["attach", "throughput", "kernel", "latency", "topologies", "clients", "impairment", "registry", "memory"]


def every_question():
    """The modules of all questions, by name."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    names.sort(key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
