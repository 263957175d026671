"""fastd, the VPN program of the Freifunk networks."""

from .vpn import DEVICE, PORT, VPN, WIRE_PAYLOAD

ETHERNET_HEADER = 14


class Fastd(VPN):
    """fastd with `salsa2012+umac`, the method that its manual recommends (and calls very fast).

    Between two nodes, a TUN device. That has room for one peer only, so a hub has TAP devices, and the center hands
    frames from client to client inside the program (`forward yes`). The MTU is by the table of its manual.
    """

    name, key = "fastd", "fastd"
    about = "method `salsa2012+umac`, TUN device"
    commands = ("fastd",)
    packages = ("fastd",)
    method = "salsa2012+umac"
    overhead = 24

    @property
    def mtu(self):
        return WIRE_PAYLOAD - self.overhead - (ETHERNET_HEADER if self.center else 0)

    def prepare(self):
        for member in self.members:
            secret = member.node.run("fastd", "--generate-key", "--machine-readable").stdout.strip()
            member.write("secret.conf", [f'secret "{secret}";'])
            shown = member.node.run(
                "fastd", "--config", member.path("secret.conf"), "--show-key", "--machine-readable"
            )
            member.key = shown.stdout.strip()

    def configure(self, member):
        member.write("fastd.conf", [
            f'include "{member.path("secret.conf")}";',
            f'interface "{DEVICE}";',
            f"mode {'tap' if self.center else 'tun'};",
            f"mtu {self.mtu};",
            f'method "{self.method}";',
            f"bind 0.0.0.0:{PORT};",
            f"forward {'yes' if member is self.center else 'no'};",
            *(
                f'peer "{peer.name}" {{ key "{peer.key}"; remote {peer.site.v4}:{PORT}; }}'
                for peer in self.neighbours(member)
            ),
        ])

    def command(self, member):
        return ["fastd", "--config", member.path("fastd.conf")]

    def next_hop(self, member, other, family):
        """A TAP device is a shared segment: a route names the neighbour on it."""
        direct = super().next_hop(member, other, family)
        return ["via", other.tunnel(family), *direct] if self.center else direct


class UnencryptedFastd(Fastd):
    """fastd with the method `null`, which neither encrypts nor authenticates; all else as in `Fastd`.

    `null@l2tp` gains only by the kernel module that it can leave the work to; without, both cost the same.
    """

    name, key = "fastd, unencrypted", "fastd-unencrypted"
    about = "the same with the method `null`"
    encrypted, variant = False, True
    method = "null"
    overhead = 1


SUBJECTS = [Fastd, UnencryptedFastd]
