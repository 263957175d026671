"""Installing on a node by hand, with hack/install, and removing with hack/uninstall."""

import json
import os
import re
import shutil
import stat

from lab.case import FAMILIES, ClusterCase, eventually
from lab.cni import Network
from lab.controlplane import ControlPlane
from lab.kernel import Traces
from lab.node import NODE_FILE, executable
from lab.pod import Pod
from lab.release import PROGRAMS
from lab.shell import CommandFailed, repository

HACK = os.path.join(repository(), "hack")
STAND_IN = os.path.join(repository(), "Tests/EndToEnd/lab/systemctl.py")
CONFLIST = "10-warrens.conflist"
K3S = "/var/lib/rancher/k3s"

CONTAINERD_2 = """
version = 3
[plugins.'io.containerd.cri.v1.runtime'.cni]
  # bin_dir = '/a/comment'
  bin_dir = ''
  bin_dirs = ['/opt/plugins', '/usr/lib/cni']
  conf_dir = '/etc/lists'
"""


def hack(node, script, *arguments, path="", check=True):
    """Runs a script of hack/ on a node. path: of the stand-in for systemd's tool."""
    environment = {"WARRENS_DIST": os.path.dirname(executable("warrens"))}
    if path:
        environment["PATH"] = f"{path}:/usr/sbin:/usr/bin:/sbin:/bin"
    return node.run(f"{HACK}/{script}", *arguments, environment=environment, check=check, timeout=120)


def pretend_systemd(node):
    """Has the scripts find a systemd on a node; returns the directory of its stand-in."""
    os.makedirs(node.path("/run/systemd/system"), exist_ok=True)
    os.makedirs(node.path("/opt/stand-in"), exist_ok=True)
    shutil.copy(STAND_IN, node.path("/opt/stand-in/systemctl"))
    return "/opt/stand-in"


def installed(node):
    """All that is in the directories in which we install."""
    directories = ("/opt/cni", "/etc/cni", "/etc/systemd/system", "/etc/warrens")
    return [path for directory in directories for path in node.listing(directory)]


def clear(node):
    """Takes away what the laboratory has installed, and what of this machine would be found by looking."""
    for directory in ("/opt/cni/bin", "/etc/cni/net.d"):
        for name in [*PROGRAMS, CONFLIST]:
            node.run("rm", "-f", f"{directory}/{name}")
    node.run("rm", "-rf", "/etc/containerd", "/etc/systemd/system", K3S, "/opt/plugins", "/etc/lists", "/etc/warrens/warrens.json")


class ByHand(ClusterCase):
    """Each test on a node of its own, which has nothing of ours; the other one has peers for it."""

    def setUp(self):
        cluster = type(self).cluster
        self.first, self.second = cluster.nodes
        clear(self.first)

    def hack(self, script, *arguments, **options):
        return hack(self.first, script, *arguments, **options)

    def with_systemd(self):
        path = pretend_systemd(self.first)
        self.addCleanup(self.first.run, "rm", "-rf", "/run/systemd", path, "/run/units")
        return path

    def files(self):
        return installed(self.first)

    def configuration(self, path):
        return json.loads(self.first.read(path))

    def test_an_installed_node_has_pods_and_a_removed_one_nothing(self):
        path = self.with_systemd()
        for plugin in ("loopback", "portmap", "bandwidth"):
            shutil.copy2(f"/usr/lib/cni/{plugin}", self.first.path(f"/opt/cni/bin/{plugin}"))
            self.addCleanup(os.unlink, self.first.path(f"/opt/cni/bin/{plugin}"))
        before, files = Traces(self.first), self.files()
        self.hack("install", path=path)
        [daemon] = self.first.daemons()
        configuration = self.configuration(f"/etc/cni/net.d/{CONFLIST}")
        self.assertEqual(configuration["plugins"][0]["tunnel"], {"autostart": False})
        self.assertEqual([plugin["type"] for plugin in configuration["plugins"]], ["warrens", "portmap", "bandwidth"])
        one, two = Pod(self.first).attach(Network(self.first, configuration)), Pod(self.second).attach()
        for family in FAMILIES:
            self.assertReachable(one, two.address(family))

        # Once more is an upgrade: another process, and the same pods.
        self.hack("install", path=path)
        self.assertNotEqual(self.first.daemons(), [daemon])
        for family in FAMILIES:
            self.assertReachable(one, two.address(family))
        one.detach()

        self.hack("uninstall", "--purge", path=path)
        self.assertEqual(self.first.daemons(), [])
        self.assertFalse(self.first.exists("/etc/warrens"))
        self.first.write("/etc/warrens/nodes.json", json.dumps(type(self).cluster.node_list()))
        self.assertNothingLeft(before, self.first)
        self.assertEqual(self.files(), files)

    def test_without_systemd_the_first_pod_starts_the_daemon(self):
        outcome = self.hack("install")
        self.assertIn("the first pod starts warrensd", outcome.stdout)
        self.assertIn("there is no portmap", outcome.stdout)
        configuration = self.configuration(f"/etc/cni/net.d/{CONFLIST}")
        self.assertEqual([plugin["type"] for plugin in configuration["plugins"]], ["warrens"])
        self.assertNotIn("tunnel", configuration["plugins"][0])
        pod = Pod(self.first).attach(Network(self.first, configuration))
        self.assertEqual(len(self.first.daemons()), 1)
        pod.detach()
        self.hack("uninstall")
        self.assertEqual(self.first.daemons(), [])
        self.assertTrue(self.first.exists("/var/lib/warrens"))

    def test_directories_are_found_by_looking(self):
        containerd = "/etc/containerd/config.toml"
        debian = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".cni]\n  bin_dir = "/usr/lib/cni"\n'
        for name, files, directories, expected in [
            ("nothing", {}, [], ("/opt/cni/bin", "/etc/cni/net.d")),
            ("Debian's containerd", {containerd: debian}, [], ("/usr/lib/cni", "/etc/cni/net.d")),
            ("containerd 2", {containerd: CONTAINERD_2}, [], ("/opt/plugins", "/etc/lists")),
            ("K3s", {}, [f"{K3S}/data/cni"], (f"{K3S}/data/cni", f"{K3S}/agent/etc/cni/net.d")),
            ("K3s before October 2024", {}, [f"{K3S}/data/current/bin"],
             (f"{K3S}/data/current/bin", f"{K3S}/agent/etc/cni/net.d")),
            ("K3s beside a containerd", {containerd: debian, f"{K3S}/agent{containerd}":
             f'bin_dir = "{K3S}/data/cni"\nconf_dir = "{K3S}/agent/etc/cni/net.d"'}, [f"{K3S}/data/cni"],
             (f"{K3S}/data/cni", f"{K3S}/agent/etc/cni/net.d")),
        ]:
            with self.subTest(name):
                self.first.run("rm", "-rf", "/run/tree")
                for path, text in files.items():
                    self.first.write(f"/run/tree{path}", text)
                for directory in ["/etc", *directories]:
                    os.makedirs(self.first.path(f"/run/tree{directory}"), exist_ok=True)
                self.hack("install", "--root", "/run/tree")
                programs, lists = (f"/run/tree{directory}" for directory in expected)
                for program in PROGRAMS:
                    mode = os.stat(self.first.path(f"{programs}/{program}")).st_mode
                    self.assertEqual(stat.S_IMODE(mode), 0o755)
                self.assertEqual(self.first.listing(lists), [f"{lists}/{CONFLIST}"])
                unit = self.first.read("/run/tree/etc/systemd/system/warrensd.service")
                self.assertIn(f"\nExecStart={expected[0]}/warrensd --foreground\n", unit)
                self.hack("uninstall", "--root", "/run/tree", "--purge")
                self.assertEqual(self.first.listing("/run/tree"), sorted(f"/run/tree{path}" for path in files))

    def test_a_dry_run_changes_nothing(self):
        path, before = self.with_systemd(), self.files()
        text = self.hack("install", "--dry-run", path=path).stdout
        for expected in ("warrensctl install --bin-directory /opt/cni/bin", "systemctl restart warrensd.service",
                         f"would write /etc/cni/net.d/{CONFLIST}", '"autostart": false'):
            self.assertIn(expected, text)
        self.hack("uninstall", "--dry-run", "--purge", "--bin-directory", "/opt/cni/bin", path=path)
        self.assertEqual(self.files(), before)
        self.assertEqual(self.first.daemons(), [])

    def test_what_cannot_work_is_refused_before_anything_changes(self):
        before = self.files()
        self.first.write("/run/kubeconfig", "{}")
        for name, arguments, prepare, expected in [
            ("an unknown word", ["--kubconfig"], None, "unknown argument --kubconfig"),
            ("no value", ["--root"], None, "--root needs a value"),
            ("no such kubeconfig", ["--kubeconfig", "/run/none"], None, "/run/none cannot be read"),
            ("nobody to start warrens-nodes", ["--kubeconfig", "/run/kubeconfig"], None, "systemd does not run here"),
            ("another network first", [], "/etc/cni/net.d/05-other.conflist", "/etc/cni/net.d/05-other.conflist comes before"),
        ]:
            with self.subTest(name):
                if prepare:
                    self.first.write(prepare, "{}")
                with self.assertRaises(CommandFailed) as caught:
                    self.hack("install", *arguments)
                self.assertIn(expected, caught.exception.outcome.stderr)
                if prepare:
                    os.unlink(self.first.path(prepare))
                self.assertEqual(self.files(), before)

    def test_settings_that_do_not_wait_for_the_claim_are_refused(self):
        path = self.with_systemd()
        self.first.write("/run/kubeconfig", "{}")
        self.first.settings(port=31337)
        with self.assertRaises(CommandFailed) as caught:
            self.hack("install", "--kubeconfig", "/run/kubeconfig", path=path)
        self.assertIn('does not say "nodeSource": "kubernetes"', caught.exception.outcome.stderr)

    def test_a_killed_installation_is_taken_up_by_the_next(self):
        self.first.write("/opt/cni/bin/.warrensd.installing", "half of it")
        self.hack("install")
        for program in PROGRAMS:
            with open(executable(program), "rb") as built, open(self.first.path(f"/opt/cni/bin/{program}"), "rb") as installed:
                self.assertEqual(built.read(), installed.read())
        self.assertEqual([path for path in self.files() if "installing" in path or path.endswith(".new")], [])
        self.hack("uninstall")

    def test_units_make_sense_to_systemd(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        for unit in ("warrensd.service", "warrens-nodes.service"):
            with self.subTest(unit=unit):
                with open(os.path.join(repository(), "conf", unit)) as file:
                    text = file.read()
                # It looks whether the executable is there.
                self.first.write(f"/run/units/{unit}", re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M))
                outcome = self.first.run("systemd-analyze", "verify", f"/run/units/{unit}", check=False)
                complaints = [line for line in outcome.stderr.splitlines() if unit in line]
                self.assertEqual((outcome.returncode, complaints), (0, []), outcome.stderr)


class InACluster(ClusterCase):
    """By hand on every node of a Kubernetes cluster: systemd runs `warrens-nodes`, with a kubeconfig of root's."""

    def test_nodes_find_each_other_and_the_conflist_comes_last(self):
        plane = ControlPlane(self.cluster.underlay)
        self.addCleanup(plane.close)
        nodes, paths, before, pods = self.cluster.nodes, [], [], []
        for node in nodes:
            clear(node)
            os.unlink(node.path(NODE_FILE))
            paths.append(pretend_systemd(node))
            before.append((Traces(node), installed(node)))
            node.write("/run/kube/token", plane.account_token(node))
            node.write("/run/kube/config", plane.kubeconfig(credentials={"tokenFile": "/run/kube/token"}))
            hack(node, "install", "--kubeconfig", "/run/kube/config", path=paths[-1])
            # The API server knows no such node yet, so no address may be leased.
            self.assertFalse(node.exists(f"/etc/cni/net.d/{CONFLIST}"))
        for node in nodes:
            plane.register(node)
        for node in nodes:
            configuration = eventually(lambda: json.loads(node.read(f"/etc/cni/net.d/{CONFLIST}")), within=60)
            self.assertEqual(configuration["plugins"][0]["tunnel"], {"autostart": False})
            pods.append(Pod(node).attach(Network(node, configuration)))
        for family in FAMILIES:
            self.assertReachable(pods[0], pods[1].address(family))
        for node, path, pod, (traces, files) in zip(nodes, paths, pods, before):
            pod.detach()
            hack(node, "uninstall", "--purge", path=path)
            self.assertNothingLeft(traces, node)
            self.assertEqual(installed(node), files)
            self.assertEqual(node.processes("warrens-nodes") + node.daemons(), [])

    def test_a_kubeconfig_of_another_user_is_refused(self):
        """The unit's process could not read it."""
        node = self.cluster.nodes[0]
        path = pretend_systemd(node)
        node.write("/run/kube/config", "{}")
        os.chown(node.path("/run/kube/config"), 1000, 1000)
        with self.assertRaises(CommandFailed) as caught:
            hack(node, "install", "--kubeconfig", "/run/kube/config", path=path)
        self.assertIn("does not belong to root", caught.exception.outcome.stderr)
