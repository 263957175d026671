"""The guides of docs/, walked through: every command that can run here is taken from the guide and run."""

import glob
import ipaddress
import json
import math
import os
import re
import unittest

from lab import walk
from lab.case import ClusterCase, eventually
from lab.cni import Network
from lab.containerd import CONFIGURATION_DIRECTORY, IMAGE, PLUGIN_DIRECTORY
from lab.controlplane import ControlPlane
from lab.kernel import Traces
from lab.member import Member
from lab.pod import Pod
from lab.shell import repository
from lab.traffic import ping
from lab.walk import Walk

K3S = "/var/lib/rancher/k3s"
GUIDES = ["install-k3s.md", "install-kubeadm.md", "install-containerd.md", "beside-another-cni.md", "migrate-from-flannel.md",
          "sizing.md", "troubleshooting.md"]


def content(path):
    with open(path) as file:
        return file.read()


def anchors(path):
    """The anchors of a page's headings, as its readers' browsers make them."""
    headings = re.findall(r"^#+ (.*)$", content(path), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Text(unittest.TestCase):
    """What stands in the guides and can be checked by reading."""

    def test_links_lead_somewhere(self):
        pages = [os.path.join(repository(), "README.md"), *glob.glob(os.path.join(walk.DOCS, "*.md"))]
        for page in pages:
            for link in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", content(page)):
                if link and "://" not in link:
                    with self.subTest(page=os.path.basename(page), link=link):
                        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(page), link)))
            for link, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]*)\)", content(page)):
                if "://" not in link:
                    target = os.path.join(os.path.dirname(page), link) if link else page
                    with self.subTest(page=os.path.basename(page), link=link, anchor=anchor):
                        self.assertIn(anchor, anchors(target))

    def test_the_readme_leads_to_every_guide(self):
        readme = content(os.path.join(repository(), "README.md"))
        for guide in GUIDES:
            self.assertIn(f"(docs/{guide})", readme)

    def test_words_of_logs_are_what_the_executables_say(self):
        sources = "".join(map(content, glob.glob(os.path.join(repository(), "Sources/**/*.swift"), recursive=True)))
        table = walk.text("troubleshooting.md").split("## By the words of a log or an error")[1]
        words = re.findall(r"^\| `([^`]+)` \|", table, flags=re.M)
        self.assertGreater(len(words), 10)
        for word in words:
            with self.subTest(word):
                self.assertTrue(word in sources)

    def test_numbers_of_sizing(self):
        text = walk.text("sizing.md")
        rows = re.findall(r"^\| ([\d.]+/\d+)[^|]*\| (\d+) \| ([\d,]+) \| /(\d+) \| (\d+) \|$", text, flags=re.M)
        self.assertGreater(len(rows), 4)
        for prefix, width, subnets, length, pods in rows:
            with self.subTest(prefix=prefix, width=width):
                self.assertEqual(ipaddress.ip_network(prefix).prefixlen + int(width), int(length))
                self.assertEqual(int(subnets.replace(",", "")), 2 ** int(width))
                # .0 to .7 of a node's subnet are not for pods.
                self.assertEqual(2 ** (32 - int(length)) - 8, int(pods))
        odds = re.findall(r"^\| (\d+) \|((?: [\d.]+ % \|)+)$", text, flags=re.M)
        self.assertGreater(len(odds), 4)
        for nodes, cells in odds:
            for width, cell in zip(range(12, 17), re.findall(r"[\d.]+", cells)):
                with self.subTest(nodes=nodes, width=width):
                    pairs = int(nodes) * (int(nodes) - 1)
                    self.assertEqual(f"{100 * (1 - math.exp(-pairs / 2 ** (width + 1))):.1f}", cell)


class Guide(ClusterCase):
    """Nodes with a containerd and nothing of ours; `walk` types the commands of a guide there."""

    plugins, lists = PLUGIN_DIRECTORY, CONFIGURATION_DIRECTORY

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plane = ControlPlane(cls.cluster.underlay)
        cls.addClassCleanup(cls.plane.close)
        cls.members = []
        for node in cls.cluster.nodes:
            cls.members.append(Member(node, cls.plane, cls.plugins, cls.lists))
            cls.addClassCleanup(cls.members[-1].close)
        cls.pristine = [Traces(node) for node in cls.cluster.nodes]
        cls.files = [member.files() for member in cls.members]
        cls.walk = Walk(cls.members)

    def report(self):
        super().report()
        for member in self.members:
            print(f"--- {member.node.name}\n{member.pod.log() if member.pod else ''}\n{member.runtime.log()[-3000:]}")

    def addresses(self, pod):
        return {ipaddress.ip_address(address).version: address for address in pod.addresses()}

    def assertTalking(self, one, two):
        for source, target in ((one, two), (two, one)):
            for address in self.addresses(target).values():
                self.assertReachable(source, address)

    def assertClean(self):
        for member, pristine, files in zip(self.members, self.pristine, self.files):
            self.assertNothingLeft(pristine, member.node)
            self.assertEqual(member.files(), files)


class OnKubeadm(Guide):
    guide = "install-kubeadm.md"

    def test_the_guide(self):
        sections = dict(walk.steps(self.guide))
        installing, looking, ending = "3. Install", "4. Look", "Settings, upgrade, removal"
        self.walk.follow(sections["2. Bring the image to every node"] + sections[installing])
        self.assertIn("Daemon    warrensd", self.walk.follow(sections[looking]))
        for member in self.members:
            member.await_network()
        pods = [member.kubelet.run_sandbox("app") for member in self.members]
        self.assertTalking(*pods)
        subnet = ipaddress.ip_network("10.192.0.0/10")
        self.assertIn(ipaddress.ip_address(self.addresses(pods[0])[4]), subnet)
        settings = json.loads(self.members[0].node.read("/etc/warrens/warrens.json"))
        self.assertEqual(len(settings["serviceCIDRs"]), 1)
        # Restarting under running pods is a part of it.
        restart, remove = sections[ending][:1], sections[ending][1:]
        self.walk.follow(restart)
        self.assertTalking(*pods)
        for pod in pods:
            pod.stop()
            pod.remove()
        self.walk.follow(remove)
        self.assertClean()


class OnK3s(OnKubeadm):
    guide = "install-k3s.md"
    plugins, lists = f"{K3S}/data/cni", f"{K3S}/agent/etc/cni/net.d"


class OnContainerd(Guide):
    nodes = 1

    def test_the_guide(self):
        [member] = self.members
        # The guide's image comes from a registry.
        member.runtime.control("images", "tag", IMAGE, "docker.io/library/busybox:latest")
        sections = dict(walk.steps("install-containerd.md"))
        output = self.walk.follow(sections["On containerd alone"])
        self.assertIn("would write /etc/cni/net.d/10-warrens.conflist", output)
        self.assertIn("attic", output)
        self.assertRegex(output, r"inet 10\.(19[2-9]|2\d\d)\.\d+\.\d+/32")
        self.walk.follow(sections["Upgrade and removal"])
        self.assertClean()


class Beside(ClusterCase):
    """Another network first: the reference plugin `bridge` plays it."""

    def other(self, number):
        return {
            "cniVersion": "1.0.0", "name": "other", "plugins": [{
                "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True,
                "ipam": {"type": "host-local", "ranges": [[{"subnet": f"10.42.{number}.0/24"}]],
                         "routes": [{"dst": "0.0.0.0/0"}]},
            }],
        }

    def pods(self, configuration):
        """A pod on each node with the other network's eth0, and net1 of ours."""
        pods = []
        for number, node in enumerate(self.cluster.nodes):
            pod = Pod(node).attach(Network(node, self.other(number)))
            pod.addresses = [
                ipaddress.ip_interface(entry["address"]).ip
                for entry in Network(node, configuration).add(pod, interface="net1")["ips"]]
            pods.append(pod)
        return pods

    def test_the_second_conflist_is_a_network_of_its_own(self):
        sections = dict(walk.steps("beside-another-cni.md"))
        node = self.cluster.nodes[0]
        for command in sections["A second conflist"]:
            node.run("sh", "-ec", f"cd {repository()}; {command}")
        configuration = json.loads(node.read("/etc/cni/net.d/50-warrens.conflist"))
        self.assertEqual(configuration["plugins"][0]["bridge"], "warrens-pods")
        first, second = self.pods(configuration)
        for address in second.addresses:
            eventually(lambda: ping(first, str(address)))
        self.assertIn("default via 10.", first.run("ip", "route").stdout)

    def test_the_attachment_definition_leaves_the_default_route_alone(self):
        text = walk.text("beside-another-cni.md")
        configuration = json.loads(re.search(r"  config: \|\n(.*?)\n```", text, flags=re.S).group(1))
        for node in self.cluster.nodes:
            node.start("/opt/cni/bin/warrensd", "--foreground")
        first, second = self.pods(configuration)
        self.assertIn("from 10.42.0.", self.way(first, "198.51.100.1"))
        self.assertIn("dev eth0", self.way(first, "198.51.100.1"))
        for address in second.addresses:
            self.assertIn("dev net1", self.way(first, str(address)))
            eventually(lambda: ping(first, str(address)))
        first.check()

    def way(self, pod, address):
        """What the pod's kernel says of the way to an address."""
        return pod.run("ip", "route", "get", address).stdout.replace("src", "from")


class Migration(Guide):
    """flannel is played by what it consists of on a node: a VXLAN device with static entries for each other node, rules of
    iptables, and the reference plugins that its own delegates to. What is left out is `flanneld`, which keeps these up to date."""

    def flannel(self):
        facts = [
            (node, f"10.244.{number}.0", f"02:00:00:00:00:{number:02x}") for number, node in enumerate(self.cluster.nodes, 1)]
        for node, network, address in facts:
            commands = [
                f"ip link add flannel.1 address {address} type vxlan id 1 dev eth0 local {node.v4} dstport 8472 nolearning",
                f"ip address add {network}/32 dev flannel.1", "ip link set flannel.1 up", "sysctl -q -w net.ipv4.ip_forward=1",
                "iptables -t nat -A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN",
                "iptables -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully",
                f"iptables -t nat -A POSTROUTING ! -s 10.244.0.0/16 -d {network}/24 -j RETURN",
                "iptables -t nat -A POSTROUTING ! -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE --random-fully",
            ]
            for other, remote, hardware in facts:
                if other is not node:
                    commands += [
                        f"ip route add {remote}/24 via {remote} dev flannel.1 onlink",
                        f"ip neighbour add {remote} lladdr {hardware} dev flannel.1",
                        f"bridge fdb add {hardware} dev flannel.1 dst {other.v4}",
                    ]
            for command in commands:
                node.run(*command.split())
        for member, (_, network, _) in zip(self.members, facts):
            member.runtime.configure("10-flannel.conflist", {
                "name": "cbr0", "cniVersion": "0.3.1", "plugins": [{
                    "type": "bridge", "bridge": "cni0", "isGateway": True, "isDefaultGateway": True, "hairpinMode": True,
                    "mtu": 1450, "ipam": {"type": "host-local", "ranges": [[{"subnet": f"{network}/24"}]],
                                          "routes": [{"dst": "10.244.0.0/16"}]},
                }],
            })
            member.await_network()

    def test_the_guide(self):
        self.flannel()
        first, second = self.members
        remaining = second.kubelet.run_sandbox("remaining")
        sections = walk.steps("migrate-from-flannel.md")
        # Images are the other guide's matter.
        self.walk.follow(["hack/image", "ctr -n k8s.io images import dist/warrens-0.1.0.oci.tar"])
        commands = dict(sections)
        self.walk.follow(commands["1. Prefix and bridge"])
        self.walk.follow(commands["2. Warrens beside flannel, on all nodes"])
        # flannel stays in force.
        former = first.kubelet.run_sandbox("former")
        self.assertEqual(self.addresses(former)[4].split(".")[:2], ["10", "244"])
        self.assertTalking(former, remaining)
        former.stop()
        former.remove()

        self.walk.follow(commands["3. Each node, one after the other"])

        def moved():
            pod = first.kubelet.run_sandbox(f"moved-{os.urandom(2).hex()}")
            if self.addresses(pod)[4].startswith("10.244."):
                pod.stop()
                pod.remove()
                raise AssertionError("the runtime still takes flannel's conflist")
            return pod

        pod = eventually(moved)
        self.assertIn(ipaddress.ip_address(self.addresses(pod)[4]), ipaddress.ip_network("10.128.0.0/10"))
        for source, target in ((pod, remaining), (remaining, pod)):
            self.assertReachable(source, self.addresses(target)[4])
        self.walk.follow(commands["4. Without flannel"])
        local = first.kubelet.run_sandbox("local")
        self.assertTalking(pod, local)
