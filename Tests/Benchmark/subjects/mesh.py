"""Any number of nodes that talk to each other directly, for the comparison with a `Hub`, whose calls this has, too."""

from itertools import permutations

from .plain import PlainRouting
from .warrens import WarrensTun


class PlainMesh:
    """Every node's kernel knows every other's pod subnet."""

    name, encrypted = PlainRouting.name, False
    program = PlainRouting()

    def available(self):
        return None

    def start(self, center, clients):
        sites = [center, *clients]
        for site in sites:
            site.connect_pod()
        for here, there in permutations(sites, 2):
            PlainRouting.lead(here, there)

    def address(self, site, family):
        return site.pod_address(family)

    def processes(self, site=None):
        return []

    def stop(self):
        """All of it ends with the nodes."""


class WarrensMesh:
    """Warrens as shipped: every node's file names all nodes, and nobody is in the middle."""

    name, encrypted = WarrensTun.name, False

    def __init__(self):
        self.program = WarrensTun()

    def available(self):
        return self.program.available()

    def start(self, center, clients):
        self.sites = [center, *clients]
        self.program.join(self.sites)

    def address(self, site, family):
        return site.pod.address(family)

    def processes(self, site=None):
        return [pid for one in self.sites if site in (None, one) for pid in one.node.daemons()]

    def stop(self):
        """All of it ends with the nodes."""
