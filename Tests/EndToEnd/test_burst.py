"""A hundred pods at once: all unique, all reachable, and nothing left of them."""

import os
from concurrent.futures import ThreadPoolExecutor

from lab.case import FAMILIES, ClusterCase, eventually, measured
from lab.kernel import Traces, conntrack
from lab.pod import Pod
from lab.traffic import ping

COUNT = 100


class Burst(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second = cls.cluster.nodes
        cls.visitor = Pod(cls.second).attach()

    def at_once(self, action, pods):
        with ThreadPoolExecutor(max_workers=len(pods)) as pool:
            return list(pool.map(action, pods))

    def reach_all(self, pods):
        """Pings every pod from the other node, a few at a time."""
        for family in FAMILIES:
            addresses = "\n".join(pod.address(family) for pod in pods)
            self.visitor.run(
                "xargs", "-P", "10", "-n", "1", "ping", "-n", "-q", "-c", "1", "-W", "5", input=addresses, timeout=120
            )

    def test_a_first_burst_starts_one_daemon(self):
        self.assertEqual(self.first.daemons(), [])
        pods = [Pod(self.first) for _ in range(50)]
        self.at_once(Pod.attach, pods)
        self.assertEqual(len(self.first.daemons()), 1)
        self.assertEqual(len({pod.address(4) for pod in pods}), 50)
        self.at_once(Pod.detach, pods)

    def test_hundred_come_and_go_without_a_trace(self):
        warm = Pod(self.first).attach()
        warm.detach()
        # The namespaces are the runtime's, and stay when their pods are detached.
        pods = [Pod(self.first) for _ in range(COUNT)]
        before = Traces(self.first)
        descriptors = self.descriptors()

        begin = os.times().elapsed
        self.at_once(Pod.attach, pods)
        measured(f"{COUNT} concurrent ADDs took {os.times().elapsed - begin:.2f} s")
        for family in FAMILIES:
            self.assertEqual(len({pod.address(family) for pod in pods}), COUNT)
        self.reach_all(pods)
        self.at_once(Pod.check, pods)
        addresses = [pod.address(family) for pod in pods for family in FAMILIES]
        self.assertTrue(conntrack(self.first, *addresses), "the pings were not tracked, so this proves nothing")

        begin = os.times().elapsed
        self.at_once(Pod.detach, pods)
        measured(f"{COUNT} concurrent DELs took {os.times().elapsed - begin:.2f} s")
        self.assertNothingLeft(before, self.first)
        self.assertEqual(conntrack(self.first, *addresses), [])
        eventually(lambda: self.assertLessEqual(self.descriptors(), descriptors))

    def test_pods_whose_namespace_is_gone_leave_nothing(self):
        warm = Pod(self.first).attach()
        warm.detach()
        before = Traces(self.first)
        pods = [Pod(self.first) for _ in range(20)]
        self.at_once(Pod.attach, pods)
        self.at_once(Pod.destroy, pods)
        self.at_once(lambda pod: pod.detach(namespace=False), pods)
        self.assertNothingLeft(before, self.first)

    def test_traffic_survives_a_burst_of_neighbours(self):
        steady = Pod(self.first).attach()
        pods = [Pod(self.first) for _ in range(30)]
        self.at_once(Pod.attach, pods)
        self.at_once(Pod.detach, pods)
        for family in FAMILIES:
            ping(self.visitor, steady.address(family))
        steady.check()
        steady.detach()

    def descriptors(self):
        """How many descriptors the node's daemon holds."""
        (daemon,) = self.first.daemons()
        return len(os.listdir(f"/proc/{daemon}/fd"))
