"""The node annotation file is edited, replaced, torn, deleted and restored while pods talk."""

import copy
import json
import os
import signal
import time
from contextlib import contextmanager

from lab.case import FAMILIES, ClusterCase, eventually
from lab.daemon import daemon_status
from lab.node import NODE_FILE
from lab.pod import Pod
from lab.shell import PATIENCE
from lab.traffic import ping, ping_refused, steady_ping

#: How long traffic flows after each change; the daemon has seen it by then.
SETTLING = 0.6 * PATIENCE


class Annotations(ClusterCase):
    nodes = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second, cls.third = cls.cluster.nodes
        cls.one, cls.two, cls.three = cls.cluster.pods()

    def setUp(self):
        self.everyone = self.cluster.node_list()
        self.replace(self.everyone)
        for family in FAMILIES:
            for target in (self.two, self.three):
                self.assertReachable(self.one, target.address(family))

    def replace(self, nodes):
        self.first.write(NODE_FILE, nodes if isinstance(nodes, str) else json.dumps(nodes))

    def overwrite(self, text):
        """Writes in place, as an editor without manners does."""
        with open(self.first.path(NODE_FILE), "w") as file:
            file.write(text)

    def without_third(self):
        nodes = copy.deepcopy(self.everyone)
        nodes["items"].pop()
        return nodes

    def registry(self):
        """What the daemon of the first node says of its registry."""
        return daemon_status(self.first)["registry"]

    @contextmanager
    def no_loss(self):
        """Pods of the first two nodes ping each other all the while, and no packet may be lost."""
        with steady_ping(self.one, self.two.address(4)) as v4, steady_ping(self.two, self.one.address(6)) as v6:
            yield
            time.sleep(SETTLING)
        for loss in (v4, v6):
            self.assertGreater(loss.answered, 10)
            self.assertEqual(loss.lost, [], loss.text)

    def test_a_node_that_goes_and_comes_disturbs_no_other(self):
        with self.no_loss():
            self.replace(self.without_third())
            eventually(lambda: self.assertEqual(self.registry()["peers"], 1))
            for family in FAMILIES:
                self.assertRegex(ping_refused(self.one, self.three.address(family)), "(?i)unreachable")
            self.replace(self.everyone)
            for family in FAMILIES:
                self.assertReachable(self.one, self.three.address(family))

    def test_a_file_written_in_place_is_followed(self):
        with self.no_loss():
            self.overwrite(json.dumps(self.without_third()))
            eventually(lambda: self.assertEqual(self.registry()["peers"], 1))
            self.overwrite(json.dumps(self.everyone))
            eventually(lambda: self.assertEqual(self.registry()["peers"], 2))

    def test_a_bad_file_keeps_the_last_good_registry(self):
        whole = json.dumps(self.everyone)
        for name, text in {
            "empty": "",
            "torn": whole[: len(whole) // 2],
            "no JSON": "nodes: []",
            "trailing garbage": whole + "}",
            "wrong type": "[1, 2, 3]",
            "zero bytes": whole.replace("node2", "no\0de2"),
        }.items():
            with self.subTest(file=name):
                with self.no_loss():
                    self.overwrite(text)
                    eventually(lambda: self.assertTrue(self.registry()["lastError"]))
                    self.assertEqual(self.registry()["peers"], 2)
                    for family in FAMILIES:
                        ping(self.one, self.three.address(family))
                self.replace(self.everyone)
                eventually(lambda: self.assertFalse(self.registry().get("lastError")))

    def test_a_deleted_file_keeps_the_registry_and_its_return_is_seen(self):
        with self.no_loss():
            os.unlink(self.first.path(NODE_FILE))
            time.sleep(SETTLING)
            ping(self.one, self.three.address(6))
            self.replace(self.without_third())
            eventually(lambda: self.assertEqual(self.registry()["peers"], 1))
            os.rename(self.first.path("/etc/warrens"), self.first.path("/etc/warrens.away"))
            time.sleep(SETTLING)
            os.rename(self.first.path("/etc/warrens.away"), self.first.path("/etc/warrens"))
            self.replace(self.everyone)
            eventually(lambda: self.assertEqual(self.registry()["peers"], 2))

    def test_a_bad_entry_is_named_and_skipped(self):
        nodes = copy.deepcopy(self.everyone)
        nodes["items"][2]["metadata"]["annotations"] = {"warrens.io/subnets": "10.999.0.0/24"}
        nodes["items"].append({"kind": "Node", "metadata": {"name": "crooked", "annotations": {"warrens.io/node-id": "xyz"}}})
        with self.no_loss():
            self.replace(nodes)
            eventually(lambda: self.assertIn("crooked", json.dumps(self.registry()["problems"])))
            problems = json.dumps(self.registry()["problems"])
            self.assertIn("node3", problems)
            self.assertIn("10.999.0.0/24", problems)
        self.assertIn("crooked", self.first.control("status", check=False).stdout)

    def test_the_second_of_two_claimants_gets_nothing(self):
        nodes = copy.deepcopy(self.everyone)
        twin = copy.deepcopy(nodes["items"][1])
        twin["metadata"]["name"] = "twin"
        twin["status"]["addresses"] = [{"type": "InternalIP", "address": "192.0.2.200"}]
        nodes["items"].append(twin)
        with self.no_loss():
            self.replace(nodes)
            eventually(lambda: self.assertIn("twin", json.dumps(self.registry()["conflicts"])))

    def test_hangup_reads_the_file_again(self):
        with self.no_loss():
            self.replace(self.without_third())
            for daemon in self.first.daemons():
                os.kill(daemon, signal.SIGHUP)
            eventually(lambda: self.assertEqual(self.registry()["peers"], 1))
        self.assertEqual(len(self.first.daemons()), 1)

    def test_an_endpoint_that_moves_is_followed(self):
        nodes = copy.deepcopy(self.everyone)
        # The old one stays in the list: node3 goes on sending from it, and what comes from elsewhere is refused.
        endpoints = f"[{self.third.v6}]:31337,{self.third.v4}:31337"
        nodes["items"][2]["metadata"]["annotations"] = {"warrens.io/endpoints": endpoints}
        with self.no_loss():
            self.replace(nodes)
            eventually(lambda: self.assertIn(f"[{self.third.v6}]:31337", self.endpoints()))
            for family in FAMILIES:
                self.assertReachable(self.one, self.three.address(family))

    def endpoints(self):
        """Where the first node sends to."""
        return [peer["endpoint"] for peer in daemon_status(self.first)["peers"]]

    def test_a_subnet_router_is_reached(self):
        """`warrens.io/routes`: what lies behind a node without being a pod."""
        self.third.run("ip", "address", "replace", "203.0.113.7/32", "dev", "lo")
        nodes = copy.deepcopy(self.everyone)
        nodes["items"][2]["metadata"]["annotations"] = {"warrens.io/routes": "203.0.113.0/24"}
        for node in (self.first, self.third):
            node.write(NODE_FILE, json.dumps(nodes))
        try:
            with self.no_loss():
                self.assertReachable(self.one, "203.0.113.7")
        finally:
            self.third.write(NODE_FILE, json.dumps(self.everyone))
