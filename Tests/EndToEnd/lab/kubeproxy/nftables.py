"""kube-proxy's mode `nftables`."""

from ..case import FAMILIES
from . import CLUSTER, MASQUERADE, PROTOCOLS, SERVICES, KubeProxy, name_hash

#: What is there whatever Services there are. IP is `ip` or `ip6`, TABLE the table with its family.
OBJECTS = """\
add table TABLE
add set TABLE cluster-ips { type IPv_addr ; }
add set TABLE nodeport-ips { type IPv_addr ; }
add map TABLE service-ips { type IPv_addr . inet_proto . inet_service : verdict ; }
add map TABLE service-nodeports { type inet_proto . inet_service : verdict ; }
add map TABLE no-endpoint-services { type IPv_addr . inet_proto . inet_service : verdict ; }
add map TABLE no-endpoint-nodeports { type inet_proto . inet_service : verdict ; }
add chain TABLE filter-input { type filter hook input priority 0 ; }
add chain TABLE filter-forward { type filter hook forward priority 0 ; }
add chain TABLE filter-output { type filter hook output priority 0 ; }
add chain TABLE nat-prerouting { type nat hook prerouting priority -100 ; }
add chain TABLE nat-output { type nat hook output priority -100 ; }
add chain TABLE nat-postrouting { type nat hook postrouting priority 100 ; }
add chain TABLE cluster-ips-check
add chain TABLE service-endpoints-check
add chain TABLE nodeport-endpoints-check
add chain TABLE reject-chain
add chain TABLE services
add chain TABLE mark-for-masquerade
add chain TABLE masquerading
flush table TABLE
flush set TABLE cluster-ips
flush set TABLE nodeport-ips
flush map TABLE service-ips
flush map TABLE service-nodeports
flush map TABLE no-endpoint-services
flush map TABLE no-endpoint-nodeports
add rule TABLE filter-input ct state new jump nodeport-endpoints-check
add rule TABLE filter-input ct state new jump service-endpoints-check
add rule TABLE filter-forward ct state new jump service-endpoints-check
add rule TABLE filter-forward ct state new jump cluster-ips-check
add rule TABLE filter-output ct state new jump service-endpoints-check
add rule TABLE filter-output ct state new jump cluster-ips-check
add rule TABLE service-endpoints-check IP daddr . meta l4proto . th dport vmap @no-endpoint-services
add rule TABLE nodeport-endpoints-check IP daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
add rule TABLE cluster-ips-check IP daddr @cluster-ips reject
add rule TABLE cluster-ips-check IP daddr { SERVICES } drop
add rule TABLE reject-chain reject
add rule TABLE nat-prerouting jump services
add rule TABLE nat-output jump services
add rule TABLE nat-postrouting jump masquerading
add rule TABLE services IP daddr . meta l4proto . th dport vmap @service-ips
add rule TABLE services IP daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
add rule TABLE mark-for-masquerade meta mark set meta mark or MASQUERADE
add rule TABLE masquerading meta mark and MASQUERADE == 0 return
add rule TABLE masquerading meta mark set meta mark xor MASQUERADE
add rule TABLE masquerading masquerade fully-random
"""

#: What each rule that may be missing from a kernel looks like, by what it is called, with the chain that may hold it.
TRANSLATION, FILTER = "type nat hook postrouting priority 100", "type filter hook forward priority 0"
EXPRESSIONS = {
    "numgen": (TRANSLATION, "numgen random mod 2 vmap { 0 : accept , 1 : return }"),
    "fib": (TRANSLATION, "fib saddr type local return"),
    "a set that rules fill": (TRANSLATION, "update @probed { IP saddr }"),
    "masquerade": (TRANSLATION, "masquerade fully-random"),
    "reject": (FILTER, "reject"),
}


class Nftables(KubeProxy):
    mode = "nftables"

    def missing(self):
        """The expressions that this node's kernel lacks, each with what the tool says of it."""
        reasons = []
        for family in FAMILIES:
            ip, table = words(family, "kube-probe")
            for name, (hook, rule) in EXPRESSIONS.items():
                outcome = self.node.run("nft", "-f", "-", check=False, input=(
                    f"add table {table}\nadd chain {table} probe {{ {hook} ; }}\n"
                    f"add set {table} probed {{ type ipv{family}_addr ; flags dynamic,timeout ; timeout 1s ; }}\n"
                    f"add rule {table} probe {rule.replace('IP', ip)}\ndelete table {table}\n"
                ))
                if outcome.returncode != 0:
                    reasons.append(f"{name} in IPv{family}: {outcome.stderr.splitlines()[0]}")
        return reasons

    def apply(self, family):
        ip, table = words(family)
        text = OBJECTS.replace("TABLE", table).replace("IPv_", f"ipv{family}_").replace("IP ", f"{ip} ")
        lines = text.replace("SERVICES", SERVICES[family]).replace("MASQUERADE", MASQUERADE).splitlines()
        # The addresses of the devices with default routes, `--nodeport-addresses primary`.
        lines.append(f"add element {table} nodeport-ips {{ {self.node.address(family)} }}")
        made = []
        for service in self.services:
            lines.append(f"add element {table} cluster-ips {{ {service.address(family)} }}")
            for protocol in PROTOCOLS:
                rules = ServicePortRules(service, protocol, family, self.node)
                lines += rules.objects + rules.lines
                made += rules.made
        # Sets of who was where before stay as they are, as long as there is the endpoint.
        lines += [f"delete {kind} {table} {name}" for kind, name in self.made.get(family, ()) if (kind, name) not in made]
        self.node.run("nft", "-f", "-", input="\n".join(lines) + "\n")
        self.made[family] = made


def words(family, table="kube-proxy"):
    """How rules name the family, and a table."""
    ip = "ip" if family == 4 else "ip6"
    return ip, f"{ip} {table}"


class ServicePortRules:
    """What one port of a Service and one protocol need on one node: `objects` first, and then `lines`; `made` names the
    objects, each as its kind and its name."""

    def __init__(self, service, protocol, family, node):
        self.service, self.protocol, self.family = service, protocol, family
        self.ip, self.table = words(family)
        self.objects, self.lines, self.made = [], [], []
        everywhere, here = service.endpoints, service.on(node)
        if everywhere:
            self.cluster(everywhere)
        else:
            key = f"{service.address(family)} . {protocol} . {service.port}"
            self.element("no-endpoint-services", key, "goto reject-chain")
        if service.node_port:
            self.node_port(everywhere, here)

    def name(self, kind, *parts):
        base = f"default/{self.service.name}/{self.protocol}/{self.protocol}"
        suffix = "".join(f"__{part}" for part in parts)
        return f"{kind}-{name_hash(base, suffix, length=8)}-{base}{suffix}"

    def endpoint_name(self, kind, endpoint):
        # A colon may not be part of a name.
        return self.name(kind, f"{endpoint.address(self.family).replace(':', '.')}/{endpoint.port}")

    def add(self, kind, name, definition=""):
        self.objects.append(f"add {kind} {self.table} {name} {definition}")
        self.made.append((kind, name))

    def rule(self, chain, text):
        self.lines.append(f"add rule {self.table} {chain} {text}")

    def element(self, map, key, verdict):
        self.lines.append(f"add element {self.table} {map} {{ {key} : {verdict} }}")

    def cluster(self, endpoints):
        service, chain = self.service, self.name("service")
        address = service.address(self.family)
        self.add("chain", chain)
        self.rule(chain, f"{self.ip} daddr {address} {self.ip} saddr != {CLUSTER[self.family]} jump mark-for-masquerade")
        for endpoint in endpoints:
            self.endpoint(endpoint)
        self.distribution(chain, endpoints)
        self.element("service-ips", f"{address} . {self.protocol} . {service.port}", f"goto {chain}")

    def distribution(self, chain, endpoints):
        """Chooses one of some endpoints: the one before, if it is remembered, or else by chance."""
        for endpoint in endpoints if self.service.affinity else ():
            self.rule(chain, (
                f"{self.ip} saddr @{self.endpoint_name('affinity', endpoint)} goto {self.endpoint_name('endpoint', endpoint)}"))
        choices = " , ".join(
            f"{number} : goto {self.endpoint_name('endpoint', endpoint)}" for number, endpoint in enumerate(endpoints))
        self.rule(chain, f"numgen random mod {len(endpoints)} vmap {{ {choices} }}")

    def endpoint(self, endpoint):
        chain = self.endpoint_name("endpoint", endpoint)
        if self.service.affinity:
            remembered = self.endpoint_name("affinity", endpoint)
            self.add("set", remembered, (
                f"{{ type ipv{self.family}_addr ; flags dynamic,timeout ; timeout {self.service.affinity}s ; }}"))
        self.add("chain", chain)
        self.rule(chain, f"{self.ip} saddr {endpoint.address(self.family)} jump mark-for-masquerade")
        if self.service.affinity:
            self.rule(chain, f"update @{remembered} {{ {self.ip} saddr }}")
        self.rule(chain, f"meta l4proto {self.protocol} dnat to {endpoint.target(self.family)}")

    def node_port(self, everywhere, here):
        port = f"{self.protocol} . {self.service.node_port}"
        if not everywhere or self.service.local and not here:
            self.element("no-endpoint-nodeports", port, "drop" if everywhere else "goto reject-chain")
        if not everywhere:
            return
        cluster, external = self.name("service"), self.name("external")
        self.add("chain", external)
        self.element("service-nodeports", port, f"goto {external}")
        if not self.service.local:
            self.rule(external, "jump mark-for-masquerade")
            self.rule(external, f"goto {cluster}")
            return
        self.rule(external, f"{self.ip} saddr {CLUSTER[self.family]} goto {cluster}")
        self.rule(external, "fib saddr type local jump mark-for-masquerade")
        self.rule(external, f"fib saddr type local goto {cluster}")
        if here:
            local = self.name("local")
            self.add("chain", local)
            self.rule(external, f"goto {local}")
            self.distribution(local, here)
