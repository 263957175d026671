"""The reference plugins of Debian's package after ours, and around our IPAM; and hosts that drop what they forward."""

import ipaddress
import json

from lab.case import FAMILIES, ClusterCase, eventually
from lab.cni import Network, PluginError
from lab.kernel import Traces, ip
from lab.node import CONFIGURATION, NODE_FILE
from lab.pod import Pod
from lab.traffic import call, listening, ping

OURS = CONFIGURATION["plugins"][0]
PORTMAP = {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}}
BANDWIDTH = {"type": "bandwidth", "capabilities": {"bandwidth": True}}
FIREWALL = {"type": "firewall", "backend": "iptables"}
TUNING = {"type": "tuning", "capabilities": {"mac": True}, "sysctl": {"net.core.somaxconn": "321"}}


def chain(*plugins):
    return {**CONFIGURATION, "plugins": [OURS, *plugins]}


def tcp_port(host, pod):
    return {"portMappings": [{"hostPort": host, "containerPort": pod, "protocol": "tcp"}]}


class Chained(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second = cls.cluster.nodes
        cls.remote = Pod(cls.second).attach()

    def add(self, *plugins, capabilities=None):
        network = Network(self.first, chain(*plugins))
        pod = Pod(self.first).attach(network, capabilities=capabilities)
        self.addCleanup(lambda: pod.identifier in str(network.results) and pod.detach(capabilities=capabilities))
        return pod

    def test_firewall_and_tuning(self):
        pod = self.add(FIREWALL, TUNING)
        self.assertEqual(pod.run("cat", "/proc/sys/net/core/somaxconn").stdout.strip(), "321")
        for family in FAMILIES:
            self.assertReachable(pod, self.remote.address(family))
            self.assertReachable(self.remote, pod.address(family))
        pod.check()

    def test_a_mac_address_that_tuning_sets(self):
        capabilities = {"mac": "02:00:5e:10:20:30"}
        pod = self.add(TUNING, capabilities=capabilities)
        self.assertEqual(ip(pod, "link", "show", "eth0")[0]["address"], capabilities["mac"])
        for family in FAMILIES:
            self.assertReachable(pod, self.remote.address(family))
            self.assertReachable(self.remote, pod.address(family))
        pod.check(capabilities=capabilities)

    def test_all_four_together_leave_nothing(self):
        capabilities = {
            **tcp_port(8081, 80),
            "bandwidth": {"ingressRate": 80_000_000, "ingressBurst": 8_000_000,
                          "egressRate": 80_000_000, "egressBurst": 8_000_000},
        }
        plugins = (PORTMAP, BANDWIDTH, FIREWALL, TUNING)
        # Their first run leaves the node's own chains, which stay as they should.
        self.add(*plugins, capabilities=capabilities).detach(capabilities=capabilities)
        before = Traces(self.first)
        pods = [self.add(*plugins, capabilities=capabilities | tcp_port(8081 + n, 80)) for n in range(3)]
        for number, pod in enumerate(pods):
            unmapped = {"bandwidth": capabilities["bandwidth"]}
            pod.check(capabilities=unmapped)
            with listening(pod, 80):
                self.assertTrue(call(self.second, self.first.v4, 8081 + number, 10_000)["intact"])
            pod.check(capabilities=unmapped)
        for number, pod in enumerate(pods):
            pod.detach(capabilities=capabilities | tcp_port(8081 + number, 80))
        self.assertNothingLeft(before, self.first)


class ForwardDrop(ClusterCase):
    """iptables' FORWARD policy is DROP on both nodes, as Docker and ufw set it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second = cls.cluster.nodes

    def drop(self):
        for node in self.cluster.nodes:
            for program in ("iptables", "ip6tables"):
                node.run(program, "-P", "FORWARD", "DROP")

    def assertConnected(self, one, two):
        with listening(two, 7300), listening(one, 7300):
            for family in FAMILIES:
                for source, target in ((one, two), (two, one)):
                    answer = eventually(lambda: call(source, target.address(family), 7300, 10_000, timeout=2))
                    self.assertTrue(answer["intact"])

    def test_new_connections_pass_where_forwarding_was_dropped_before(self):
        self.drop()
        for plugins in ((), (FIREWALL,)):
            with self.subTest(plugins=[plugin["type"] for plugin in plugins]):
                one, two = (
                    Pod(node).attach(Network(node, chain(*plugins))) for node in self.cluster.nodes
                )
                self.assertConnected(one, two)
                with listening(self.cluster.internet, 7301):
                    for address in ("198.51.100.2", "2001:db8:2::2"):
                        self.assertTrue(call(one, address, 7301, 1000)["intact"])
                neighbour = Pod(self.first).attach(Network(self.first, chain(*plugins)))
                self.assertConnected(one, neighbour)

    def test_new_connections_pass_where_forwarding_is_dropped_later(self):
        one, two = (Pod(node).attach() for node in self.cluster.nodes)
        self.assertConnected(one, two)
        self.drop()
        for node in self.cluster.nodes:
            for program in ("iptables", "ip6tables"):
                node.run(program, "-F", "FORWARD")
        Pod(self.first).attach()
        Pod(self.second).attach()
        self.assertConnected(one, two)


class ForeignIPAM(ClusterCase):
    """host-local below `warrens`, in subnets that the operator pinned."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.subnets = [["10.200.1.0/24", "fd00:200:1::/64"], ["10.200.2.0/24", "fd00:200:2::/64"]]
        for number, node in enumerate(cls.cluster.nodes):
            node.settings(subnets=cls.subnets[number])
        nodes = cls.cluster.node_list()
        for item, subnets in zip(nodes["items"], cls.subnets):
            item["metadata"]["annotations"] = {"warrens.io/subnets": ",".join(subnets)}
        for node in cls.cluster.nodes:
            node.write(NODE_FILE, json.dumps(nodes))

    @staticmethod
    def network(node, subnets, **range):
        """Ranges that spare the addresses of the node itself, unless `range` says otherwise (PROTOCOL.md section 1)."""
        ranges = []
        for subnet in map(ipaddress.ip_network, subnets):
            start = subnet[8] if subnet.version == 4 else subnet[16]
            ranges.append([{"subnet": str(subnet), "rangeStart": str(start), "gateway": str(subnet[2]), **range}])
        ipam = {"type": "host-local", "dataDir": "/run/cni/networks", "ranges": ranges}
        return Network(node, {**CONFIGURATION, "plugins": [{**OURS, "ipam": ipam}]})

    def test_pods_with_host_local_addresses_talk(self):
        pods = [
            Pod(node).attach(self.network(node, self.subnets[number]))
            for number, node in enumerate(self.cluster.nodes) for _ in range(2)
        ]
        for target in pods[1:]:
            for family in FAMILIES:
                with self.subTest(target=target.name, family=family):
                    self.assertReachable(pods[0], target.address(family))
        for pod in pods:
            pod.check()
            pod.detach()

    def test_addresses_outside_the_nodes_subnets_are_refused(self):
        with self.assertRaises(PluginError) as caught:
            Pod(self.cluster.nodes[0]).attach(self.network(self.cluster.nodes[0], ["10.250.0.0/24"]))
        self.assertIn("10.250.0.", caught.exception.text)

    def test_an_address_of_the_node_itself_is_refused_by_name(self):
        network = self.network(self.cluster.nodes[0], ["10.200.1.0/24"], rangeStart="10.200.1.2", gateway="10.200.1.3")
        with self.assertRaises(PluginError) as caught:
            Pod(self.cluster.nodes[0]).attach(network)
        self.assertIn("10.200.1.2", caught.exception.text)
        self.assertEqual(caught.exception.code, 7)


class OurIPAMUnderBridge(ClusterCase):
    nodes = 1

    def test_the_reference_bridge_takes_our_addresses(self):
        (node,) = self.cluster.nodes
        network = Network(node, {
            "cniVersion": "1.0.0",
            "name": "foreign",
            "plugins": [
                {"type": "bridge", "bridge": "br0", "isDefaultGateway": True, "ipam": {"type": "warrens-ipam"}},
            ],
        })
        # The first attachment makes the bridge and the pool's own files.
        Pod(node).attach(network).detach()
        one, two = Pod(node), Pod(node)
        before = Traces(node)
        one.attach(network)
        two.attach(network)
        for family in FAMILIES:
            ping(one, two.address(family))
            ping(one, one.gateway(family))
        one.check()
        one.detach()
        two.detach()
        self.assertNothingLeft(before, node)
