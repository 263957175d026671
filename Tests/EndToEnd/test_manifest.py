"""The manifests of conf/kubernetes, used word by word: the image is imported into a real containerd, the DaemonSet's pod is made
from it as a kubelet makes it, and nodes know each other from the API server."""

import json
import os
import tempfile

from lab import manifest
from lab.case import FAMILIES, ClusterCase, eventually, measured
from lab.containerd import CONFIGURATION_DIRECTORY, PLUGIN_DIRECTORY
from lab.controlplane import ControlPlane
from lab.cri import RUNNING
from lab.datagrams import steady_stream
from lab.kernel import Traces
from lab.member import Member
from lab.node import executable
from lab.release import PROGRAMS, content, pack
from lab.shell import CommandFailed
from test_upgrade import conversation

#: Bits of capabilities (linux/capability.h).
CAPABILITIES = {"NET_ADMIN": 12, "NET_RAW": 13, "PERFMON": 38, "BPF": 39}
FLOW = 7600


class Manifest(ClusterCase):
    """Two nodes, installed by the manifest, that know each other from the API server."""

    datapath = "ebpf"
    plugins, lists = PLUGIN_DIRECTORY, CONFIGURATION_DIRECTORY

    @classmethod
    def manifest(cls):
        return manifest.read("kubernetes/warrens.yaml")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plane = ControlPlane(cls.cluster.underlay)
        cls.addClassCleanup(cls.plane.close)
        directory = tempfile.TemporaryDirectory(prefix="warrens-image-")
        cls.addClassCleanup(directory.cleanup)
        cls.images = [f"{directory.name}/image.tar", f"{directory.name}/other.tar"]
        pack(cls.images[0])
        cls.objects = cls.settled(cls.manifest())
        cls.members = []
        for node in cls.cluster.nodes:
            member = Member(node, cls.plane, cls.plugins, cls.lists)
            cls.addClassCleanup(member.close)
            member.load(cls.images[0])
            cls.members.append(member)
        cls.pristine = [Traces(node) for node in cls.cluster.nodes]
        cls.files = [member.files() for member in cls.members]
        for member in cls.members:
            member.apply(cls.objects)
        for member in cls.members:
            member.await_ready()
            member.await_network()
        cls.one, cls.two = [member.kubelet.run_sandbox(f"web-{member.node.name}") for member in cls.members]

    @classmethod
    def settled(cls, objects):
        """The manifest with the datapath that is tested, in the place where a user says it."""
        data = manifest.find(objects, "ConfigMap")["data"]
        data["warrens.json"] = json.dumps(json.loads(data["warrens.json"]) | {"datapath": cls.datapath})
        return objects

    def report(self):
        super().report()
        for member in self.members:
            print(f"--- {member.node.name}\n{member.pod.log() if member.pod else ''}\n{member.runtime.log()[-3000:]}")

    def address(self, pod, family):
        return next(address for address in pod.addresses() if (":" in address) == (family == 6))

    def test_pods_reach_each_other_and_no_file_was_written_by_hand(self):
        for family in FAMILIES:
            self.assertReachable(self.one, self.address(self.two, family))
            self.assertReachable(self.two, self.address(self.one, family))

    def test_containers_have_what_the_manifest_gives_and_no_more(self):
        pod = self.members[0].pod
        for name, specification in pod.specifications.items():
            security = specification["securityContext"]
            container = pod.containers[name]
            if security.get("privileged"):
                # Only what ends at once may be.
                self.assertNotEqual(container.state()[0], RUNNING)
                continue
            wanted = sum(1 << CAPABILITIES[word] for word in security["capabilities"].get("add", []))
            with open(f"/proc/{container.pid()}/status") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            for kind in ("CapEff", "CapPrm", "CapBnd"):
                self.assertEqual(int(status[kind], 16), wanted, f"{kind} of {name}")
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "2")
            self.assertEqual(status["Uid"].split(), ["0"] * 4)

    def test_probes_succeed(self):
        member = self.members[0]
        for container, kind in (("warrensd", "livenessProbe"), ("warrens-nodes", "livenessProbe"),
                                ("warrens-nodes", "readinessProbe")):
            member.pod.probe(container, kind)

    def test_the_operators_tool_works_in_the_pod(self):
        [other] = [member.node.name for member in self.members[1:]]
        container = self.members[0].pod.containers["warrensd"]
        for words, expected in ((["status"], "Daemon    warrensd"), (["peers"], other), (["ping", other], other),
                                (["doctor"], "in /opt/cni/bin")):
            with self.subTest(" ".join(words)):
                code, output, errors = container.execute("warrensctl", *words)
                self.assertEqual(code, 0, output + errors)
                self.assertIn(expected, output)

    def test_upgrade_and_roll_back_under_running_flows(self):
        programs = tempfile.mkdtemp(dir=os.path.dirname(self.images[0]))
        for name in PROGRAMS:
            # Something else to install, which does the same.
            with open(f"{programs}/{name}", "wb") as file:
                file.write(content(executable(name)) + b"another release")
            os.chmod(f"{programs}/{name}", 0o755)
        pack(self.images[1], "--version", "0.1.1", programs=programs)
        member = self.members[1]
        member.load(self.images[1])
        source, target = self.one, self.two
        for family in FAMILIES:
            self.assertReachable(source, self.address(target, family))
        with steady_stream(source, target, self.address(target, 4), FLOW) as stream:
            with conversation(source, target, self.address(target, 6), FLOW + 1) as outcome:
                for image, version in (("localhost/warrens:0.1.1", 1), (None, 0)):
                    member.pod.close()
                    member.apply(self.objects, image=image)
                    member.await_ready()
                    installed = content(member.node.path(f"{self.plugins}/warrensd"))
                    self.assertEqual(installed.endswith(b"another release"), bool(version))
        measured(
            f"upgrade and roll-back of the image, datapath {self.datapath}: {stream.lost} of {stream.sent} datagrams lost,"
            f" {outcome['length'] >> 20} MiB intact, {outcome['repeated']} segments sent again")
        self.assertTrue(outcome["intact"], outcome)
        self.assertNothingNeededWasLost(stream)
        # Who was there is still there, and others can come.
        another = member.kubelet.run_sandbox("another")
        for family in FAMILIES:
            self.assertReachable(self.one, self.address(another, family))
        another.stop()
        another.remove()

    def assertNothingNeededWasLost(self, stream):
        """The kernel carries packets on while there is no process."""
        self.assertGreater(stream.sent, 100)
        self.assertEqual(stream.lost, 0, f"of {stream.sent}")

    def test_zz_removal_leaves_nothing(self):
        """The last test of the class, by its name."""
        removal = manifest.read("kubernetes/warrens-removal.yaml")
        for member, pod, pristine, files in zip(self.members, (self.one, self.two), self.pristine, self.files):
            with self.subTest(node=member.node.name):
                pod.stop()
                pod.remove()
                member.pod.close()
                member.apply(removal, "warrens-removal")
                self.assertEqual(member.pod.containers["done"].state()[0], RUNNING)
                member.pod.close()
                self.assertNothingLeft(pristine, member.node)
                self.assertEqual(member.files(), files)
                mounts = member.node.run("cat", "/proc/self/mountinfo").stdout
                self.assertNotIn("/run/warrens", mounts)


class ManifestInUserSpace(Manifest):
    """The same without eBPF: the container has no way to unmount what it does not need."""

    datapath = "tun"

    def assertNothingNeededWasLost(self, stream):
        """From one process to the next nobody carries packets: connections wait."""
        self.assertGreater(stream.sent, 100)


class ManifestOnK3s(Manifest):
    """The same as customised for K3s, with its directories, and the datapath that is chosen by itself."""

    datapath = "auto"
    plugins, lists = "/var/lib/rancher/k3s/data/cni", "/var/lib/rancher/k3s/agent/etc/cni/net.d"
    test_containers_have_what_the_manifest_gives_and_no_more = test_the_operators_tool_works_in_the_pod = None
    test_upgrade_and_roll_back_under_running_flows = None

    @classmethod
    def manifest(cls):
        return manifest.customised("kubernetes-k3s")

    def test_nothing_was_installed_elsewhere(self):
        for member in self.members:
            for program in PROGRAMS:
                self.assertTrue(member.node.exists(f"{self.plugins}/{program}"))
                self.assertFalse(member.node.exists(f"{PLUGIN_DIRECTORY}/{program}"))
            self.assertEqual(member.node.listing(CONFIGURATION_DIRECTORY), [])


class TooSmall(ClusterCase):
    """The paper's layout: eight IPv4 addresses, where kubelet starts 110 pods."""

    nodes = 1

    def test_a_subnet_smaller_than_what_kubelet_starts_is_refused(self):
        plane = ControlPlane(self.cluster.underlay)
        self.addCleanup(plane.close)
        member = Member(self.cluster.nodes[0], plane)
        self.addCleanup(member.close)
        with tempfile.TemporaryDirectory(prefix="warrens-image-") as directory:
            pack(f"{directory}/image.tar")
            member.load(f"{directory}/image.tar")
        objects = manifest.read("kubernetes/warrens.yaml")
        data = manifest.find(objects, "ConfigMap")["data"]
        right = data["warrens.json"]
        data["warrens.json"] = json.dumps(json.loads(right) | {"profile": "paper"})
        member.apply(objects)

        def refused():
            with self.assertRaises(CommandFailed) as caught:
                member.pod.probe("warrens-nodes", "readinessProbe")
            self.assertIn("has 8 addresses for pods, and kubelet may start 110", str(caught.exception))

        eventually(refused, within=30)
        self.assertEqual(member.node.listing(CONFIGURATION_DIRECTORY), [])
        self.assertFalse(member.kubelet.network_ready()[0])

        # A ConfigMap that makes no sense changes nothing, and says what is wrong.
        data["warrens.json"] = json.dumps(json.loads(right) | {"v4Width": "wide"})
        member.pod.close()
        before = member.node.read("/etc/warrens/warrens.json")
        with self.assertRaises(AssertionError) as caught:
            member.apply(objects)
        self.assertIn("v4Width", str(caught.exception))
        self.assertEqual(member.node.read("/etc/warrens/warrens.json"), before)

        data["warrens.json"] = right
        member.apply(objects)
        member.await_ready()
        member.await_network()
