"""Kubernetes nodes with a real containerd find each other by the API server: they join, leave, move and return."""

import json
import os
import random
import re
import signal
import time

from lab.case import FAMILIES, eventually
from lab.cni import Network, PluginError
from lab.containerd import Containerd
from lab.exposition import Page
from lab.kubernetes import CONFLIST, NODE_FILE, PUBLISHED, KubernetesCase
from lab.node import CONFIGURATION
from lab.pod import Pod
from lab.selfassign import node_id, v4_subnet, v6_subnet
from lab.shell import repository
from lab.traffic import ping_refused, steady_ping
from lab.underlay import ROUTER, WIRE_V4, WIRE_V6, quietly_up

SEED = int(os.environ.get("WARRENS_SEED") or time.time())


class Containers(KubernetesCase):
    """Three nodes, on each of which containerd runs what the conflist of `warrens-nodes` says."""

    nodes = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.runtimes = []
        for node in cls.cluster.nodes:
            runtime = Containerd(node)
            cls.addClassCleanup(runtime.close)
            cls.runtimes.append(runtime)
        cls.cluster.join()

    def test_pods_of_all_nodes_reach_each_other(self):
        pods = []
        for runtime in self.runtimes:
            runtime.detach("steady")
            self.addCleanup(runtime.kill, "steady")
            pods.append((runtime, runtime.result("warrens", "steady")["ips"]))
        for runtime, own in pods:
            for _, ips in pods:
                for entry in ips if ips is not own else []:
                    address = entry["address"].split("/")[0]
                    with self.subTest(node=runtime.node.name, address=address):
                        eventually(lambda: runtime.execute("steady", "ping", "-c", "1", "-W", "2", address))

    def test_what_nodes_publish_is_what_they_are(self):
        for member in self.members:
            identity = node_id(member.node.machine_id)
            # What a node can do is known once its daemon runs and was asked.
            eventually(lambda: self.assertIn("features", self.plane.annotations(member.name)))
            published = self.plane.annotations(member.name)
            self.assertEqual(published["node-id"], f"{identity:016x}")
            self.assertEqual(self.plane.subnets(member.name), {v6_subnet(identity), v4_subnet(identity)})
            self.assertRegex(published["claim"], r"^generation=0(,since=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?$")
            self.assertIn("zero-checksum6", published["features"])
            self.assertNotIn("endpoints", published)

    def test_schedulers_are_told_that_the_network_is_there(self):
        for member in self.members:
            def told():
                conditions = self.plane.node(name=member.name)["status"]["conditions"]
                said = {entry["type"]: entry["status"] for entry in conditions}
                self.assertEqual((said.get("NetworkUnavailable"), said["Ready"]), ("False", "True"))

            eventually(told)

    def test_the_node_file_is_what_others_read(self):
        """As `kubectl get nodes -o json` prints it, so the operator's tools take it."""
        (member, *_) = self.members
        names = {node.name for node in self.cluster.nodes}
        self.assertNodeFile(member, names)
        text = member.node.control("nodes", NODE_FILE).stdout
        for name in names:
            self.assertIn(name, text)
        self.assertLess(len(member.node.read(NODE_FILE)), 3 * 1000)


class Comings(KubernetesCase):
    """Nodes come and go; each test leaves all three in the cluster."""

    nodes = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.join()
        cls.pods = cls.cluster.pods()

    def setUp(self):
        self.one, self.two, self.three = self.pods
        self.first, self.second, self.third = self.members
        self.names = {member.name for member in self.members}
        self.assertAllReachable()

    def assertAllReachable(self):
        for source in self.pods:
            for target in self.pods:
                for family in FAMILIES:
                    if source is not target:
                        self.assertReachable(source, target.address(family), within=20)

    def test_a_node_leaves_and_returns(self):
        with steady_ping(self.one, self.two.address(4)) as loss:
            self.plane.delete(name="node3")
            for member in (self.first, self.second):
                self.assertNodeFile(member, self.names - {"node3"})
                eventually(lambda: self.assertNotIn("node3", member.peers()))
            for family in FAMILIES:
                self.assertRegex(ping_refused(self.one, self.three.address(family)), "(?i)unreachable")
            # Its kubelet registers it anew, with no annotation of ours.
            self.plane.register(self.third.node)
            eventually(lambda: self.assertIn("subnets", self.plane.annotations("node3")), within=90)
            self.assertAllReachable()
        self.assertEqual(loss.lost, [], loss.text)

    def test_a_node_changes_its_address(self):
        node, number = self.third.node, ROUTER + 88
        self.addCleanup(self.move, node, node.v4, node.v6)
        self.move(node, WIRE_V4.format(number), WIRE_V6.format(number))
        self.assertAllReachable()

    def move(self, node, v4, v6):
        """Another address of the uplink, of which kubelet then tells the API server."""
        for family in ("-4", "-6"):
            node.run("ip", family, "address", "flush", "dev", "eth0", "scope", "global")
        quietly_up(node, "eth0", v4 + "/24", v6 + "/64")
        for router in (WIRE_V4.format(ROUTER), WIRE_V6.format(ROUTER)):
            node.run("ip", "route", "replace", "default", "via", router)
        node.v4, node.v6 = v4, v6
        self.plane.change(name=node.name, patch={"status": {"addresses": node.entry()["status"]["addresses"]}})

    def test_warrens_nodes_may_be_killed_at_any_moment(self):
        print(f"seed {SEED} (WARRENS_SEED)")
        source = random.Random(SEED)
        with steady_ping(self.one, self.two.address(6)) as loss:
            for number in range(10):
                self.first.stop_source(signal.SIGKILL)
                self.first.start_source()
                self.plane.annotate("node3", routes=f"203.0.113.{number}/32")
                time.sleep(source.uniform(0, 0.4))
                self.assertLessEqual(self.names, set(self.first.file()))
            eventually(lambda: self.assertEqual(self.first.annotation("node3", "routes"), "203.0.113.9/32"))
            self.first.await_ready()
        self.assertEqual(loss.lost, [], loss.text)
        left = [path for path in self.first.node.listing("/var/lib/warrens") if "nodes.json" in path and path != NODE_FILE]
        self.assertEqual(left, [])

    def test_what_operators_write_is_left_alone(self):
        own = {"endpoints": f"{self.second.node.v4}:31337", "routes": "203.0.113.0/24", "relay": "true"}
        self.plane.annotate("node2", **own)
        self.addCleanup(self.plane.annotate, "node2", **dict.fromkeys(own))
        eventually(lambda: self.assertEqual(self.first.annotation("node2", "routes"), "203.0.113.0/24"))
        self.second.stop_source()
        self.second.start_source()
        self.second.await_ready()
        self.assertLessEqual(own.items(), self.plane.annotations("node2").items())

    def test_monitoring_asks_by_tcp(self):
        """One port tells of both processes, and of the claim to kubelet's probes."""
        self.second.stop_source()
        self.second.start_source("--listen", ":31339")
        self.addCleanup(self.second.start_source)
        self.addCleanup(self.second.stop_source)
        self.second.await_ready()
        for host in (f"{self.second.node.v4}", f"[{self.second.node.v6}]"):
            ask = lambda path: self.first.node.run("busybox", "wget", "-q", "-O", "-", f"http://{host}:31339{path}").stdout
            self.assertIn("ok", ask("/healthz"))
            self.assertIn("ok", ask("/readyz"))
            metrics = Page(ask("/metrics"))
            self.assertEqual(metrics["warrens_nodes_ready"], 1)
            self.assertEqual(metrics["warrens_peers"], 2)
            self.assertEqual(json.loads(ask("/status"))["node"], "node2")
        with open(os.path.join(repository(), "docs/observability.md")) as file:
            documented = set(re.findall(r"`(warrens_nodes_\w+)`", file.read()))
        self.assertEqual(documented, {name for name in metrics.families if name.startswith("warrens_nodes_")})

    def test_annotations_that_somebody_removes_come_back(self):
        self.plane.annotate("node2", subnets=None, claim=None)
        eventually(lambda: self.assertLessEqual({"subnets", "claim"}, set(self.plane.annotations("node2"))))


class TooManyPods(KubernetesCase):
    """kubelet would start more pods than the node's IPv4 subnet has addresses."""

    nodes = 1

    def test_the_node_is_refused_until_it_is_told_better(self):
        (member,) = self.members
        self.plane.register(member.node)
        for number, works in (("500", False), ("110", True)):
            resources = {"capacity": {"pods": number}, "allocatable": {"pods": number}}
            self.plane.change(name="node1", patch={"status": resources})
            if works:
                member.await_ready()
            else:
                member.start()
                for word in ("500", "248", "v4Width"):
                    eventually(lambda: self.assertIn(word, member.ask("/readyz")[1] + member.log()))
                self.assertEqual(member.ask("/readyz")[0], 503)
                self.assertFalse(member.node.exists(CONFLIST))


class Gate(KubernetesCase):
    """No address is leased before the API server knows of the claim."""

    nodes = 1

    def setUp(self):
        (self.member,) = self.members
        self.node = self.member.node
        self.newest = Network(self.node, {**CONFIGURATION, "cniVersion": "1.1.0"})

    def assertRefused(self, pod):
        with self.assertRaises(PluginError) as caught:
            pod.attach()
        self.assertEqual(caught.exception.code, 11)
        self.assertIn("warrens-nodes", caught.exception.text)
        with self.assertRaises(PluginError) as caught:
            self.newest.status()
        self.assertEqual(caught.exception.code, 50)

    def test_pods_wait_for_the_claim(self):
        pod = Pod(self.node)
        self.assertRefused(pod)
        self.member.start()
        # The machine is no node yet: its kubelet has not registered it.
        eventually(lambda: self.assertEqual(self.member.ask("/readyz")[0], 503))
        eventually(lambda: self.assertIn("node1", self.member.ask("/readyz")[1]))
        self.assertRefused(pod)
        for path in (CONFLIST, PUBLISHED):
            self.assertFalse(self.node.exists(path), path)
        self.plane.register(self.node)
        self.member.await_ready()
        eventually(lambda: self.assertEqual(json.loads(self.node.read(CONFLIST)), CONFIGURATION))
        self.newest.status()
        pod.attach()
        self.assertAddressesFrom(self.plane.subnets("node1"), pod)
