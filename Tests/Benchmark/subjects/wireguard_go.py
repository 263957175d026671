"""WireGuard in user space: the authors' Go program, driven by `wg`."""

from .vpn import DEVICE, PORT, VPN, WIRE_PAYLOAD

#: Header (type, receiver, counter) and authentication tag of a data message.
OVERHEAD = 16 + 16


class WireGuardGo(VPN):
    """wireguard-go as it comes: WireGuard has one cipher, ChaCha20-Poly1305, and the program has no setting for speed.

    It encrypts on all processors by itself. The MTU is 1440 rather than `wg-quick`'s 1420, which leaves room for an outer
    IPv6 header that is not there. A node allows its peers' pod subnets. The center of a hub allows each client's, and its
    kernel forwards from the device back into the device, as on every WireGuard server.
    """

    name = key = "wireguard-go"
    about = "ChaCha20-Poly1305 on all processors; it has no settings for speed"
    commands = ("wireguard-go", "wg")
    packages = ("wireguard-go", "wireguard-tools")
    mtu = WIRE_PAYLOAD - OVERHEAD

    def prepare(self):
        for member in self.members:
            private = member.node.run("wg", "genkey").stdout
            member.write("private.key", [private.strip()])
            member.key = member.node.run("wg", "pubkey", input=private).stdout.strip()

    def configure(self, member):
        lines = ["[Interface]", f"PrivateKey = {member.read('private.key').strip()}", f"ListenPort = {PORT}"]
        for peer in self.neighbours(member):
            behind = self.others(member) if peer is self.center else [peer]
            allowed = [other.site.subnet(family) for other in behind for family in self.families]
            lines += [
                "[Peer]",
                f"PublicKey = {peer.key}",
                f"Endpoint = {peer.site.v4}:{PORT}",
                f"AllowedIPs = {', '.join(allowed)}",
            ]
        member.write("wg.conf", lines)

    def command(self, member):
        return ["wireguard-go", "--foreground", DEVICE]

    def device_made(self, member):
        member.node.run("wg", "setconf", DEVICE, member.path("wg.conf"))


SUBJECTS = [WireGuardGo]
