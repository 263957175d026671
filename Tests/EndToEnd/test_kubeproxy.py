"""Services by the rules that kube-proxy makes of them, in either of its modes, across nodes beside each datapath.

The nodes are strict, as in `test_services`: they drop what connection tracking cannot place, and what comes in where it would
not go out.
"""

import re
from contextlib import ExitStack
from dataclasses import replace

from lab.case import FAMILIES, eventually
from lab.kernel import conntrack
from lab.kubeproxy import Endpoint, Service, iptables, nftables
from lab.traffic import call, call_refused, calls, chatting, listening, ping
from lab.underlay import INTERNET_V4, INTERNET_V6
from test_services import PORT, Strict, together

INTERNET = {4: INTERNET_V4, 6: INTERNET_V6}

#: Where processes of a node itself listen, as an API server does.
HOST_PORT = 6443

#: So many that chance alone never leaves out one of two endpoints.
MANY = 40


class Services:
    """The tests. Classes add a mode of kube-proxy and a datapath."""

    mode = None
    #: What the nodes announce of themselves.
    features = "ebpf,zero-checksum6"
    #: Whether packets between pods may skip the stack.
    skips = False

    @classmethod
    def prepare(cls):
        """kube-proxy has run before the first pod is there, as on a node that has just booted."""
        super().prepare()
        cls.cluster.announce(cls.features)
        cls.proxies = [cls.mode(node) for node in cls.cluster.nodes]
        if missing := cls.proxies[0].missing():
            cls.skipTest(cls, f"this kernel lacks what kube-proxy's mode {cls.mode.mode} needs: {'; '.join(missing)}")
        cls.sync()

    @classmethod
    def sync(cls, *services):
        for proxy in cls.proxies:
            proxy.sync(services)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        one, two, neighbour = (Endpoint.of(pod, PORT) for pod in (cls.one, cls.two, cls.neighbour))
        cls.both = Service("both", 1, (one, two), node_port=30001)
        cls.remote = Service("remote", 2, (two,), node_port=30002)
        cls.kept = Service("kept", 3, (neighbour,), node_port=30003, local=True)
        cls.sticky = Service("sticky", 4, (one, two), node_port=30004, affinity=10800)
        cls.empty = Service("empty", 5, (), node_port=30005)
        cls.api = Service("kubernetes", 6, (Endpoint.of(cls.second, HOST_PORT),), port=443)
        cls.services = (cls.both, cls.remote, cls.kept, cls.sticky, cls.empty, cls.api)
        cls.sync(*cls.services)
        for place, port in ((cls.one, PORT), (cls.two, PORT), (cls.neighbour, PORT), (cls.second, HOST_PORT)):
            for udp in (False, True):
                cls.enterClassContext(listening(place, port, udp=udp))
        for family in FAMILIES:
            eventually(lambda: ping(cls.one, cls.two.address(family), timeout=1))

    def test_cluster_addresses(self):
        """From pods and from nodes, to pods of their own node, of the other one, and to themselves."""
        ways = []
        for family in FAMILIES:
            remote, kept = self.remote.address(family), self.kept.address(family)
            ways += [
                (self.one, remote, 80, self.one.address(family), self.two),
                (self.two, kept, 80, self.two.address(family), self.neighbour),
                (self.one, kept, 80, self.one.address(family), self.neighbour),
                # Were it to see its own address, it would answer itself, past the translation.
                (self.two, remote, 80, self.bridge_address(self.second, family), self.two),
                (self.first, remote, 80, self.tunnel_address(self.first, family), self.two),
                (self.second, kept, 80, self.tunnel_address(self.second, family), self.neighbour),
                (self.first, kept, 80, self.bridge_address(self.first, family), self.neighbour),
            ]
        # Larger than any packet, so that it crosses in fragments.
        self.assertTalk(*ways, datagram=4000)

    def test_an_endpoint_in_the_network_of_a_node(self):
        """The API server's Service, which every pod calls."""
        ways = []
        for family in FAMILIES:
            address = self.api.address(family)
            first = self.first.address(family)
            ways += [
                # It lies outside of the overlay, so the pod goes there in the name of its node.
                (self.one, address, 443, first, self.second),
                (self.two, address, 443, self.two.address(family), self.second),
                (self.first, address, 443, first, self.second),
                (self.second, address, 443, None, self.second),
            ]
        self.assertTalk(*ways)

    def test_chance_and_affinity(self):
        """Without affinity every endpoint gets some of the connections; with it, one gets all that come from one address."""
        places = [
            (caller, address, port, service, family, udp)
            for family in FAMILIES for service in (self.both, self.sticky)
            for caller, address, port in (
                *((caller, service.address(family), 80) for caller in (self.one, self.neighbour, self.first, self.second)),
                (self.cluster.internet, self.first.address(family), service.node_port),
            ) for udp in (False, True)
        ]
        answers = together(*(
            lambda place=place: calls(*place[:3], times=MANY, udp=place[-1]) for place in places
        ))
        for (caller, address, port, service, family, udp), some in zip(places, answers):
            with self.subTest(caller=caller.name, address=address, port=port, udp=udp):
                self.assertEqual(len(some), MANY)
                answering = {answer["called"] for answer in some}
                endpoints = {endpoint.address(family) for endpoint in service.endpoints}
                if service is self.both:
                    self.assertEqual(answering, endpoints)
                else:
                    self.assertEqual(len(answering), 1)
                    self.assertLessEqual(answering, endpoints)

    def test_affinity_moves(self):
        """Where an endpoint is gone, another one gets its clients, and keeps them when the first one is back."""
        self.addCleanup(self.sync, *self.services)
        others = tuple(service for service in self.services if service is not self.sticky)

        def answering():
            """Who answers, by family."""
            return together(*(
                lambda family=family: call(self.one, self.sticky.address(family), 80)["called"] for family in FAMILIES
            ))

        for endpoint in self.sticky.endpoints:
            (left,) = set(self.sticky.endpoints) - {endpoint}
            self.sync(*others, replace(self.sticky, endpoints=(left,)))
            for _ in range(3):
                self.assertEqual(answering(), [left.address(family) for family in FAMILIES])
                self.sync(*self.services)

    def test_node_ports(self):
        """`externalTrafficPolicy: Cluster`: every node leads to every endpoint, in its own name."""
        ways = []
        for family in FAMILIES:
            first, second = (node.address(family) for node in self.cluster.nodes)
            tunnel, bridge = self.tunnel_address(self.first, family), self.bridge_address(self.second, family)
            port = self.remote.node_port
            ways += [
                (caller, first, port, tunnel, self.two)
                for caller in (self.cluster.internet, self.second, self.one, self.two, self.first)
            ] + [
                (caller, second, port, bridge, self.two)
                for caller in (self.cluster.internet, self.first, self.one, self.two, self.second)
            ]
        self.assertTalk(*ways)

    def test_a_packet_larger_than_the_tunnel(self):
        """Who calls from outside learns from the node how much fits, in spite of the translation."""
        # Headers of IP and UDP fill the 1500 bytes of the wire.
        for address, length in ((self.first.v4, 1500 - 28), (self.first.v6, 1500 - 48)):
            with chatting(self.cluster.internet, address, self.remote.node_port, length) as answered:
                eventually(lambda: self.assertGreater(answered(), 20))

    def test_node_ports_that_keep_the_address(self):
        """`externalTrafficPolicy: Local`: who calls from outside is seen, and served only where there is an endpoint."""
        port = self.kept.node_port
        ways = []
        for family in FAMILIES:
            first, second = (node.address(family) for node in self.cluster.nodes)
            ways += [
                (self.cluster.internet, first, port, INTERNET[family], self.neighbour),
                (self.second, first, port, second, self.neighbour),
                # It leaves its node in the name of that.
                (self.two, first, port, second, self.neighbour),
                # What a node's own pods and processes send counts as from inside, and reaches all endpoints.
                (self.one, first, port, self.one.address(family), self.neighbour),
                (self.two, second, port, self.two.address(family), self.neighbour),
                (self.first, first, port, self.bridge_address(self.first, family), self.neighbour),
                (self.second, second, port, self.tunnel_address(self.second, family), self.neighbour),
            ]
        self.assertTalk(*ways)
        refused = [(caller, address, udp)
                   for caller in (self.cluster.internet, self.first) for address in (self.second.v4, self.second.v6)
                   for udp in (False, True)]
        errors = together(*(
            lambda caller=caller, address=address, udp=udp: call_refused(caller, address, port, udp=udp)
            for caller, address, udp in refused
        ))
        for error in errors:
            self.assertIn("timed out", error)

    def test_no_endpoint(self):
        """Whoever calls is told at once, wherever from."""
        places = [
            (caller, address, port) for family in FAMILIES for address, port, callers in (
                (self.empty.address(family), 80, (self.one, self.first)),
                (self.first.address(family), self.empty.node_port, (self.one, self.second, self.cluster.internet)),
            ) for caller in callers
        ]
        for place, error in zip(places, together(*(lambda place=place: call_refused(*place, timeout=20) for place in places))):
            with self.subTest(caller=place[0].name, address=place[1]):
                self.assertIn("refused", error)

    def test_endpoints_change_under_traffic(self):
        """Connections end where they began, datagrams go on to the next endpoint, and what needs no Service goes on."""
        moving = [Service("moving", 7, (Endpoint.of(pod, PORT),)) for pod in (self.two, self.neighbour)]
        gone = Service("moving", 7)
        self.addCleanup(self.sync, *self.services)
        self.sync(*self.services, moving[0])
        address = moving[0].address

        def answering(family, udp=False):
            return call(self.one, address(family), 80, udp=udp)["called"]

        def established():
            entries = conntrack(self.first, *map(address, FAMILIES))
            return [entry for entry in entries if " ESTABLISHED " in entry]

        with ExitStack() as stack:
            direct = [stack.enter_context(chatting(self.one, self.two.address(family), PORT)) for family in FAMILIES]
            self.assertBypass(direct)
            with ExitStack() as meanwhile:
                asking = [meanwhile.enter_context(chatting(self.one, address(family), 80)) for family in FAMILIES]

                def change():
                    eventually(lambda: self.assertEqual(len(established()), len(FAMILIES)), within=60)
                    self.sync(*self.services, moving[1])
                    for family in FAMILIES:
                        for udp in (False, True):
                            self.assertEqual(answering(family, udp), self.neighbour.address(family))
                    self.assertGoOn(asking + direct)

                _, *answers = together(change, *(
                    lambda family=family: call(self.one, address(family), 80, 4_000_000, seconds=4) for family in FAMILIES
                ))
            for family, answer in zip(FAMILIES, answers):
                self.assertTrue(answer["intact"])
                self.assertEqual(answer["called"], self.two.address(family))

            # Nobody asks by UDP now: errors to one host are so few that those to the datagrams would be all of them.
            self.sync(*self.services, gone)
            for family in FAMILIES:
                self.assertIn("refused", call_refused(self.one, address(family), 80, timeout=20))
            self.assertGoOn(direct)
            self.sync(*self.services, moving[0])
            for family in FAMILIES:
                for udp in (False, True):
                    self.assertEqual(answering(family, udp), self.two.address(family))
            # Whatever the rules' changes have undone.
            self.assertBypass(direct)

    def assertGoOn(self, talks, *, answers=30):
        before = [answered() for answered in talks]
        for answered, some in zip(talks, before):
            eventually(lambda: self.assertGreater(answered(), some + answers), within=60)

    def assertBypass(self, talks):
        """Conversations of pods skip the stack if they may, whatever Services there are."""
        def look():
            before = self.bypassed(self.first)
            self.assertGoOn(talks)
            sent, received = (after - former for former, after in zip(before, self.bypassed(self.first)))
            self.assertEqual((sent > 20, received > 20), (self.skips, self.skips))

        eventually(look, within=60)


class Iptables(Services):
    mode = iptables.Iptables

    def test_forwarding_is_forbidden(self):
        """Only this mode opens the way through a host that forwards nothing, as Docker and ufw set it: what has the mark."""
        for program in self.mode.programs.values():
            self.addCleanup(self.first.run, program, "-P", "FORWARD", "ACCEPT")
            self.first.run(program, "-P", "FORWARD", "DROP")
        self.assertTalk(*(
            (caller, address, self.remote.node_port, None, self.two)
            for caller in (self.cluster.internet, self.second) for address in (self.first.v4, self.first.v6)
        ))
        # What has no mark does not pass.
        self.assertIn("timed out", call_refused(self.two, self.neighbour.address(4), PORT))


class Nftables(Services):
    mode = nftables.Nftables
    #: The other mode's tunnels go by IPv4.
    outside = "6"


class InUserSpace:
    settings = {"datapath": "tun"}
    features = "zero-checksum6"

    def test_the_tunnel_is_none_of_its_business(self):
        """The mark of the daemon's own datagrams shares no bit with kube-proxy's: they keep the port that peers know."""
        for family in FAMILIES:
            self.assertReachable(self.one, self.two.address(family))
        entries = [
            entry for node in self.cluster.nodes for entry in conntrack(node, node.address(int(self.outside)))
            # As the daemons have sent it: chance may give another flow this port on its way out.
            if "sport=31337 dport=31337" in entry
        ]
        self.assertGreaterEqual(len(entries), 2)
        for entry in entries:
            source, destination, answered_from, answered_to = re.findall(r"port=(\d+)", entry)
            self.assertEqual((source, destination), (answered_to, answered_from), entry)


class InTheKernel:
    settings = {"datapath": "ebpf"}


class PastTheStack:
    settings = {"datapath": "ebpf", "fastPath": "on"}
    skips = True


class IptablesInUserSpace(InUserSpace, Iptables, Strict):
    pass


class IptablesInTheKernel(InTheKernel, Iptables, Strict):
    pass


class IptablesPastTheStack(PastTheStack, Iptables, Strict):
    pass


class NftablesInUserSpace(InUserSpace, Nftables, Strict):
    pass


class NftablesInTheKernel(InTheKernel, Nftables, Strict):
    pass


class NftablesPastTheStack(PastTheStack, Nftables, Strict):
    pass
