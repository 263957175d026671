"""The host decides about packets that skip its stack: what it forbids ends, what it translates is left alone."""

import os
import time

from lab.case import FAMILIES, ClusterCase, eventually
from lab.daemon import counters
from lab.kernel import conntrack
from lab.pod import Pod
from lab.traffic import call, chatting, listening
from test_services import PORT, REMOTE, SERVICE, Strict, together, translation

#: Seconds after which a flow has to be seen again that skips the stack (WARRENS_EVIDENCE_LIFETIME).
LIFETIME = 5

LIBERAL = "net.netfilter.nf_conntrack_tcp_be_liberal"

#: What network policies look like: who may begin, and the rest by what connection tracking knows.
STATEFUL = """
table inet denial {{
    chain forward {{
        type filter hook forward priority filter
        ct state established,related counter accept
        ip saddr {} ct state new accept
        ip6 saddr {} ct state new accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
        counter drop
    }}
}}
"""


class Policy(Strict):
    settings = {"datapath": "ebpf"}
    skips = False

    def assertSkip(self, talks):
        """Waits until conversations are well under way, and their packets skip the stack if they may."""
        for answers in talks:
            eventually(lambda: self.assertGreater(answers(), 50))
        before, answered = counters(self.first), [answers() for answers in talks]
        for answers, some in zip(talks, answered):
            eventually(lambda: self.assertGreater(answers(), some + 20))
        after = counters(self.first)
        for counter in ("bypassedSent", "bypassedReceived"):
            self.assertEqual(after[counter] - before[counter] > 20, self.skips)

    def assertForbids(self, deny, allow, *, within):
        """Denies what the first pod sends in both families while pods talk, and takes it back."""
        with listening(self.two, PORT, udp=True), \
                chatting(self.one, self.two.address(4), PORT) as v4, chatting(self.one, self.two.address(6), PORT) as v6:
            self.assertSkip([v4, v6])
            try:
                for command in deny:
                    self.first.run(*command)
                eventually(lambda: self.assertSilence(v4, v6), within=within)
            finally:
                for command in allow:
                    self.first.run(*command)
            before = v4(), v6()
            eventually(lambda: self.assertGreater(v4(), before[0] + 20))
            eventually(lambda: self.assertGreater(v6(), before[1] + 20))

    def assertSilence(self, *talks):
        before = [answers() for answers in talks]
        time.sleep(0.3)
        self.assertEqual([answers() for answers in talks], before)

    def test_a_new_rule_ends_what_it_forbids(self):
        rules = (
            "add table inet denial; add chain inet denial forward { type filter hook forward priority 1; };"
            f"add rule inet denial forward ip saddr {self.one.address(4)} drop;"
            f"add rule inet denial forward ip6 saddr {self.one.address(6)} drop"
        )
        # By the news of it, not because what was seen of the flow has grown old.
        self.assertForbids([["nft", rules]], [["nft", "delete", "table", "inet", "denial"]], within=0.5 * LIFETIME)


class PolicyPastTheStack(Policy):
    settings = {"datapath": "ebpf", "fastPath": "on"}
    skips = True

    def test_a_rule_that_nobody_tells_of_ends_what_it_forbids(self):
        """The older iptables announces nothing."""
        if self.first.run("iptables-legacy", "-S", check=False).returncode != 0:
            self.skipTest("neither the kernel nor this machine has the older iptables")

        rules = [
            [program, "FORWARD", "-s", self.one.address(family), "-j", "DROP"]
            for program, family in (("iptables-legacy", 4), ("ip6tables-legacy", 6))
        ]
        self.assertForbids(
            [[program, "-I", *rule] for program, *rule in rules], [[program, "-D", *rule] for program, *rule in rules],
            within=2 * LIFETIME,
        )

    def test_connections_in_use_stay_known(self):
        """Though most of their packets skip the stack, connection tracking forgets them no sooner than without."""
        for setting in ("udp_timeout", "udp_timeout_stream", "tcp_timeout_established"):
            self.second.run("sysctl", "-qw", f"net.netfilter.nf_conntrack_{setting}={LIFETIME + 2}")
        self.second.run("nft", "-f", "-", input=STATEFUL.format(self.one.address(4), self.one.address(6)))
        self.addCleanup(self.second.run, "nft", "delete", "table", "inet", "denial")
        before = counters(self.second)
        seconds = 2 * LIFETIME + 1

        def look():
            time.sleep(seconds - 1)
            addresses = [self.one.address(family) for family in FAMILIES]
            return [entry for entry in conntrack(self.second, *addresses) if f"dport={port} " in entry]

        port = PORT + 1
        with listening(self.two, port), listening(self.two, port, udp=True):
            known, *answers = together(look, *(
                lambda family=family, udp=udp: call(
                    self.one, self.two.address(family), port, 1000 if udp else 20_000_000, udp=udp, seconds=seconds)
                for family in FAMILIES for udp in (False, True)
            ))
        self.assertEqual([answer["intact"] for answer in answers], [True] * 4)
        self.assertEqual(len([entry for entry in known if "ASSURED" in entry]), 4, known)
        skipped = counters(self.second)["bypassedReceived"] - before["bypassedReceived"]
        rule = self.second.run("nft", "list", "chain", "inet", "denial", "forward").stdout
        seen = int(rule.split("established,related counter packets ")[1].split()[0])
        # Each time what was seen has grown old, but no more than a few then.
        self.assertGreater(seen, 2 * 4 * 2)
        self.assertLess(seen, skipped // 10)

    def test_a_direct_connection_beside_one_by_way_of_a_service(self):
        """From one port of a pod to one backend: behind the stack, both look the same but for what the host does."""
        self.first.run("nft", "-f", "-", input=translation({REMOTE: self.two}))
        self.addCleanup(self.first.run, "nft", "delete", "table", "inet", "services")
        before = counters(self.first)["bypassedSent"]
        with listening(self.two, PORT), listening(self.two, PORT, udp=True):
            answers = together(*(
                lambda family=family, udp=udp, direct=direct: self.begin(family, udp, direct)
                for family in FAMILIES for udp in (False, True) for direct in (False, True)
            ))
        self.assertEqual([answer["intact"] for answer in answers], [True] * 8)
        self.assertEqual(counters(self.first)["bypassedSent"], before)

    def begin(self, family, udp, direct):
        """Talks for a while; by way of the Service a little earlier, so that it is this that keeps the port."""
        time.sleep(0.3 * direct)
        place = (self.two.address(family), PORT) if direct else (SERVICE[family], REMOTE)
        return call(self.one, *place, 1000 if udp else 2_000_000, udp=udp, seconds=1.5, source_port=40000)


class Liberality(ClusterCase):
    """The fast path has connection tracking be liberal, and gives back what was before."""

    nodes = 1
    settings = {"datapath": "ebpf", "fastPath": "on"}

    def test_the_former_value_comes_back(self):
        (node,) = self.cluster.nodes
        for former, end in (("0", "uninstalled"), ("0", "user space"), ("0", "switched off"), ("1", "switched off")):
            with self.subTest(former=former, end=end):
                node.run("sysctl", "-qw", f"{LIBERAL}={former}")
                self.restart(node, **self.settings)
                eventually(lambda: self.assertEqual(self.liberality(node), "1"))
                if end == "uninstalled":
                    node.control("uninstall", "--yes")
                else:
                    self.restart(node, datapath="ebpf" if end == "switched off" else "tun")
                eventually(lambda: self.assertEqual(self.liberality(node), former))

    def restart(self, node, **settings):
        """Has the daemon end in the worst way, and begin anew with other settings."""
        for daemon in node.daemons():
            os.kill(daemon, 9)
        eventually(lambda: self.assertEqual(node.daemons(), []))
        node.settings(**settings)
        Pod(node).attach()

    @staticmethod
    def liberality(node):
        return node.run("sysctl", "-n", LIBERAL).stdout.strip()
