"""kube-proxy's mode `iptables`."""

from ..shell import CommandFailed
from . import CLUSTER, MASQUERADE, PROTOCOLS, KubeProxy, name_hash

FIRST = "-m conntrack --ctstate NEW"
LAST_RULE = '"kubernetes service nodeports; NOTE: this must be the last rule in this chain"'

#: Table, chain that is there anyway, condition, and our chain, in the order in which they are put in front.
JUMPS = (
    ("filter", "INPUT", FIRST, "KUBE-EXTERNAL-SERVICES"),
    ("filter", "FORWARD", FIRST, "KUBE-EXTERNAL-SERVICES"),
    ("filter", "INPUT", "", "KUBE-NODEPORTS"),
    ("filter", "FORWARD", FIRST, "KUBE-SERVICES"),
    ("filter", "OUTPUT", FIRST, "KUBE-SERVICES"),
    ("filter", "FORWARD", "", "KUBE-FORWARD"),
    ("filter", "INPUT", FIRST, "KUBE-PROXY-FIREWALL"),
    ("filter", "OUTPUT", FIRST, "KUBE-PROXY-FIREWALL"),
    ("filter", "FORWARD", FIRST, "KUBE-PROXY-FIREWALL"),
    ("nat", "OUTPUT", "", "KUBE-SERVICES"),
    ("nat", "PREROUTING", "", "KUBE-SERVICES"),
    ("nat", "POSTROUTING", "", "KUBE-POSTROUTING"),
)

#: The chains that are there whatever Services there are.
CHAINS = {
    "filter": ("KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL"),
    "nat": ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"),
}

FORWARD = f"""\
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark {MASQUERADE}/{MASQUERADE} -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"""

MASQUERADING = f"""\
-A KUBE-MARK-MASQ -j MARK --or-mark {MASQUERADE}
-A KUBE-POSTROUTING -m mark ! --mark {MASQUERADE}/{MASQUERADE} -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark {MASQUERADE}
-A KUBE-POSTROUTING -j MASQUERADE --random-fully"""

#: What each rule that may be missing from a kernel looks like, by its extension.
EXTENSIONS = {
    "recent": "-m recent --name warrens-probe --rcheck --seconds 60 --reap -j RETURN",
    "statistic": "-m statistic --mode random --probability 0.5 -j RETURN",
    "addrtype": "-m addrtype --dst-type LOCAL -j RETURN",
    "conntrack": "-m conntrack --ctstate NEW -j RETURN",
    "comment": "-m comment --comment probe -j RETURN",
    "mark": f"-m mark --mark {MASQUERADE}/{MASQUERADE} -j RETURN",
    "MARK": f"-j MARK --or-mark {MASQUERADE}",
}


class Iptables(KubeProxy):
    mode = "iptables"
    #: By family; Debian's `iptables` speaks nftables to the kernel, as in kube-proxy's own image on such a host.
    programs = {4: "iptables", 6: "ip6tables"}

    def missing(self):
        """The extensions that this node's kernel lacks, each with what the tool says of it."""
        reasons = []
        for family, program in self.programs.items():
            self.node.run(program, "-t", "nat", "-N", "KUBE-PROBE")
            for extension, rule in EXTENSIONS.items():
                try:
                    self.node.run(program, "-t", "nat", "-A", "KUBE-PROBE", *rule.split())
                except CommandFailed as failure:
                    reasons.append(f"{extension} in IPv{family}: {failure.outcome.stderr.splitlines()[0]}")
            for verb in ("-F", "-X"):
                self.node.run(program, "-t", "nat", verb, "KUBE-PROBE")
        return reasons

    def restore(self, family, *lines):
        self.node.run(f"{self.programs[family]}-restore", "--noflush", input="\n".join(lines) + "\n")

    def apply(self, family):
        first = family not in self.made
        filters, nat, chains = [], [], []
        for service in self.services:
            for protocol in PROTOCOLS:
                rules = ServicePortRules(service, protocol, family, self.node)
                filters += rules.filters
                nat += rules.nat
                chains += rules.chains
        stale = [chain for chain in self.made.get(family, ()) if chain not in chains]
        self.restore(
            family,
            "*filter", *declared(CHAINS["filter"]), *FORWARD.splitlines(), *filters,
            *(jumps("filter") if first else []), "COMMIT",
            "*nat", *declared(CHAINS["nat"]), *declared(chains), *declared(stale), *MASQUERADING.splitlines(), *nat,
            f"-A KUBE-SERVICES -m comment --comment {LAST_RULE} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
            *(f"-X {chain}" for chain in stale), *(jumps("nat") if first else []), "COMMIT",
        )
        self.made[family] = chains


def declared(chains):
    """Lines that make chains, or empty those that are there."""
    return [f":{chain} - [0:0]" for chain in chains]


def jumps(table):
    return [f"-I {chain} {condition} -j {target}" for its, chain, condition, target in JUMPS if its == table]


class ServicePortRules:
    """The rules of one port of a Service and one protocol, on one node: `filters`, `nat`, and the `chains` in `nat`."""

    def __init__(self, service, protocol, family, node):
        self.service, self.protocol, self.family = service, protocol, family
        self.filters, self.nat, self.chains = [], [], []
        self.comment = f"-m comment --comment {service.port_name(protocol)}"
        everywhere, here = service.endpoints, service.on(node)
        if everywhere:
            cluster = self.distribution("KUBE-SVC", everywhere)
            self.nat.append(f"-A KUBE-SERVICES {self.comment} {self.to_cluster_address} -j {cluster}")
            foreign = f"-A {cluster} {self.comment} {self.to_cluster_address} ! -s {CLUSTER[family]} -j KUBE-MARK-MASQ"
            # In front of the distribution.
            self.nat.insert(0, foreign)
            for endpoint in everywhere:
                self.endpoint(endpoint)
        else:
            self.filters.append(f"-A KUBE-SERVICES {self.comment} {self.to_cluster_address} -j REJECT")
        if service.node_port:
            self.node_port(everywhere, here)

    @property
    def to_cluster_address(self):
        service = self.service
        return f"-m {self.protocol} -p {self.protocol} -d {service.address(self.family)} --dport {service.port}"

    @property
    def to_node_port(self):
        return f"-m {self.protocol} -p {self.protocol} --dport {self.service.node_port}"

    def chain(self, kind, *parts):
        return f"{kind}-{name_hash(self.service.port_name(self.protocol), self.protocol, *parts, length=16)}"

    def endpoint_chain(self, endpoint):
        return self.chain("KUBE-SEP", endpoint.target(self.family))

    def distribution(self, kind, endpoints):
        """The chain that chooses one of some endpoints: the one before, if it is remembered, or else by chance."""
        chain = self.chain(kind)
        self.chains.append(chain)
        targets = [self.endpoint_chain(endpoint) for endpoint in endpoints]
        if self.service.affinity:
            self.nat += [
                f"-A {chain} {self.comment} -m recent --name {target} --rcheck --seconds {self.service.affinity} --reap"
                f" -j {target}" for target in targets
            ]
        for left, target in zip(range(len(targets), 0, -1), targets):
            chance = f"-m statistic --mode random --probability {1 / left:.10f} " if left > 1 else ""
            self.nat.append(f"-A {chain} {self.comment} {chance}-j {target}")
        return chain

    def endpoint(self, endpoint):
        chain = self.endpoint_chain(endpoint)
        self.chains.append(chain)
        remember = f"-m recent --name {chain} --set " if self.service.affinity else ""
        self.nat += [
            f"-A {chain} {self.comment} -s {endpoint.address(self.family)} -j KUBE-MARK-MASQ",
            f"-A {chain} {self.comment} {remember}-m {self.protocol} -p {self.protocol}"
            f" -j DNAT --to-destination {endpoint.target(self.family)}",
        ]

    def node_port(self, everywhere, here):
        if not everywhere or self.service.local and not here:
            verdict = "DROP" if everywhere else "REJECT"
            self.filters.append(
                f"-A KUBE-EXTERNAL-SERVICES {self.comment} -m addrtype --dst-type LOCAL {self.to_node_port} -j {verdict}")
        if not everywhere:
            return
        cluster, external = self.chain("KUBE-SVC"), self.chain("KUBE-EXT")
        self.chains.append(external)
        self.nat.append(f"-A KUBE-NODEPORTS {self.comment} {self.to_node_port} -j {external}")
        if not self.service.local:
            self.nat += [f"-A {external} {self.comment} -j KUBE-MARK-MASQ", f"-A {external} -j {cluster}"]
            return
        self.nat += [
            f"-A {external} {self.comment} -s {CLUSTER[self.family]} -j {cluster}",
            f"-A {external} {self.comment} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ",
            f"-A {external} {self.comment} -m addrtype --src-type LOCAL -j {cluster}",
        ]
        if here:
            self.nat.append(f"-A {external} -j {self.distribution('KUBE-SVL', here)}")
