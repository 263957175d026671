"""The network between the nodes, and an internet behind it that knows nothing of pods."""

from .sandbox import Sandbox
from .shell import run

#: Documentation prefixes (RFC 5737, RFC 3849): one wire that the nodes share, one that stands for the internet, and one
#: for a node that is far from the others.
WIRE_V4, WIRE_V6 = "192.0.2.{}", "2001:db8:1::{}"
INTERNET_V4, INTERNET_V6 = "198.51.100.2", "2001:db8:2::2"
FAR_V4, FAR_V6 = "203.0.113.{}", "2001:db8:3::{}"
ROUTER = 1


def quietly_up(sandbox, device, *addresses):
    """Gives a device its addresses without the second that duplicate address detection takes, and sets it up."""
    for address in addresses:
        sandbox.run("ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
    sandbox.run("ip", "link", "set", device, "up")


class Underlay:
    """A bridge that joins the nodes, with a router on it whose other side is the internet."""

    def __init__(self, *, keep=False):
        self.router = Sandbox("router", keep=keep)
        self.internet = Sandbox("internet", keep=keep)
        self.joined = 0
        self.router.run("ip", "link", "add", "wire", "type", "bridge")
        quietly_up(self.router, "wire", WIRE_V4.format(ROUTER) + "/24", WIRE_V6.format(ROUTER) + "/64")
        self._link(self.router, "internet", self.internet, "eth0")
        quietly_up(self.router, "internet", "198.51.100.1/24", "2001:db8:2::1/64")
        quietly_up(self.internet, "eth0", INTERNET_V4 + "/24", INTERNET_V6 + "/64")
        # The way back to the nodes only: a pod's own address is unknown here, as it is on the real internet.
        self.internet.run("ip", "route", "add", WIRE_V4.format(0) + "/24", "via", "198.51.100.1")
        self.internet.run("ip", "route", "add", WIRE_V6.format(0) + "/64", "via", "2001:db8:2::1")
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.router.run("sysctl", "-qw", f"{key}=1")

    @staticmethod
    def _link(left, left_name, right, right_name):
        run(["ip", "link", "add", left_name, "netns", left.init, "type", "veth",
             "peer", "name", right_name, "netns", right.init])

    def join(self, node, *, mtu=1500):
        """Plugs a node in as its `eth0`; returns its addresses on the wire, IPv4 and IPv6."""
        self.joined += 1
        number, port = ROUTER + 9 + self.joined, f"port{self.joined}"
        self._link(self.router, port, node, "eth0")
        self.router.run("ip", "link", "set", port, "master", "wire", "up")
        v4, v6 = WIRE_V4.format(number), WIRE_V6.format(number)
        node.run("ip", "link", "set", "eth0", "mtu", mtu)
        quietly_up(node, "eth0", v4 + "/24", v6 + "/64")
        node.run("ip", "route", "add", "default", "via", WIRE_V4.format(ROUTER))
        node.run("ip", "route", "add", "default", "via", WIRE_V6.format(ROUTER))
        return v4, v6

    def join_behind(self, node):
        """Plugs a node in as its `eth0`, on a link of its own behind the router; returns its addresses."""
        self._link(self.router, "far", node, "eth0")
        quietly_up(self.router, "far", FAR_V4.format(ROUTER) + "/24", FAR_V6.format(ROUTER) + "/64")
        v4, v6 = FAR_V4.format(ROUTER + 1), FAR_V6.format(ROUTER + 1)
        quietly_up(node, "eth0", v4 + "/24", v6 + "/64")
        node.run("ip", "route", "add", "default", "via", FAR_V4.format(ROUTER))
        node.run("ip", "route", "add", "default", "via", FAR_V6.format(ROUTER))
        return v4, v6

    def close(self):
        self.internet.close()
        self.router.close()
