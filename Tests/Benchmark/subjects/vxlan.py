"""Kernel VXLAN, with devices, forwarding entries, neighbours and routes as flannel's vxlan backend makes them.

Like flannel, one device for each family, whose outer family is the inner one, and no learning. Unlike flannel, the pods
are routed and not bridged, and there are no masquerading rules: both would cost VXLAN a little.
"""

import ipaddress

from .subject import RoutedSubject

#: Outer IP, UDP and VXLAN headers and the inner Ethernet header.
OVERHEAD = {4: 50, 6: 70}


class KernelVXLAN(RoutedSubject):
    name, key = "kernel VXLAN", "vxlan"
    about = "vxlan devices with static FDB, neighbour and route entries, set up as flannel does"
    pod_mtu = 1500 - OVERHEAD[4]

    def tunnel(self, left, right):
        devices = {(site, family): self._device(site, family) for site in (left, right) for family in (4, 6)}
        for here, there in ((left, right), (right, left)):
            for family in (4, 6):
                device, hardware = devices[here, family], self._hardware(there, devices[there, family])
                gateway = self._endpoint(there, family)
                here.node.run("bridge", "fdb", "append", hardware, "dev", device, "dst", there.outer(family))
                here.node.run("ip", "neighbour", "replace", gateway, "lladdr", hardware, "dev", device, "nud", "permanent")
                here.node.run("ip", "route", "replace", there.subnet(family), "via", gateway, "dev", device, "onlink")
        # The pods' devices have the MTU of IPv4; IPv6 has the longer outer header.
        for site in (left, right):
            site.pod.run("ip", "route", "change", "default", "via", site.gateway(6), "dev", "eth0",
                         "mtu", 1500 - OVERHEAD[6])

    def _device(self, site, family):
        name = "flannel.1" if family == 4 else "flannel-v6.1"
        site.node.run("ip", "link", "add", name, "mtu", 1500 - OVERHEAD[family], "type", "vxlan", "id", 1,
                      "dev", "eth0", "local", site.outer(family), "dstport", 8472, "nolearning")
        site.node.run("ip", "address", "add", f"{self._endpoint(site, family)}/{32 if family == 4 else 128}", "dev", name,
                      *(["nodad"] if family == 6 else []))
        site.node.run("ip", "link", "set", name, "up")
        return name

    @staticmethod
    def _endpoint(site, family):
        """The device's address: the first of the node's pod subnet."""
        return str(ipaddress.ip_network(site.subnet(family)).network_address)

    @staticmethod
    def _hardware(site, device):
        return site.node.run("cat", f"/sys/class/net/{device}/address").stdout.strip()


SUBJECTS = [KernelVXLAN]
