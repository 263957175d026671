"""Nebula, the overlay network program that began at Slack."""

import json

from .vpn import DEVICE, PORT, SOCKET_BUFFER, VPN, WIRE_PAYLOAD

#: Header and authentication tag of a data message; a relay's envelope around it has both once more.
OVERHEAD = 16 + 16

ANYTHING = [{"port": "any", "proto": "any", "host": "any"}]


class Nebula(VPN):
    """nebula with `cipher: aes` (AES-256-GCM), the faster of its two on processors with AES instructions.

    As the commented settings file of its package proposes: socket buffers of 10 MiB, which it forces past the system's
    limit. `routines` stays at one thread pair, the default: more are for several tunnels at once. The MTU is what the wire has
    room for rather than the cautious 1300. A node's certificate names the pods' subnet, which the others reach by
    `unsafe_routes`. The center of a hub is the relay (and lighthouse) of the clients, who may not use any other address
    on the wire.
    """

    name, key = "nebula", "nebula"
    about = "AES-256-GCM, socket buffers of 10 MiB"
    commands = ("nebula", "nebula-cert")
    packages = ("nebula",)
    families = (4,)
    missing_family = "nebula 1.6 carries no IPv6 inside"
    configures_device = True

    @property
    def mtu(self):
        return WIRE_PAYLOAD - OVERHEAD * (2 if self.center else 1)

    def prepare(self):
        """The first node is the authority, which signs for all."""
        authority = self.members[0]
        signature = [word for end in ("crt", "key") for word in (f"-ca-{end}", authority.path(f"ca.{end}"))]
        authority.node.run("nebula-cert", "ca", "-name", "benchmark", *self._outputs(authority, "ca"))
        for member in self.members:
            authority.node.run(
                "nebula-cert", "sign", *signature, *self._outputs(authority, member.name), "-name", member.name,
                "-ip", f"{member.tunnel(4)}/24", "-subnets", member.site.subnet(4),
            )
            for name, source in (("ca.crt",) * 2, ("host.crt", f"{member.name}.crt"), ("host.key", f"{member.name}.key")):
                member.write(name, [authority.read(source).strip()])

    @staticmethod
    def _outputs(member, name):
        return [word for end in ("crt", "key") for word in (f"-out-{end}", member.path(f"{name}.{end}"))]

    def configure(self, member):
        settings = {
            "pki": {name: member.path(file) for name, file in (("ca", "ca.crt"), ("cert", "host.crt"), ("key", "host.key"))},
            "static_host_map": {peer.tunnel(4): [f"{peer.site.v4}:{PORT}"] for peer in self.neighbours(member)},
            "listen": {"host": "0.0.0.0", "port": PORT, "read_buffer": SOCKET_BUFFER, "write_buffer": SOCKET_BUFFER},
            "cipher": "aes",
            "tun": {
                "dev": DEVICE,
                "mtu": self.mtu,
                "unsafe_routes": [
                    {"route": other.site.subnet(4), "via": other.tunnel(4), "mtu": self.mtu} for other in self.others(member)
                ],
            },
            "firewall": {"outbound": ANYTHING, "inbound": ANYTHING},
            **(self._around_hub(member) if self.center else {}),
        }
        member.write("nebula.yml", [json.dumps(settings, indent=2)])  # All JSON is YAML.

    def _around_hub(self, member):
        if member is self.center:
            return {"lighthouse": {"am_lighthouse": True}, "relay": {"am_relay": True}}
        center = self.center.tunnel(4)
        return {
            "lighthouse": {
                "hosts": [center],
                "remote_allow_list": {"0.0.0.0/0": False, f"{self.center.site.v4}/32": True},
            },
            "relay": {"relays": [center], "use_relays": True},
        }

    def command(self, member):
        return ["nebula", "-config", member.path("nebula.yml")]


SUBJECTS = [Nebula]
