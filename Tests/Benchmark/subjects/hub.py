"""A VPN as most networks have one: a server in the middle, which every packet between two clients passes."""

from .subject import Unavailable


class Hub:
    """Any of our VPN programs as a hub, for the comparison of topologies.

        hub = Hub(OpenVPN())
        hub.start(center, clients)     # sites, joined by a switch (`measure.wire.connect_all`)
        hub.address(clients[1], 4)     # the pod's address
        hub.stop()

    Who relays is the program itself (OpenVPN `client-to-client`, nebula's relay, tinc's and fastd's forwarding) or,
    for WireGuard, the center's kernel between two packets of the program. The center has a pod as well, so it can be one
    of the nodes that talk, as in the paper, or an extra one in between.
    """

    def __init__(self, program):
        self.program = program
        self.name, self.encrypted = f"{program.name} hub", program.encrypted

    def available(self):
        """None, or the reason why the program cannot run here."""
        return self.program.available()

    def start(self, center, clients):
        """Returns once every pod has reached the next one and been reached; the sites' numbers have to differ."""
        self.program.join([center, *clients], center=center)

    def address(self, site, family):
        """The address of a site's pod; raises `Unavailable` for a family that the program does not carry."""
        if family not in self.program.families:
            raise Unavailable(self.program.missing_family)
        return site.pod_address(family)

    def processes(self, site=None):
        """The daemons' process identifiers, as seen from outside: of one site, or of all."""
        return [
            member.daemon.pid() for member in self.program.members if member.daemon and site in (None, member.site)
        ]

    def stop(self):
        self.program.stop()
