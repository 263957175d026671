"""tinc 1.0, the mesh VPN."""

from .vpn import DEVICE, DIRECTORY, PORT, SOCKET_BUFFER, VPN, WIRE_PAYLOAD

#: The sequence number, and the inner Ethernet header that tinc sends even for a TUN device.
HEADER = 4 + 14
TAG = 4
BLOCK = 16


class Tinc(VPN):
    """tincd with its default algorithms (AES-256-CBC, SHA-256), without compression, in router mode.

    For speed: the largest socket buffers and a longer replay window, as its manual advises for high bandwidths. The
    device's MTU is what the wire has room for, so path MTU discovery is off: until it has found something, tinc sends large
    packets through its TCP connection. Clients of a hub declare `IndirectData`, so the center gets and forwards all.
    """

    name, key = "tinc", "tinc"
    about = "AES-256-CBC with SHA-256 (its default), UDP, router mode"
    commands = ("tincd",)
    packages = ("tinc",)
    # Whole cipher blocks, the padding of which takes one byte at least.
    mtu = (WIRE_PAYLOAD - TAG) // BLOCK * BLOCK - 1 - HEADER
    algorithms = []

    def prepare(self):
        for member in self.members:
            member.write("tinc.conf", self._settings(member))
            member.write(f"hosts/{member.name}", self._host(member))
            # It adds the public key to the node's file among the hosts.
            member.node.run("tincd", "--config", DIRECTORY, "--generate-keys=2048")
            member.key = member.read(f"hosts/{member.name}")

    def _settings(self, member):
        # One of two neighbours calls the other: the later one the earlier one, a client the center.
        callees = [
            other for other in self.neighbours(member)
            if other is self.center or (self.center is not member and other.number < member.number)
        ]
        return [
            f"Name = {member.name}",
            f"Interface = {DEVICE}",
            "AddressFamily = ipv4",
            f"UDPRcvBuf = {SOCKET_BUFFER}",
            f"UDPSndBuf = {SOCKET_BUFFER}",
            "ReplayWindow = 1024",
            *(f"ConnectTo = {callee.name}" for callee in callees),
        ]

    def _host(self, member):
        """What other nodes know of a node."""
        return [
            f"Address = {member.site.v4}",
            f"Port = {PORT}",
            "PMTUDiscovery = no",
            f"IndirectData = {'yes' if self.center not in (None, member) else 'no'}",
            *self.algorithms,
            *(f"Subnet = {member.site.subnet(family)}" for family in self.families),
        ]

    def configure(self, member):
        """A node has the files of its neighbours; of the others it hears from them."""
        for other in self.neighbours(member):
            member.write(f"hosts/{other.name}", [other.key])

    def command(self, member):
        return ["tincd", "--config", DIRECTORY, "--pidfile", member.path("pid"), "--no-detach"]


class UnencryptedTinc(Tinc):
    """tincd with `Cipher = none` and `Digest = none`; all else as in `Tinc`."""

    name, key = "tinc, unencrypted", "tinc-unencrypted"
    about = "the same with `Cipher = none` and `Digest = none`"
    encrypted, variant = False, True
    mtu = WIRE_PAYLOAD - HEADER
    algorithms = ["Cipher = none", "Digest = none", "MACLength = 0"]


SUBJECTS = [Tinc, UnencryptedTinc]
