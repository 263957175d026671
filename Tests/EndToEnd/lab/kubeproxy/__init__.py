"""Stands in for kube-proxy: the rules that it makes of Services on a node, in either of two modes, by the tools that it uses.

The text of the rules is ours. Their structure (chains, maps and sets, their names, the order and the hooks of the rules, marks,
what is masqueraded, what changes when endpoints do) is that of kube-proxy 1.26 to 1.33 with `--cluster-cidr` and otherwise
its defaults, by `pkg/proxy/iptables/proxier.go`, `pkg/proxy/nftables/proxier.go` and the expectations of their tests.

Left out, because nothing of it concerns how packets travel between nodes: watching an API server, SCTP, external addresses and
load balancers with their source ranges, `internalTrafficPolicy: Local`, endpoints that are terminating or preferred by
their zone, health check ports, node ports on the loopback device (`route_localnet`), the canary chains by which a flush
is noticed, large-cluster mode, and all of ipvs mode.
"""

import base64
import hashlib
from dataclasses import dataclass, field

from ..case import FAMILIES

#: `--cluster-cidr`: what comes from elsewhere is masqueraded on its way to a Service. Warrens' overlay prefixes.
CLUSTER = {4: "10.192.0.0/10", 6: "fd53:7769:726c::/48"}
#: `--service-cluster-ip-range` of the API server.
SERVICES = {4: "10.96.0.0/16", 6: "fd00:96::/112"}
#: `iptables.masqueradeBit` 14: what has this bit in its mark is masqueraded when it leaves.
MASQUERADE = "0x4000"
PROTOCOLS = ("tcp", "udp")


@dataclass(frozen=True)
class Endpoint:
    """Who answers for a Service: a pod, or a process in the network of a node itself."""

    node: str
    v4: str
    v6: str
    port: int

    @classmethod
    def of(cls, place, port):
        """The endpoint at a port of a `Pod` or of a `Node`."""
        return cls(getattr(place, "node", place).name, place.address(4), place.address(6), port)

    def address(self, family):
        return self.v4 if family == 4 else self.v6

    def target(self, family):
        """Address and port, as both tools write them."""
        return f"{self.v4}:{self.port}" if family == 4 else f"[{self.v6}]:{self.port}"


@dataclass(frozen=True)
class Service:
    """A Service with one port, served by TCP and by UDP, in both families."""

    name: str
    #: The last part of its cluster addresses.
    number: int
    endpoints: tuple = ()
    port: int = 80
    node_port: int = 0
    #: `externalTrafficPolicy: Local`: a node port leads to endpoints of that node alone, and the client's address stays.
    local: bool = False
    #: Seconds of `sessionAffinity: ClientIP`; 0 for none.
    affinity: int = 0

    def address(self, family):
        """The cluster address."""
        return f"10.96.0.{self.number}" if family == 4 else f"fd00:96::{self.number:x}"

    def on(self, node):
        """The endpoints on a node."""
        return [endpoint for endpoint in self.endpoints if endpoint.node == node.name]

    def port_name(self, protocol):
        return f"default/{self.name}:{protocol}"


def name_hash(*parts, length):
    """The distinctive part of a chain's name: the start of a SHA-256 digest in base 32."""
    return base64.b32encode(hashlib.sha256("".join(parts).encode()).digest()).decode()[:length]


@dataclass
class KubeProxy:
    """What both modes share. A mode has `apply` and `missing`."""

    node: object
    services: tuple = ()
    #: By family, what the last `apply` made that goes with its Service; no entry while there are no rules at all.
    made: dict = field(default_factory=dict)

    def sync(self, services):
        """Makes the rules say what these Services are, each family in one transaction, and ends UDP flows to endpoints that
        are gone: unlike TCP's they would never end, as long as the client asks on."""
        former, self.services = self.services, tuple(services)
        for family in FAMILIES:
            self.apply(family)
        current = {service.name: service for service in self.services}
        for service in former:
            now = current.get(service.name)
            for endpoint in set(service.endpoints) - set(now.endpoints if now else ()):
                for family in FAMILIES:
                    self.forget(service, endpoint, family)

    def forget(self, service, endpoint, family):
        """Deletes the connection tracking entries of UDP that lead from a Service to an endpoint."""
        for original in (["--orig-dst", service.address(family)], ["--orig-port-dst", service.node_port]):
            if original[1]:
                # It fails where there are none.
                self.node.run(
                    "conntrack", "-D", "-f", "ipv4" if family == 4 else "ipv6", "-p", "udp", *original,
                    "--dst-nat", endpoint.address(family), check=False,
                )
