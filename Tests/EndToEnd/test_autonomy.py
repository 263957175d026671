"""The API server is away, empty or wrong: running pods, known nodes and a node that boots do not depend on it."""

import os
import signal
from contextlib import contextmanager

from lab.case import FAMILIES, eventually
from lab.exposition import Page
from lab.kubernetes import NODE_FILE, PUBLISHED, KubernetesCase
from lab.pod import Pod
from lab.traffic import steady_ping

#: In seconds: after how long a second list may confirm that most nodes have gone, and a silent watch counts as dead. A minute
#: and more where nobody tests.
CONFIRMATION, SILENCE = 3, 5
IMPATIENT = {"WARRENS_NODES_CONFIRMATION": str(CONFIRMATION), "WARRENS_NODES_SILENCE": str(SILENCE)}


class Away(KubernetesCase):
    changes = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.plane.configure(bookmark_every=SILENCE / 3)
        for member in cls.cluster.members:
            cls.cluster.plane.register(member.node)
            member.start(environment=IMPATIENT)
        for member in cls.cluster.members:
            member.await_ready()
        cls.one, cls.two = cls.cluster.pods()

    def setUp(self):
        self.first, self.second = self.members
        for member in self.members:
            for name in ("node1", "node2"):
                eventually(lambda: self.assertSettled(member, name))

    def assertSettled(self, member, name):
        """A node has published all that it will, and a member has it in its file."""
        published = self.plane.annotations(name)
        self.assertLessEqual({"subnets", "claim", "features"}, set(published))
        self.assertEqual(member.annotations(name), published)

    def assertTalking(self, one, two):
        for family in FAMILIES:
            self.assertReachable(one, two.address(family))
            self.assertReachable(two, one.address(family))

    @contextmanager
    def nobody_notices(self):
        """Pods talk without a loss, new ones come to life, and the nodes' files stay as they are while the block runs."""
        files = [member.node.read(NODE_FILE) for member in self.members]
        self.assertTalking(self.one, self.two)
        with steady_ping(self.one, self.two.address(4)) as v4, steady_ping(self.two, self.one.address(6)) as v6:
            with self.away():
                yield
                new = [Pod(member.node).attach() for member in self.members]
                self.assertTalking(*new)
                for member in self.members:
                    member.assert_running()
                    member.assert_ready()
                self.assertEqual([member.node.read(NODE_FILE) for member in self.members], files)
        for loss in (v4, v6):
            self.assertEqual(loss.lost, [], loss.text)
        for pod in new:
            pod.detach()
            pod.destroy()

    def assertFollowing(self):
        """A change at the API server reaches the nodes' files."""
        type(self).changes += 1
        route = f"203.0.113.{self.changes}/32"
        self.plane.annotate("node1", routes=route)
        for member in self.members:
            eventually(lambda: self.assertEqual(member.annotation("node1", "routes"), route), within=60)

    def test_a_server_that_is_stopped(self):
        self.away = self.plane.stopped
        with self.nobody_notices():
            eventually(lambda: self.assertRegex(self.first.log(), "(?i)refused"))
        self.assertFollowing()

    def test_a_server_that_swallows_everything(self):
        self.away = self.plane.black_hole
        with self.nobody_notices():
            self.first.node.run("sleep", 2 * SILENCE)
        self.assertFollowing()

    def test_watches_that_fall_silent(self):
        eventually(lambda: self.assertEqual(self.plane.watches(), 2))
        self.plane.command(what="stall")
        self.assertFollowing()

    def test_warrens_nodes_starts_while_the_server_is_away(self):
        with self.plane.stopped():
            self.first.stop_source()
            self.first.start_source(environment=IMPATIENT)
            eventually(self.first.assert_ready)
            pod = Pod(self.first.node).attach()
            self.assertTalking(pod, self.two)
            pod.detach()
            pod.destroy()
        self.assertFollowing()

    def test_a_node_boots_while_the_server_is_away(self):
        subnets = self.plane.subnets("node1")
        with self.plane.stopped():
            self.first.stop(signal.SIGKILL)
            self.reboot(self.first.node)
            self.first.start(environment=IMPATIENT)
            type(self).one = Pod(self.first.node)
            eventually(self.one.attach)
            self.assertAddressesFrom(subnets, self.one)
            self.assertTalking(self.one, self.two)
        self.assertFollowing()


class ShortLists(KubernetesCase):
    """A list that lacks most nodes, be it that the server has lost its data, does not wipe what is known."""

    nodes = 1
    made_up = 7

    def setUp(self):
        (self.member,) = self.members
        self.names = {f"made-up-{number}" for number in range(self.made_up)}
        self.plane.replace(names=[])
        self.plane.populate(count=self.made_up)
        self.plane.register(self.member.node)
        self.member.start(environment=IMPATIENT)
        self.addCleanup(self.restart)
        self.member.await_ready()
        self.assertNodeFile(self.member, self.names | {"node1"})

    def restart(self):
        """The next test begins with a file of its own."""
        self.member.stop()
        for path in (NODE_FILE, PUBLISHED):
            os.unlink(self.member.node.path(path))

    def lists(self):
        return sum(line["verb"] == "list" for line in self.plane.log())

    def doubted(self):
        """How many nodes are kept though a list lacked them."""
        return Page(self.member.ask("/metrics")[1])["warrens_nodes_doubted"]

    def test_a_server_that_has_lost_its_data(self):
        """Kubelets bring their nodes back one after the other, but for this node's, which is the first."""
        kept = self.plane.dump()
        before = self.lists()
        self.plane.replace(names=[])
        eventually(lambda: self.assertGreater(self.lists(), before), within=20)
        self.assertLessEqual(self.names, set(self.member.file()))
        self.plane.register(self.member.node)
        eventually(lambda: self.assertEqual(self.doubted(), self.made_up), within=20)
        self.assertIn("suspiciously short", self.member.log())
        self.assertLessEqual(self.names, set(self.member.file()))
        for item in kept["nodes"]:
            self.plane.put(item=item)
        eventually(lambda: self.assertEqual(self.doubted(), 0))
        self.assertNodeFile(self.member, self.names | {"node1"})

    def test_a_second_list_is_believed(self):
        self.plane.replace(names=["node1", "made-up-3"])
        eventually(lambda: self.assertEqual(self.doubted(), self.made_up - 1), within=20)
        self.assertLessEqual(self.names, set(self.member.file()))
        self.assertNodeFile(self.member, {"node1", "made-up-3"}, within=30)
        self.assertEqual(self.doubted(), 0)

    def test_nodes_that_are_deleted_go_at_once(self):
        self.member.stop_source()
        self.member.start_source()
        self.member.await_ready()
        eventually(lambda: self.assertGreater(self.plane.watches(), 0))
        for name in self.names:
            self.plane.delete(name=name)
        self.assertNodeFile(self.member, {"node1"})

    def test_a_few_missing_nodes_go_at_once(self):
        self.plane.replace(names=["node1", *(f"made-up-{number}" for number in range(5))])
        self.assertNodeFile(self.member, {"node1", *(f"made-up-{number}" for number in range(5))})
