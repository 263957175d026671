"""Every file of conf/, used as it stands."""

import glob
import ipaddress
import json
import os
import subprocess

from lab.case import FAMILIES, ClusterCase
from lab.cni import Network
from lab.daemon import daemon_status
from lab.node import NODE_FILE, SETTINGS_FILE, Cluster
from lab.pod import Pod
from lab.shell import repository
from lab.traffic import call, listening, ping

CONF = os.path.join(repository(), "conf")


def files(*patterns):
    """The files of conf/ that match, as paths relative to it."""
    found = {path for pattern in patterns for path in glob.glob(f"{CONF}/**/{pattern}", recursive=True)}
    return sorted(os.path.relpath(path, CONF) for path in found)


def text(name):
    with open(os.path.join(CONF, name)) as file:
        return file.read()


CONFLISTS = files("*.conflist")
NODE_FILES = files("nodes*.json", "*nodes.json")
#: Held against real answers, as the alerts are, by test_metrics.py.
DASHBOARDS = files("grafana-*.json")
SETTINGS = [name for name in files("*.json") if name not in NODE_FILES + DASHBOARDS]
UNITS = files("*.service")


class Conf(ClusterCase):
    def test_every_kind_of_file_is_there_and_used(self):
        for kind, names in (("conflist", CONFLISTS), ("settings", SETTINGS), ("nodes", NODE_FILES), ("unit", UNITS)):
            self.assertTrue(names, f"conf/ has no {kind}")
        used = set(CONFLISTS + NODE_FILES + DASHBOARDS + SETTINGS + UNITS)
        unused = [name for name in files("*") if os.path.isfile(os.path.join(CONF, name)) and name not in used]
        # Read by people and by tools that are not here: their content is checked below.
        self.assertEqual([name for name in unused if not name.endswith((".md", ".conf", ".yaml"))], [])

    def test_conflists_attach_pods_that_talk(self):
        first, second = self.cluster.nodes
        remote = Pod(second).attach()
        for name in CONFLISTS:
            with self.subTest(file=name):
                configuration = json.loads(text(name))
                self.assertEqual(configuration["cniVersion"], "1.0.0")
                self.assertTrue(configuration["plugins"][0]["ipMasq"])
                # CHECK of Debian's bandwidth panics without a rate, and that of its portmap fails with a port.
                rate = {"bandwidth": {"ingressRate": 80_000_000, "ingressBurst": 8_000_000}}
                port = {"portMappings": [{"hostPort": 8100, "containerPort": 80, "protocol": "tcp"}]}
                capabilities = {**port, **rate}
                pod = Pod(first).attach(Network(first, configuration), capabilities=capabilities)
                for family in FAMILIES:
                    self.assertReachable(pod, remote.address(family))
                if any(plugin["type"] == "portmap" for plugin in configuration["plugins"]):
                    with listening(pod, 80):
                        self.assertTrue(call(second, first.v4, 8100, 1000)["intact"])
                pod.check(capabilities=rate)
                pod.detach(capabilities=capabilities)

    def test_settings_are_understood_by_every_executable(self):
        for name in SETTINGS:
            with self.subTest(file=name):
                cluster = Cluster(2)
                try:
                    for node in cluster.nodes:
                        node.write(SETTINGS_FILE, text(name))
                    one, two = cluster.pods()
                    for entry in two.result["ips"]:
                        self.assertReachable(one, entry["address"].split("/")[0])
                    subnets = [ipaddress.ip_network(subnet) for subnet in daemon_status(cluster.nodes[0])["subnets"]]
                    self.assertEqual(len(subnets), len(one.result["ips"]))
                    for entry in one.result["ips"]:
                        address = ipaddress.ip_interface(entry["address"]).ip
                        self.assertTrue(any(address in subnet for subnet in subnets))
                    one.detach()
                finally:
                    cluster.close()

    def test_the_shipped_settings_are_the_defaults(self):
        (name,) = [name for name in SETTINGS if os.path.basename(name) == "warrens.json"]
        plain, configured = self.cluster.nodes
        configured.write(SETTINGS_FILE, text(name))
        self.addCleanup(os.unlink, configured.path(SETTINGS_FILE))
        Pod(plain).attach()
        Pod(configured).attach()
        self.assertEqual(daemon_status(configured)["subnets"], configured.subnets())
        for fact in ("mtu", "datapath"):
            self.assertEqual(daemon_status(plain)[fact], daemon_status(configured)[fact])

    def test_node_files_are_read_without_a_problem(self):
        node = self.cluster.nodes[0]
        for name in NODE_FILES:
            with self.subTest(file=name):
                node.write("/run/example.json", text(name))
                outcome = node.control("nodes", "/run/example.json")
                self.assertTrue(outcome.stdout)

    def test_the_unit_starts_the_daemon(self):
        """That of `warrens-nodes` is the matter of test_install.py."""
        cluster = Cluster(2)
        self.addCleanup(cluster.close)
        first, second = cluster.nodes
        lines = text("warrensd.service").splitlines()
        (command,) = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
        daemon = first.start(*command.split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        one, two = Pod(first).attach(), Pod(second).attach()
        for family in FAMILIES:
            self.assertReachable(one, two.address(family))
        self.assertEqual(len(first.daemons()), 1)
        self.assertEqual(first.daemons()[0], daemon.pid())
        daemon.stop(15)
        ping(one, one.gateway(6))

    def test_the_node_file_is_where_the_settings_say(self):
        (name,) = [name for name in SETTINGS if os.path.basename(name) == "warrens.json"]
        self.assertEqual(json.loads(text(name))["nodeFile"], NODE_FILE)
