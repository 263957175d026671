"""The six verbs as a runtime meets them: every version, repetition, what CHECK finds, what GC takes and spares."""

import ipaddress
import json

from lab.case import FAMILIES, ClusterCase, eventually
from lab.cni import Network, PluginError, execute
from lab.kernel import Traces, ip
from lab.node import CONFIGURATION
from lab.pod import Pod
from lab.traffic import ping

VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def version(text):
    return tuple(map(int, text.split(".")))


class Verbs(ClusterCase):
    nodes = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.node,) = cls.cluster.nodes
        Pod(cls.node).attach().detach()

    def network(self, version="1.1.0", **keys):
        plugin = {**CONFIGURATION["plugins"][0], **keys}
        return Network(self.node, {**CONFIGURATION, "cniVersion": version, "plugins": [plugin]})

    def take_settings_back(self):
        """The daemon follows the file; the next test's first look must not fall into the middle of that."""
        self.node.run("rm", "-f", "/etc/warrens/warrens.json")
        subnets = [ipaddress.ip_network(subnet) for subnet in self.node.subnets()]

        def check():
            (device,) = ip(self.node, "address", "show", "dev", "warrens0", "scope", "global")
            addresses = [ipaddress.ip_address(entry["local"]) for entry in device["addr_info"]]
            for subnet in subnets:
                self.assertTrue(any(address in subnet for address in addresses), f"{subnet}: {addresses}")
            routes = json.dumps([ip(self.node, f"-{family}", "route", "show", "table", "31337") for family in FAMILIES])
            for subnet in subnets:
                self.assertIn(str(subnet.network_address), routes)

        eventually(check)

    def assertPluginError(self, code, text, action, *arguments, **options):
        with self.assertRaises(PluginError) as caught:
            action(*arguments, **options)
        self.assertEqual(caught.exception.code, code, str(caught.exception))
        self.assertIn(text, caught.exception.text)

    def test_every_version_gets_its_own_result(self):
        before = Traces(self.node)
        for text in VERSIONS:
            with self.subTest(version=text):
                pod = Pod(self.node)
                network = self.network(text)
                result = network.add(pod)
                self.assertEqual(result["cniVersion"], text)
                if version(text) < (0, 3, 0):
                    for key, family in (("ip4", 4), ("ip6", 6)):
                        self.assertEqual(ipaddress.ip_interface(result[key]["ip"]).version, family)
                    self.assertNotIn("interfaces", result)
                else:
                    host, inside = result["interfaces"]
                    self.assertFalse(host.get("sandbox"))
                    self.assertEqual((inside["name"], inside["sandbox"]), ("eth0", pod.namespace))
                    self.assertEqual(inside["mac"], ip(pod, "link", "show", "eth0")[0]["address"])
                    self.assertEqual([entry["interface"] for entry in result["ips"]], [1, 1])
                    self.assertEqual(["version" in entry for entry in result["ips"]], [version(text) < (1, 0, 0)] * 2)
                    self.assertEqual({route["dst"] for route in result["routes"]}, {"0.0.0.0/0", "::/0"})
                # The reference plugins, too, tell the MTU in 1.0.0 already.
                if text != "1.0.0":
                    self.assertEqual("mtu" in json.dumps(result), text == "1.1.0")
                if version(text) >= (0, 4, 0):
                    network.check(pod)
                network.delete(pod)
        self.assertNothingLeft(before, self.node)

    def test_version_is_told_without_a_configuration(self):
        for plugin in ("warrens", "warrens-ipam"):
            outcome = execute(self.node, plugin, {"CNI_COMMAND": "VERSION"}, '{"cniVersion": "0.4.0"}')
            self.assertEqual(json.loads(outcome.stdout)["supportedVersions"], VERSIONS)

    def test_a_second_add_is_the_standards_error_and_harms_nothing(self):
        pod = Pod(self.node).attach()
        request = {**CONFIGURATION["plugins"][0], "name": "warrens", "cniVersion": "1.0.0"}
        outcome = execute(
            self.node, "warrens",
            {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": pod.identifier, "CNI_NETNS": pod.namespace,
             "CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin"},
            json.dumps(request),
        )
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("eth0", json.loads(outcome.stdout)["msg"])
        for family in FAMILIES:
            ping(self.node, pod.address(family))
        pod.check()
        pod.detach()

    def test_two_interfaces_in_one_pod(self):
        before = Traces(self.node)
        pod = Pod(self.node)
        first, second = self.network("1.0.0"), self.network("1.0.0")
        results = [first.add(pod, interface="eth0"), second.add(pod, interface="net1")]
        found = {entry["address"] for result in results for entry in result["ips"]}
        self.assertEqual(len(found), 4)
        second.delete(pod, interface="net1")
        first.delete(pod, interface="eth0")
        self.assertNothingLeft(before, self.node)

    def test_del_of_anything_succeeds_always(self):
        before = Traces(self.node)
        pod = Pod(self.node)
        pod.network = self.network()
        pod.detach()
        pod.attach()
        network = pod.network
        for _ in range(3):
            network.delete(pod)
        pod.attach()
        pod.destroy()
        network.delete(pod)
        network.delete(pod, namespace=False)
        gone = Pod(self.node).attach()
        gone.run("ip", "link", "delete", "eth0")
        gone.detach()
        self.assertNothingLeft(before, self.node)

    def test_check_finds_what_is_broken_and_nothing_else(self):
        breakages = {
            "the interface is gone": ("pod", "link delete eth0", "eth0"),
            "the interface is down": ("pod", "link set eth0 down", "eth0"),
            "the IPv4 address is gone": ("pod", "address delete {v4}/32 dev eth0", "{v4}"),
            "the IPv6 address is gone": ("pod", "-6 address delete {v6}/128 dev eth0", "{v6}"),
            "the IPv4 default route is gone": ("pod", "-4 route delete default", "0.0.0.0/0"),
            "the IPv6 default route is gone": ("pod", "-6 route delete default", "::/0"),
            "the host's IPv4 route is gone": ("host", "-4 route delete {v4}/32 dev cni0", "{v4}"),
            "the host's IPv6 route is gone": ("host", "-6 route delete {v6}/128 dev cni0", "{v6}"),
            "the host's end is off the bridge": ("host", "link set {host} nomaster", "{host}"),
        }
        for name, (place, command, culprit) in breakages.items():
            with self.subTest(name):
                pod = Pod(self.node).attach()
                pod.check()
                facts = {"v4": pod.address(4), "v6": pod.address(6), "host": pod.result["interfaces"][0]["name"]}
                words = ["ip", *command.format(**facts).split()]
                (pod if place == "pod" else self.node).run(*words)
                with self.assertRaises(PluginError) as caught:
                    pod.check()
                self.assertIn(culprit.format(**facts), caught.exception.text)
                pod.detach()

    def test_check_tolerates_what_others_add(self):
        pod = Pod(self.node).attach()
        pod.run("ip", "route", "add", "10.77.0.0/16", "dev", "eth0")
        pod.run("ip", "address", "add", "10.78.0.1/32", "dev", "eth0")
        pod.run("ip", "link", "set", "eth0", "mtu", "1300")
        pod.check()
        pod.detach()

    def test_gc_takes_the_stale_and_spares_the_valid(self):
        before = Traces(self.node)
        network = self.network()
        kept, stale, gone = (Pod(self.node).attach(network) for _ in range(3))
        gone.destroy()
        with_kept = Traces(self.node)
        network.collect([(kept.identifier, "eth0")])
        for family in FAMILIES:
            ping(self.node, kept.address(family))
        kept.check()
        left = [line for line in with_kept.difference(Traces(self.node)) if ": +" in line]
        self.assertEqual(left, [])
        kept.detach()
        for pod in (stale, gone):
            network.delete(pod, namespace=False)
        self.assertNothingLeft(before, self.node)

    def test_gc_with_an_empty_list_takes_all_and_without_a_list_none(self):
        before = Traces(self.node)
        network = self.network()
        pod = Pod(self.node).attach(network)
        try:
            network.collect(None)
        except PluginError:
            pass  # An error is as good as doing nothing.
        for family in FAMILIES:
            ping(self.node, pod.address(family))
        network.collect([])
        self.assertNothingLeft(before, self.node)

    def test_exhaustion_is_named_and_status_tells(self):
        self.node.settings(profile="paper")
        self.addCleanup(self.take_settings_back)
        network = Network(self.node, {**self.network().configuration, "name": "small"})
        plugin = {"type": "warrens-ipam"}
        ipam = Network(self.node, {
            **network.configuration, "plugins": [{"type": "warrens-ipam", "ipam": plugin}],
        })
        pods = [Pod(self.node) for _ in range(9)]
        for pod in pods[:-1]:
            try:
                ipam.add(pod)
            except PluginError as error:
                self.assertEqual(error.code, 11)
                break
        self.assertPluginError(11, "IPv4", ipam.add, pods[-1])
        self.assertPluginError(50, "IPv4", ipam.status)
        for pod in pods:
            ipam.delete(pod)
        ipam.status()

    def test_requested_addresses_are_given_once(self):
        subnets = [ipaddress.ip_network(subnet) for subnet in self.node.subnets()]
        wanted = [str(subnet[200]) for subnet in subnets]
        network = self.network("1.0.0", capabilities={"ips": True})
        capabilities = {"ips": wanted}
        pod = Pod(self.node).attach(network, capabilities=capabilities)
        self.assertEqual({pod.address(family) for family in FAMILIES}, set(wanted))
        with self.assertRaises(PluginError) as caught:
            Pod(self.node).attach(network, capabilities=capabilities)
        self.assertRegex(caught.exception.text, "|".join(wanted))
        pod.detach(capabilities=capabilities)
