"""OpenVPN 2.6 in user space."""

import ipaddress

from .vpn import DEVICE, PORT, SOCKET_BUFFER, VPN, WIRE_PAYLOAD

#: Opcode with peer id, and packet id.
HEADER = 4 + 4
TAG = 16


class OpenVPN(VPN):
    """openvpn with AES-128-GCM over UDP and a TUN device, keys as in its manual's small setup with fingerprints.

    The left node is the server, or the center of a hub, which hands packets from client to client inside the program
    (`client-to-client`). For speed: the cheapest cipher that its default list offers, `fast-io`, the largest socket buffers,
    a longer queue of the device, and the MTU that the wire has room for. Data channel offload, a kernel module, is off.
    """

    name, key = "OpenVPN", "openvpn"
    about = "AES-128-GCM, UDP, TUN device, `fast-io`, no kernel module"
    commands = ("openvpn", "openssl")
    packages = ("openvpn", "openssl")
    mtu = WIRE_PAYLOAD - HEADER - TAG
    configures_device = True
    protection = ["data-ciphers AES-128-GCM"]

    @property
    def server(self):
        return self.center or self.members[0]

    def protocol(self, is_server):
        """What carries the tunnel."""
        return "udp4"

    def prepare(self):
        for member in self.members:
            certificate = member.path("node.crt")
            member.node.run(
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-sha256",
                "-days", "3650", "-subj", f"/CN={member.name}", "-keyout", member.path("node.key"), "-out", certificate,
            )
            line = member.node.run("openssl", "x509", "-fingerprint", "-sha256", "-noout", "-in", certificate).stdout
            member.key = line.strip().partition("=")[2]

    def configure(self, member):
        is_server = member is self.server
        member.write("openvpn.conf", [
            f"dev {DEVICE}",
            "dev-type tun",
            "topology subnet",
            f"tun-mtu {self.mtu}",
            "mssfix 0",
            f"proto {self.protocol(is_server)}",
            f"cert {member.path('node.crt')}",
            f"key {member.path('node.key')}",
            "<peer-fingerprint>",
            *(other.key for other in (self.others(member) if is_server else [self.server])),
            "</peer-fingerprint>",
            "fast-io",
            f"sndbuf {SOCKET_BUFFER}",
            f"rcvbuf {SOCKET_BUFFER}",
            "txqueuelen 1000",
            "disable-dco",
            *self.protection,
            *(self._serve(member) if is_server else ["client", "nobind", f"remote {self.server.site.v4} {PORT}"]),
        ])

    def _serve(self, server):
        """The settings of the server, which also says, by the names in certificates, what is behind which client."""
        for client in self.others(server):
            subnet = ipaddress.ip_network(client.site.subnet(4))
            server.write(f"clients/{client.name}", [
                f"ifconfig-push {client.tunnel(4)} 255.255.255.0",
                f"ifconfig-ipv6-push {client.tunnel(6)}/64 {server.tunnel(6)}",
                f"iroute {subnet.network_address} {subnet.netmask}",
                f"iroute-ipv6 {client.site.subnet(6)}",
            ])
        return [
            "mode server",
            "tls-server",
            f"port {PORT}",
            "dh none",
            f"ifconfig {server.tunnel(4)} 255.255.255.0",
            f"ifconfig-ipv6 {server.tunnel(6)}/64 {server.tunnel(6)}",
            'push "topology subnet"',
            f"client-config-dir {server.path('clients')}",
            "client-to-client",
        ]

    def command(self, member):
        return ["openvpn", "--config", member.path("openvpn.conf")]


class OpenVPNOverTCP(OpenVPN):
    """openvpn in TCP connections, for networks that let nothing else pass; all else as in `OpenVPN`."""

    name, key = "OpenVPN over TCP", "openvpn-tcp"

    def protocol(self, is_server):
        return "tcp4-server" if is_server else "tcp4-client"


class UnencryptedOpenVPN(OpenVPN):
    """openvpn with `data-ciphers none` and `auth none`; all else as in `OpenVPN`.

    Without a cipher it would negotiate new keys every 64 MB, as for ciphers of small blocks: `reneg-bytes 0` spares it.
    """

    name, key = "OpenVPN, unencrypted", "openvpn-unencrypted"
    about = "the same with `data-ciphers none` and `auth none`"
    encrypted, variant = False, True
    mtu = WIRE_PAYLOAD - HEADER
    protection = ["data-ciphers none", "cipher none", "auth none", "reneg-bytes 0"]


SUBJECTS = [OpenVPN, UnencryptedOpenVPN]
