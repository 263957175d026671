"""Bad input of every kind (CNI specification, sections 2 and 4): the right code, and a message that names the culprit."""

import json

from lab.case import ClusterCase
from lab.cni import execute
from lab.node import CONFIGURATION
from lab.pod import Pod

GOOD = {**CONFIGURATION["plugins"][0], "name": "warrens", "cniVersion": "1.0.0"}


def changed(**keys):
    """The good configuration with keys changed; None takes one away."""
    return {key: value for key, value in {**GOOD, **keys}.items() if value is not None}


#: What is wrong with the environment of an ADD: variables to set (None: to leave out), code, what the message names.
ENVIRONMENTS = {
    "unknown verb": ({"CNI_COMMAND": "FROB"}, 4, "FROB"),
    "lower-case verb": ({"CNI_COMMAND": "add"}, 4, "add"),
    "no container": ({"CNI_CONTAINERID": None}, 4, "CNI_CONTAINERID"),
    "empty container": ({"CNI_CONTAINERID": ""}, 4, "CNI_CONTAINERID"),
    "container with a slash": ({"CNI_CONTAINERID": "a/b"}, 4, "CNI_CONTAINERID"),
    "container that begins with a dot": ({"CNI_CONTAINERID": "../x"}, 4, "CNI_CONTAINERID"),
    "no namespace": ({"CNI_NETNS": None}, 4, "CNI_NETNS"),
    "no interface": ({"CNI_IFNAME": None}, 4, "CNI_IFNAME"),
    "interface too long": ({"CNI_IFNAME": "sixteen-letters-"}, 4, "CNI_IFNAME"),
    "interface with a slash": ({"CNI_IFNAME": "et/h0"}, 4, "CNI_IFNAME"),
    "interface with a colon": ({"CNI_IFNAME": "eth0:1"}, 4, "CNI_IFNAME"),
    "interface with a space": ({"CNI_IFNAME": "eth 0"}, 4, "CNI_IFNAME"),
    "interface of dots": ({"CNI_IFNAME": ".."}, 4, "CNI_IFNAME"),
    "arguments without a value": ({"CNI_ARGS": "IP"}, 4, "CNI_ARGS"),
    "several at once": ({"CNI_CONTAINERID": None, "CNI_IFNAME": None}, 4, "CNI_CONTAINERID,CNI_IFNAME"),
    "namespace that is none": ({"CNI_NETNS": "/etc/passwd"}, None, "/etc/passwd"),
    "namespace that does not exist": ({"CNI_NETNS": "/run/netns/none"}, None, "/run/netns/none"),
    "the host's own namespace": ({"CNI_NETNS": "/proc/self/ns/net"}, 8, "CNI_NETNS"),
}

#: What is wrong with the standard input of an ADD: the text or object, code, what the message names.
CONFIGURATIONS = {
    "nothing": ("", 6, ""),
    "no JSON": ("nonsense", 6, ""),
    "torn": (json.dumps(GOOD)[:40], 6, ""),
    "trailing garbage": (json.dumps(GOOD) + "}", 6, ""),
    "an array": ("[]", 6, ""),
    "a zero byte": (json.dumps(GOOD).replace("warrens", "war\0rens", 1), 6, ""),
    "very deep": ("[" * 100_000, 6, ""),
    "no name": (changed(name=None), 7, "name"),
    "a name with a slash": (changed(name="a/b"), 7, "a/b"),
    "a name of the wrong type": (changed(name=5), None, "name"),
    "an unknown version": (changed(cniVersion="9.9.9"), 1, "9.9.9"),
    "a version that is none": (changed(cniVersion="one"), None, "one"),
    "a version of the wrong type": (changed(cniVersion=1), None, "cniVersion"),
    "an unknown key": (changed(frobnicate=3), 2, "frobnicate"),
    "a key of bridge that makes no sense here": (changed(vlan=100), 2, "vlan"),
    "an MTU that is no number": (changed(mtu="large"), None, "mtu"),
    "an MTU that is too small": (changed(mtu=100), 7, "mtu"),
    "an MTU that is too large": (changed(mtu=10_000_000), 7, "mtu"),
    "a huge number": (changed(mtu=1e300), None, "mtu"),
    "a negative number": (changed(mtu=-1), 7, "mtu"),
    "a flag of the wrong type": (changed(ipMasq="yes please"), None, "ipMasq"),
    "an IPAM that is not there": (changed(ipam={"type": "absent"}), None, "absent"),
    "an IPAM with a path": (changed(ipam={"type": "../../bin/sh"}), 7, "../../bin/sh"),
    "an IPAM of the wrong type": (changed(ipam="warrens-ipam"), None, "ipam"),
    "cluster-wide settings": (changed(ipam={"type": "warrens-ipam", "v4Prefix": "10.0.0.0/8"}), None, "warrens.json"),
    "a MAC address that is none": (changed(args={"cni": {"mac": "zz"}}), None, "zz"),
    "a multicast MAC address": (changed(args={"cni": {"mac": "01:00:5e:00:00:01"}}), None, "01:00:5e:00:00:01"),
    "an address that is none": (changed(runtimeConfig={"ips": ["10.0.0.999"]}), None, "10.0.0.999"),
    "an address of another node": (changed(runtimeConfig={"ips": ["10.0.0.9/24"]}), None, "10.0.0.9"),
}


class BadInput(ClusterCase):
    nodes = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.node,) = cls.cluster.nodes
        cls.pod = Pod(cls.node)

    def execute(self, changes, input, plugin="warrens", verb="ADD"):
        environment = {
            "CNI_COMMAND": verb, "CNI_CONTAINERID": self.pod.identifier, "CNI_NETNS": self.pod.namespace,
            "CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin:/usr/lib/cni", **changes,
        }
        environment = {name: value for name, value in environment.items() if value is not None}
        input = input if isinstance(input, str) else json.dumps(input)
        return execute(self.node, plugin, environment, input)

    def assertRefused(self, outcome, code, culprit):
        self.assertNotEqual(outcome.returncode, 0, outcome.stdout)
        error = json.loads(outcome.stdout)
        if code is not None:
            self.assertEqual(error["code"], code, error)
        self.assertGreater(error["code"], 0)
        self.assertTrue(error["msg"])
        self.assertIn(culprit, f"{error['msg']}; {error.get('details', '')}")
        self.assertNotIn("eth0", self.pod.run("ip", "-br", "link").stdout)

    def test_environments(self):
        for name, (changes, code, culprit) in ENVIRONMENTS.items():
            with self.subTest(name):
                self.assertRefused(self.execute(changes, GOOD), code, culprit)

    def test_configurations(self):
        for name, (input, code, culprit) in CONFIGURATIONS.items():
            with self.subTest(name):
                self.assertRefused(self.execute({}, input), code, culprit)

    def test_ipam_environments_and_configurations(self):
        for name, (changes, code, culprit) in ENVIRONMENTS.items():
            if "CNI_NETNS" not in changes:
                with self.subTest(name):
                    self.assertRefused(self.execute(changes, GOOD, plugin="warrens-ipam"), code, culprit)
        for name in ("nothing", "no JSON", "torn", "an array", "no name", "an unknown version", "cluster-wide settings"):
            input, code, culprit = CONFIGURATIONS[name]
            with self.subTest(name):
                self.assertRefused(self.execute({}, input, plugin="warrens-ipam"), code, culprit)

    def test_verbs_newer_than_the_configuration(self):
        for plugin in ("warrens", "warrens-ipam"):
            for verb, old in (("CHECK", "0.3.1"), ("GC", "1.0.0"), ("STATUS", "1.0.0")):
                with self.subTest(plugin=plugin, verb=verb):
                    self.assertRefused(self.execute({}, changed(cniVersion=old), plugin, verb), 1, old)

    def test_del_of_the_hosts_own_interfaces_is_refused(self):
        outcome = self.execute({"CNI_NETNS": "/proc/self/ns/net"}, GOOD, verb="DEL")
        self.assertEqual(json.loads(outcome.stdout)["code"], 8)
        self.assertIn("eth0", self.node.run("ip", "-br", "link").stdout)

    def test_no_verb_is_a_person_at_a_terminal(self):
        for plugin in ("warrens", "warrens-ipam"):
            outcome = execute(self.node, plugin, {}, "")
            self.assertEqual(outcome.returncode, 0)
            self.assertEqual(outcome.stdout, "")
            self.assertIn("1.1.0", outcome.stderr)

    def test_a_good_request_still_works_after_all_that(self):
        pod = Pod(self.node).attach()
        pod.check()
        pod.detach()
