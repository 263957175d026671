"""The CRI path, which a kubelet takes and `ctr` never does: pod sandboxes over containerd's gRPC socket."""

from lab.case import FAMILIES, ClusterCase, eventually
from lab.containerd import Containerd
from lab.cri import Kubelet
from lab.kernel import Traces
from lab.node import CONFIGURATION
from lab.pod import Pod
from lab.traffic import call, call_refused, listening, ping

CHAIN = {
    **CONFIGURATION,
    "plugins": [
        *CONFIGURATION["plugins"],
        {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}},
        {"type": "bandwidth", "capabilities": {"bandwidth": True}},
    ],
}


class Sandboxes(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second = cls.cluster.nodes
        cls.runtime = Containerd(cls.first)
        cls.addClassCleanup(cls.runtime.close)
        cls.kubelet = Kubelet(cls.runtime)
        cls.addClassCleanup(cls.kubelet.close)
        cls.readiness_before, _ = cls.kubelet.network_ready()
        cls.runtime.configure("10-warrens.conflist", CHAIN)
        cls.await_readiness()
        cls.remote = Pod(cls.second).attach()

    @classmethod
    def await_readiness(cls):
        def check():
            ready, reason = cls.kubelet.network_ready()
            if not ready:
                raise AssertionError(reason)

        eventually(check)

    def report(self):
        super().report()
        print(self.runtime.log()[-5000:])

    def test_the_network_is_ready_once_the_conflist_is_there(self):
        self.assertFalse(self.readiness_before)
        self.assertEqual(self.kubelet.network_ready()[0], True)

    def test_our_addresses_are_the_pods(self):
        sandbox = self.kubelet.run_sandbox("addresses")
        try:
            reported = sandbox.addresses()
            inside = sandbox.run("ip", "-br", "address", "show", "dev", "eth0").stdout
            self.assertEqual(len(reported), 2)
            for address in reported:
                self.assertIn(address, inside)
                self.assertReachable(self.remote, address)
            for family in FAMILIES:
                self.assertReachable(sandbox, self.remote.address(family))
            # The operator's tool knows the pod by the name that Kubernetes gave it.
            self.assertIn("\nsent: to node2", self.first.control("trace", "addresses", self.remote.address(4)).stdout)
            # The runtime's parallel loopback network had its say too.
            ping(sandbox, "127.0.0.1")
            ping(sandbox, "::1")
        finally:
            sandbox.stop()
            sandbox.remove()

    def test_a_host_port_is_reached_and_stopping_twice_leaves_nothing(self):
        warm = self.kubelet.run_sandbox("warm", ports=[(8090, 80)])
        warm.stop()
        warm.remove()
        before = Traces(self.first)
        sandbox = self.kubelet.run_sandbox("web", ports=[(8090, 80)])
        with listening(sandbox, 80):
            for caller, address in (
                (self.second, self.first.v4), (self.cluster.internet, self.first.v6), (self.remote, self.first.v4),
            ):
                with self.subTest(caller=caller.name, address=address):
                    self.assertTrue(call(caller, address, 8090, 100_000)["intact"])
        sandbox.stop()
        sandbox.stop()
        sandbox.remove()
        self.assertNothingLeft(before, self.first)
        call_refused(self.second, self.first.v4, 8090)

    def test_a_bandwidth_annotation_is_obeyed(self):
        sandbox = self.kubelet.run_sandbox("slow", annotations={"kubernetes.io/ingress-bandwidth": "16M"})
        try:
            shaping = self.first.run("tc", "qdisc").stdout
            self.assertIn("rate 16Mbit", shaping)
        finally:
            sandbox.stop()
            sandbox.remove()

    def test_many_sandboxes_come_and_go(self):
        warm = self.kubelet.run_sandbox("warm2")
        warm.stop()
        warm.remove()
        before = Traces(self.first)
        sandboxes = [self.kubelet.run_sandbox(f"many{number}") for number in range(5)]
        self.assertEqual(len({address for sandbox in sandboxes for address in sandbox.addresses()}), 10)
        for sandbox in sandboxes:
            sandbox.stop()
            sandbox.remove()
        self.assertNothingLeft(before, self.first)
