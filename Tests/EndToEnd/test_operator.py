"""What an operator types: `warrensctl` on nodes that work, and what it leaves when it uninstalls."""

import json
import subprocess

from lab.case import ClusterCase, eventually
from lab.daemon import daemon_status, request
from lab.kernel import Traces
from lab.node import EXECUTABLES, NODE_FILE, executable
from lab.pod import Pod
from lab.traffic import ping

#: PROTOCOL.md section 1.
VECTORS = {
    "0123456789abcdef0123456789abcdef": (
        "302913e9dc81ee6d", "fd53:7769:726c:3029:13e9:dc81:ee6d::/112", "10.220.106.0/24", "10.83.103.48/28",
    ),
    "fedcba9876543210fedcba9876543210": (
        "f3b820fa795b0a1d", "fd53:7769:726c:f3b8:20fa:795b:a1d::/112", "10.239.113.0/24", "10.83.250.208/28",
    ),
}


def fnv1a(data):
    """FNV-1a, 64 bit, written down a second time."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


class Derive(ClusterCase):
    """Needs no node; runs the executable as it stands."""

    nodes = 0

    def derive(self, *arguments):
        outcome = subprocess.run(
            [executable("warrensctl"), "derive", "--json", *arguments], capture_output=True, text=True, check=True
        )
        return json.loads(outcome.stdout)

    def test_the_vectors(self):
        for machine_id, (node_id, v6, v4, paper) in VECTORS.items():
            answer = self.derive("--machine-id", machine_id)
            self.assertEqual(answer["nodeID"], node_id)
            self.assertEqual(answer["subnets"], [v6, v4])
            answer = self.derive("--machine-id", machine_id, "--profile", "paper")
            self.assertEqual(answer["subnets"][1], paper)

    def test_a_hash_that_begins_with_zeros_is_padded(self):
        number = 0
        while fnv1a(f"{number:032x}\n".encode()) >> 56:
            number += 1
        answer = self.derive("--machine-id", f"{number:032x}")
        self.assertEqual(answer["nodeID"], f"{fnv1a(f'{number:032x}'.encode() + bytes([10])):016x}")
        self.assertTrue(answer["nodeID"].startswith("00"))

    def test_a_machine_id_that_is_none_is_refused(self):
        for text in ("", "xyz", "0123456789abcdef0123456789abcde", "g" * 32):
            outcome = subprocess.run(
                [executable("warrensctl"), "derive", "--machine-id", text], capture_output=True, text=True
            )
            self.assertNotEqual(outcome.returncode, 0, text)

    def test_executables_are_static(self):
        for name in EXECUTABLES:
            outcome = subprocess.run(["ldd", executable(name)], capture_output=True, text=True)
            self.assertNotEqual(outcome.returncode, 0, f"{name} needs {outcome.stdout}")


class Operator(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pristine = Traces(cls.cluster.nodes[0])
        cls.first, cls.second = cls.cluster.nodes
        cls.one, cls.two = cls.cluster.pods()
        eventually(lambda: ping(cls.one, cls.two.address(6)))

    def test_status_and_peers_for_people_and_programs(self):
        status = json.loads(self.first.control("status", "--json").stdout)
        self.assertIn(self.first.subnets()[0], json.dumps(status))
        peers = self.first.control("peers", "--json").stdout
        self.assertIn("node2", peers)
        self.assertIn(self.second.subnets()[1], peers)
        for command in ("status", "peers"):
            self.assertIn("node2" if command == "peers" else "node1", self.first.control(command).stdout)

    def test_the_daemon_answers_programs(self):
        status = daemon_status(self.first)
        self.assertEqual(status["registry"]["peers"], 1)
        self.assertGreater(sum(value for name, value in status["counters"].items() if "sent" in name.lower()), 0)
        code, metrics = request(self.first, "/metrics")
        self.assertEqual(code, 200)
        self.assertRegex(metrics, r"(?m)^warrens_\w+(\{.*\})? \d+")
        self.assertEqual(request(self.first, "/healthz")[0], 200)
        self.assertEqual(request(self.first, "/nothing")[0], 404)

    def test_peers_are_pinged(self):
        self.assertIn("node2", self.first.control("ping", "node2").stdout)
        self.assertNotEqual(self.first.control("ping", "nobody", check=False).returncode, 0)

    def test_doctor_finds_a_healthy_node_healthy(self):
        outcome = self.first.control("doctor", check=False)
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)

    def test_doctor_names_forwarding_that_is_off(self):
        def look():
            # The daemon turns it on again when it next looks after the kernel.
            self.second.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
            outcome = self.second.control("doctor", check=False)
            self.assertNotEqual(outcome.returncode, 0, outcome.stdout)
            self.assertIn("forward", outcome.stdout + outcome.stderr)

        try:
            eventually(look)
        finally:
            self.second.run("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def test_a_node_file_is_explained(self):
        self.assertIn("node2", self.first.control("nodes", NODE_FILE).stdout)
        nodes = self.cluster.node_list()
        nodes["items"][1]["metadata"]["annotations"] = {"warrens.io/node-id": "nonsense"}
        self.first.write("/run/nodes.json", json.dumps(nodes))
        outcome = self.first.control("nodes", "/run/nodes.json", "--json", check=False)
        self.assertEqual(outcome.returncode, 1)
        self.assertIn("node2", outcome.stdout)
        self.assertIn("nonsense", outcome.stdout)

    def test_uninstall_removes_everything(self):
        node = self.first
        pod = Pod(node).attach()
        pod.detach()
        self.one.detach()
        node.control("uninstall", "--yes")
        eventually(lambda: self.assertEqual(node.daemons(), []))
        left = [
            line for line in self.pristine.difference(Traces(node))
            if not line.startswith("files: + /var/lib/warrens")
        ]
        self.assertEqual(left, [])
        self.one.attach()
        self.assertReachable(self.one, self.two.address(6))
