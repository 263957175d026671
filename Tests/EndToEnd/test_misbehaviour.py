"""An API server that misbehaves in all ways known: `warrens-nodes` says what was wrong, comes back, and its file is right."""

import os

from lab.case import eventually
from lab.controlplane import PORT
from lab.kubernetes import LOG, NODE_FILE, PUBLISHED, KubernetesCase
from lab.shell import PATIENCE

ENVIRONMENT = {"WARRENS_NODES_SILENCE": "5"}


class MisbehaviourCase(KubernetesCase):
    """One node in a cluster of some; only `warrens-nodes` runs on it."""

    nodes = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.member,) = cls.cluster.members
        cls.cluster.plane.register(cls.member.node)
        cls.cluster.plane.populate(count=20)
        cls.names = {"node1", *(f"made-up-{number}" for number in range(20))}
        cls.cluster.plane.configure(bookmark_every=2)
        cls.changes = 0

    def setUp(self):
        self.plane.clear()

    def assertFollowing(self, within=30):
        """The next change at the API server is in the file, and nothing else has got lost."""
        type(self).changes += 1
        route = f"203.0.113.{self.changes}/32"
        self.plane.annotate("made-up-3", routes=route)
        eventually(lambda: self.assertEqual(self.member.annotation("made-up-3", "routes"), route), within=within)
        self.assertEqual(set(self.member.file()), self.names)
        self.member.assert_running()

    def assertSaid(self, pattern, *, since=0):
        """`warrens-nodes` has written a line like this, after `since` characters of its log."""
        eventually(lambda: self.assertRegex(self.member.log()[since:], f"(?i){pattern}"), within=20)

    def said(self):
        return len(self.member.log()) if self.member.node.exists(LOG) else 0


class FollowingCase(MisbehaviourCase):
    """A server that `warrens-nodes` has already got on with."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.member.start_source(environment=ENVIRONMENT)
        cls.member.await_ready()

    def setUp(self):
        super().setUp()
        eventually(lambda: self.assertEqual(self.plane.watches(), 1), within=60)


class Backup(FollowingCase):
    def test_a_server_whose_versions_went_back(self):
        """As after a restored backup: what the client knows is from the future."""
        dump = self.plane.dump()
        self.plane.stop()
        self.plane.memory = {**dump, "version": 500}
        self.plane.start()
        self.assertFollowing()


class Streams(FollowingCase):
    """What goes wrong with lists and watches."""

    def relist(self):
        """Makes the client list anew."""
        self.plane.command(what="expire")

    def lists(self):
        return sum(line["verb"] == "list" for line in self.plane.log())

    def test_watches_that_end_badly(self):
        for command in ("end", "tear", "reset", "half", "garbage", "expire"):
            with self.subTest(command=command):
                eventually(lambda: self.assertEqual(self.plane.command(what=command), 1), within=60)
                self.assertFollowing()

    def test_a_history_that_is_gone(self):
        for action in (None, {"status": 410}):
            with self.subTest(action=action):
                before, said = self.lists(), self.said()
                eventually(lambda: self.assertEqual(self.plane.watches(), 1), within=60)
                if action:
                    self.plane.order(verb="watch", times=1, action=action)
                    self.plane.command(what="end")
                else:
                    self.plane.compact()
                    self.plane.command(what="expire")
                eventually(lambda: self.assertGreater(self.lists(), before), within=30)
                self.assertFollowing()
                self.assertSaid("no longer kept", since=said)

    def test_a_list_whose_pages_expire(self):
        self.plane.order(verb="list", times=1, action={"status": 410})
        self.relist()
        self.assertFollowing()

    def test_answers_that_are_no_lists(self):
        for action, pattern in (
            ({"status": 429, "retryAfter": 1, "body": "Too many requests, please try again later."}, "429|too many requests"),
            ({"status": 500}, "500"),
            ({"status": 503, "body": "apiserver not ready"}, "503"),
            ({"tear": 5000}, "closed|torn|ended|end of|incomplete|truncated"),
            ({"status": 200, "body": "<html>a proxy's login page</html>"}, "no list"),
        ):
            with self.subTest(action=action):
                eventually(lambda: self.assertEqual(self.plane.watches(), 1), within=60)
                # A watch that has worked ends the waiting that failures before it have led to.
                self.assertFollowing()
                said = self.said()
                self.plane.order(verb="list", times=1, action=action)
                self.relist()
                self.assertSaid(pattern, since=said)
                self.assertFollowing()

    def test_retry_after_is_kept(self):
        self.plane.order(verb="list", times=1, action={"status": 429, "retryAfter": 4, "body": "Too many requests"})
        before = len(self.plane.log())
        self.relist()
        eventually(lambda: self.assertEqual(self.plane.watches(), 1), within=60)
        self.assertFollowing()
        lists = [line for line in self.plane.log()[before:] if line["verb"] == "list"]
        self.assertEqual([line["status"] for line in lists[:2]], [429, 200])
        self.assertGreaterEqual(lists[1]["at"] - lists[0]["at"], 4)

    def test_bodies_that_come_in_crumbs(self):
        self.plane.order(verb="list", times=1, action={"fragment": [7, 0]})
        self.plane.order(verb="watch", times=1, action={"fragment": [3, 0.0005]})
        # The next test has a watch that keeps up with it.
        self.addCleanup(self.plane.command, what="end")
        self.relist()
        self.assertFollowing(within=60)

    def test_bodies_that_are_compressed(self):
        self.plane.configure(compress_above=100)
        self.addCleanup(self.plane.configure, compress_above=128 * 1024)
        self.relist()
        self.assertFollowing()
        self.assertIn("gzip", [line["encoding"] for line in self.plane.log() if line["verb"] == "list"][-1])

    def test_a_torn_compressed_body(self):
        self.plane.configure(compress_above=100)
        self.addCleanup(self.plane.configure, compress_above=128 * 1024)
        self.plane.order(verb="list", times=1, action={"tear": 1500})
        self.relist()
        self.assertFollowing()

    def test_the_server_is_not_flooded(self):
        """Back-off: a server that refuses everything hears of a client a few times, not hundreds of times."""
        self.plane.order(verb="*", times=None, action={"status": 500})
        before = len(self.plane.log())
        self.plane.command(what="tear")
        self.member.node.run("sleep", 10)
        asked = len(self.plane.log()) - before
        self.assertLess(asked, 30)
        self.assertGreater(asked, 2)
        self.plane.clear()
        self.assertFollowing(within=60)

    def test_heartbeats_change_no_file(self):
        self.assertFollowing()
        before = os.stat(self.member.node.path(NODE_FILE))
        self.plane.heartbeat(names=sorted(self.names))
        self.member.node.run("sleep", 1.5 * PATIENCE)
        after = os.stat(self.member.node.path(NODE_FILE))
        self.assertEqual((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns))
        self.assertFollowing()


class Credentials(MisbehaviourCase):
    """Who the server takes `warrens-nodes` for, and whom `warrens-nodes` takes the server for."""

    def begin(self, *arguments, **environment):
        """Starts `warrens-nodes` as on a new node."""
        self.addCleanup(self.member.stop_source)
        self.plane.delete(name="node1")
        self.plane.register(self.member.node)
        for path in (NODE_FILE, PUBLISHED):
            if self.member.node.exists(path):
                os.unlink(self.member.node.path(path))
        self.since = self.said()
        self.member.start_source(*arguments, environment={**ENVIRONMENT, **environment})

    def kubeconfig(self, text):
        self.member.node.write("/etc/warrens/kubeconfig", text)
        self.begin("--kubeconfig", "/etc/warrens/kubeconfig", KUBERNETES_SERVICE_HOST="", KUBERNETES_SERVICE_PORT="")

    def assertWorking(self):
        self.member.await_ready()
        self.assertFollowing()

    def test_a_token_that_is_rotated(self):
        token = self.plane.account_token(self.member.node)
        self.member.rotate(token)
        self.begin()
        self.assertWorking()
        self.plane.revoke(token=token)
        self.plane.command(what="end")
        self.assertSaid("401|unauthorized", since=self.since)
        self.member.rotate()
        self.assertFollowing()

    def test_a_token_of_another_node(self):
        self.member.rotate(self.plane.token(account="kube-system:warrens", node="made-up-1"))
        self.begin()
        self.assertSaid("403|forbidden", since=self.since)
        self.assertSaid("ValidatingAdmissionPolicy", since=self.since)
        eventually(lambda: self.assertEqual(self.member.ask("/readyz")[0], 503))
        self.member.rotate()
        self.assertWorking()

    def test_a_service_account_without_rights(self):
        self.member.rotate(self.plane.token(account="default:default", node="node1"))
        self.begin()
        self.assertSaid("403|forbidden", since=self.since)
        self.assertSaid("system:serviceaccount:default:default", since=self.since)
        self.member.rotate()
        self.assertWorking()

    def test_a_kubelet_may_not_list_nodes(self):
        credentials = self.plane.certificate_credentials("kubelet", "system:node:node1", "system:nodes", key="ec")
        self.kubeconfig(self.plane.kubeconfig(user="system:node:node1", credentials=credentials))
        self.assertSaid("kubelet", since=self.since)
        self.assertSaid("1\\.32", since=self.since)
        self.assertFalse(self.member.node.exists(PUBLISHED))
        self.member.assert_running()

    def test_kubeconfigs_of_all_kinds(self):
        token = self.plane.account_token(self.member.node)
        self.member.node.write("/etc/warrens/token", token + "\n")
        for name, credentials in {
            "token": {"token": token},
            "token file": {"tokenFile": "/etc/warrens/token"},
            **{
                f"certificate, {key}": self.plane.certificate_credentials(f"admin-{key}", "admin", "system:masters", key=key)
                for key in ("ec", "rsa", "pkcs8")
            },
        }.items():
            for family in (4, 6):
                with self.subTest(credentials=name, family=family):
                    self.kubeconfig(self.plane.kubeconfig(credentials=credentials, family=family))
                    self.assertWorking()
                    self.member.stop_source()

    def test_a_server_that_is_not_to_be_trusted(self):
        self.addCleanup(self.plane.present, certificate="server")
        for certificate, pattern in (
            ("unknown-authority", "no known authority"), ("wrong-name", "for another name"),
        ):
            with self.subTest(certificate=certificate):
                self.plane.present(certificate=certificate)
                self.begin()
                self.assertSaid("certificate", since=self.since)
                self.assertSaid(pattern, since=self.since)
                self.assertFalse(self.member.node.exists(NODE_FILE))
                self.plane.present(certificate="server")
                self.assertWorking()
                self.member.stop_source()

    def test_rights_that_are_only_nice_to_have(self):
        """Without events and the Node's status, nodes work as well."""
        user = "system:serviceaccount:kube-system:warrens"
        self.plane.withdraw(user=user, rights=[["patch", "nodes/status"], ["create", "events"], ["patch", "events"]])
        self.addCleanup(self.plane.withdraw, user=user, rights=[])
        self.begin()
        self.assertWorking()
        self.assertSaid("nodes/status", since=self.since)

    def test_a_server_that_is_named(self):
        """By a host name in a kubeconfig, which the node's hosts file knows."""
        self.member.node.write("/etc/hosts", f"127.0.0.1 localhost\n{self.plane.v4} kubernetes\n")
        text = self.plane.kubeconfig(credentials={"token": self.plane.account_token(self.member.node)})
        self.kubeconfig(text.replace(f"https://{self.plane.v4}:{PORT}", f"https://kubernetes:{PORT}"))
        self.assertWorking()

    def test_fields_that_are_not_supported_are_named(self):
        exec_plugin = "\n      apiVersion: client.authentication.k8s.io/v1\n      command: aws\n      args:\n      - eks"
        text = self.plane.kubeconfig(credentials={"exec": exec_plugin})
        outcome = self.refused(text)
        self.assertRegex(outcome, "exec")
        self.assertRegex(outcome, "token")

    def refused(self, text):
        """What `warrens-nodes` says of a kubeconfig that it cannot use, in its log or as its last words."""
        self.kubeconfig(text)
        eventually(lambda: self.assertGreater(self.said(), self.since))
        self.member.node.run("sleep", "0.5")
        return self.member.log()[self.since:]
