"""ADD and DEL beside the reference plugins', interleaved in one run. Reported; no test passes or fails by time."""

import json
import statistics

from lab.case import ClusterCase, measured
from lab.cni import PLUGIN_PATH
from lab.node import CONFIGURATION
from lab.pod import Pod
from lab.shell import repository

ROUNDS = 40

REFERENCE = {
    "type": "bridge",
    "bridge": "reference0",
    "isDefaultGateway": True,
    "ipam": {
        "type": "host-local",
        "ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]],
    },
}

#: Runs inside of the node, so that entering it is not measured.
PROGRAM = f"{repository()}/Tests/EndToEnd/stopwatch.py"


class Latency(ClusterCase):
    nodes = 1

    def test_add_and_del_beside_bridge_and_host_local(self):
        for masquerade in (True, False):
            with self.subTest(ipMasq=masquerade):
                self.compare(masquerade)

    def compare(self, masquerade):
        (node,) = self.cluster.nodes
        Pod(node).attach().detach()
        common = {"cniVersion": "1.0.0", "ipMasq": masquerade}
        requests = {
            "warrens": {**CONFIGURATION["plugins"][0], **common, "name": "warrens"},
            "reference": {**REFERENCE, **common, "name": "reference"},
        }
        plan = {"rounds": ROUNDS, "path": ":".join(PLUGIN_PATH), "requests": requests}
        times = json.loads(node.run("python3", PROGRAM, input=json.dumps(plan), timeout=300).stdout)
        for verb in ("ADD", "DEL"):
            ours, theirs = (statistics.median(times[name][verb]) * 1000 for name in ("warrens", "reference"))
            measured(
                f"{verb}, ipMasq {'on' if masquerade else 'off'}, median of {ROUNDS}: warrens + warrens-ipam "
                f"{ours:.1f} ms, bridge + host-local {theirs:.1f} ms, ratio {ours / theirs:.2f}"
            )
            self.assertEqual(len(times["warrens"][verb]), ROUNDS)
