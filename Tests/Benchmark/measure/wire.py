"""Two nodes, the wire between them, and a pod on each.

    pod --veth-- node --"wire", a veth-- node --veth-- pod

Every node is a `Sandbox` of the end-to-end laboratory, which the kernel removes with us, however we end.
"""

from lab.pod import Pod
from lab.shell import run
from lab.underlay import WIRE_V4, WIRE_V6, quietly_up

#: What may lie between two nodes.
#:
#: S: a veth as it comes. Super-packets of up to 64 KB cross it unsegmented, as between virtual machines of one host.
#: M: the sending kernel has to cut everything down to the MTU, and the receiving one may put it together again (GRO):
#:    what a physical network card without segmentation of its own does.
WIRES = {
    "S": "super-packets: a veth pair as it comes, which passes 64 KB unsegmented",
    "M": "MTU-sized packets: `tso off tx-udp-segmentation off`, receive aggregation (GRO) on, as a plain network card",
}
_OFFLOADS = {"S": [], "M": ["tso", "off", "tx-udp-segmentation", "off", "gro", "on"]}

UPLINK = "eth0"
UPLINK_MTU = 1500
FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


class Site:
    """One node with its uplink `eth0` and one pod.

    `number` tells sites apart: addresses are derived from it. `.v4` and `.v6` are the outer addresses.
    """

    def __init__(self, node, number):
        self.node, self.number = node, number
        self.v4, self.v6 = WIRE_V4.format(10 + number), WIRE_V6.format(10 + number)
        node.v4, node.v6 = self.v4, self.v6
        self.pod = Pod(node)

    def outer(self, family):
        """The node's address on the wire."""
        return self.v4 if family == 4 else self.v6

    def subnet(self, family):
        """The pods' subnet, for subjects that do not assign subnets of their own."""
        return f"10.10.{self.number}.0/24" if family == 4 else f"fd00:10:{self.number}::/64"

    def gateway(self, family):
        """The node's address towards its pod; see `connect_pod`."""
        return f"10.10.{self.number}.1" if family == 4 else f"fd00:10:{self.number}::1"

    def pod_address(self, family):
        """The pod's address; see `connect_pod`."""
        return f"10.10.{self.number}.2" if family == 4 else f"fd00:10:{self.number}::2"

    def connect_pod(self, *, mtu=UPLINK_MTU):
        """Gives the pod a veth, an address of each family and a default route, and lets the node forward.

        For subjects without a container network of their own. The pod's device is `eth0`, the node's end `pod`.
        """
        node, pod = self.node, self.pod
        for key in FORWARDING:
            node.run("sysctl", "-qw", f"{key}=1")
        node.run("ip", "link", "add", "pod", "mtu", mtu, "type", "veth",
                 "peer", "name", UPLINK, "mtu", mtu, "netns", pod.name)
        quietly_up(node, "pod", f"{self.gateway(4)}/24", f"{self.gateway(6)}/64")
        quietly_up(pod, UPLINK, f"{self.pod_address(4)}/24", f"{self.pod_address(6)}/64")
        for family in (4, 6):
            pod.run("ip", "route", "add", "default", "via", self.gateway(family))

    def join(self, *, mtu=UPLINK_MTU, offloads=()):
        """Configures the uplink, which `connect` has made."""
        self.node.run("ip", "link", "set", UPLINK, "mtu", mtu)
        if offloads:
            self.node.run("ethtool", "-K", UPLINK, *offloads)
        quietly_up(self.node, UPLINK, f"{self.v4}/24", f"{self.v6}/64")

    def close(self):
        self.node.close()


def connect(left, right, wire, *, mtu=UPLINK_MTU):
    """Lays a wire, "S" or "M", between two sites."""
    run(["ip", "link", "add", UPLINK, "netns", left.node.init, "type", "veth",
         "peer", "name", UPLINK, "netns", right.node.init])
    for site in (left, right):
        site.join(mtu=mtu, offloads=_OFFLOADS[wire])


def connect_all(sites, switch, wire, *, mtu=UPLINK_MTU):
    """Plugs any number of sites into a switch, which is a sandbox that gets a bridge."""
    switch.run("ip", "link", "add", "switch", "type", "bridge")
    switch.run("ip", "link", "set", "switch", "mtu", mtu, "up")
    for site in sites:
        port = f"port{site.number}"
        run(["ip", "link", "add", port, "netns", switch.init, "type", "veth",
             "peer", "name", UPLINK, "netns", site.node.init])
        if _OFFLOADS[wire]:
            switch.run("ethtool", "-K", port, *_OFFLOADS[wire])
        switch.run("ip", "link", "set", port, "mtu", mtu, "master", "switch", "up")
        site.join(mtu=mtu, offloads=_OFFLOADS[wire])
