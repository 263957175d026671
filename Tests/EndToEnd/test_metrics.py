"""What a monitoring system sees: the page of metrics to the letter, what its numbers follow, and that dashboard, alerts and
documentation speak of nothing else."""

import ipaddress
import json
import os
import re
import time
import unittest

import yaml
from lab import promql
from lab.case import FAMILIES, ClusterCase, PairCase, eventually, measured
from lab.daemon import daemon_status, request
from lab.exposition import Malformed, Page, departures
from lab.node import NODE_FILE
from lab.pod import Pod
from lab.shell import repository
from lab.traffic import ping, ping_refused, steady_ping

#: What the monitoring system adds to each series.
GIVEN = {"instance", "job"}
#: There as soon as the clock was synchronised, which a test cannot do.
MAY_BE_ABSENT = {"warrens_claim_timestamp_seconds"}


def metrics(node, query="", **options):
    code, text = request(node, f"/metrics{query}", **options)
    if code != 200:
        raise AssertionError(f"{node.name} answers {code}: {text}")
    return Page(text)


def text(*path):
    with open(os.path.join(repository(), *path)) as file:
        return file.read()


class Format(unittest.TestCase):
    """The reader of pages that the other tests trust."""

    def test_what_the_specification_shows_is_read(self):
        page = Page(
            "# HELP a_total The \\\\ of\\nall.\n# TYPE a_total counter\n"
            'a_total{x="1",y="q\\"\\\\\\n"} 3 1395066363000\na_total { x = "2", } +Inf\n\n# a comment\nb 1.5e-3\n')
        self.assertEqual(page.value("a_total", x="1", y='q"\\\n'), 3)
        self.assertEqual(page.families["a_total"].help, "The \\ of\nall.")
        self.assertEqual((page["b"], page.families["a_total"].labels), (0.0015, {"x", "y"}))

    def test_what_breaks_a_rule_is_refused(self):
        for page in (
            "a 1", "a\n", "a x\n", "1a 1\n", "a 1 2 3\n", "a{x=1} 1\n", 'a{x="1"\n', 'a{x="1" y="2"} 1\n', 'a{1x="1"} 1\n',
            'a{x="\\t"} 1\n', 'a{x="1",x="2"} 1\n', "a 1\na 2\n", 'a{x="1",y="2"} 1\na{y="2",x="1"} 1\n',
            'a 1\nb 1\na{x="1"} 1\n', "a 1\n# TYPE a gauge\n", "# TYPE a gauge\n# TYPE a gauge\na 1\n",
            "# TYPE a number\na 1\n",
            "# HELP a x\n# HELP a x\na 1\n", "# HELP a x\\t\na 1\n", "# TYPE a gauge\n# TYPE b gauge\na 1\n", "# HELP\n",
        ):
            with self.subTest(page=page), self.assertRaises(Malformed):
                Page(page)

    def test_what_departs_from_the_conventions_is_named(self):
        head = "# HELP {0} x\n# TYPE {0} {1}\n"
        for name, kind, sample in (
            ("a", "counter", "a 1"), ("a_total", "gauge", "a_total 1"), ("aB", "gauge", "aB 1"),
            ("a_ms", "gauge", "a_ms 1"), ("a_info", "gauge", "a_info 2"), ("a", "gauge", 'a{instance="1"} 1'),
            ("a", "gauge", "b 1"),
        ):
            with self.subTest(name=name, sample=sample):
                self.assertTrue(departures(Page(head.format(name, kind) + sample + "\n")))
        self.assertEqual(departures(Page(head.format("a_total", "counter") + 'a_total{x="1"} 1\n')), [])

    def test_what_an_expression_uses_is_found(self):
        page = Page('a_total{x="1"} 1\nb{y="1"} 1\n')
        known = 'sum by (x, instance) (rate(a_total{x=~"1|2"}[5m])) / on (job) group_left (y) (b offset 1h) > 0.5e1'
        self.assertEqual(promql.unknown(known, page, GIVEN), [])
        for expression in (
            "c", "rate(c_total[5m])", 'a_total{y="1"}', "sum by (z) (b)", "a_total / on (z) b", "b and on (x) b",
        ):
            with self.subTest(expression=expression):
                self.assertTrue(promql.unknown(expression, page, GIVEN))
        with self.assertRaises(AssertionError):
            promql.unknown("a ; b", page, GIVEN)


class Metrics(PairCase):
    def test_the_page_keeps_the_rules_of_format_and_names(self):
        for node in self.cluster.nodes:
            self.assertEqual(departures(metrics(node)), [])
            self.assertEqual(departures(metrics(node, "?peers=all&process=none")), [])
        self.assertEqual(request(self.first, "/metrics?peers=few")[0], 400)

    def test_traffic_is_counted_for_the_peer_and_in_all(self):
        for family in FAMILIES:
            self.assertReachable(self.one, self.two.address(family))
        before = metrics(self.first)
        for family in FAMILIES:
            ping(self.one, self.two.address(family), count=5, size=1000)
        after = metrics(self.first)
        for direction in ("sent", "received"):
            for unit, least in (("packets", 10), ("bytes", 10 * 1000)):
                one = f"warrens_peer_{direction}_{unit}_total"
                grown = after.value(one, peer="node2") - before.value(one, peer="node2")
                self.assertGreaterEqual(grown, least, one)
                every = f"warrens_{direction}_{unit}_total"
                self.assertGreaterEqual(after[every] - before[every], least, every)

    def test_drops_are_counted_by_reason(self):
        taken = [ipaddress.ip_network(subnet) for node in self.cluster.nodes for subnet in node.subnets()]
        nobody = next(
            address for address in ("10.200.0.9", "10.201.0.9", "10.202.0.9")
            if not any(ipaddress.ip_address(address) in subnet for subnet in taken))
        before = metrics(self.first)
        ping_refused(self.one, nobody)
        after = metrics(self.first)
        name = "warrens_dropped_packets_total"
        self.assertGreaterEqual(after.value(name, reason="noPeer") - before.value(name, reason="noPeer"), 1)
        self.assertGreater(after["warrens_icmp_errors_sent_total"], before["warrens_icmp_errors_sent_total"])

    def test_leases_are_counted_by_family_and_subnet(self):
        v6, v4 = ({"family": f"ipv{family}", "subnet": subnet} for family, subnet in zip((6, 4), self.first.subnets()))

        def counts():
            page = metrics(self.first)
            return [page.value("warrens_leased_addresses", **labels) for labels in (v4, v6)] + [page["warrens_attachments"]]

        before = counts()
        pod = Pod(self.first).attach()
        self.assertEqual(counts(), [count + 1 for count in before])
        pod.detach()
        self.assertEqual(counts(), before)
        page = metrics(self.first)
        self.assertEqual(page.value("warrens_leasable_addresses", **v4), 248)
        self.assertEqual(page.value("warrens_leasable_addresses", **v6), 65520)

    def expect(self, **values):
        """Waits until the page of the first node has these values."""

        def check():
            page = metrics(self.first)
            self.assertEqual({name: page[name] for name in values}, values)

        eventually(check)

    def write(self, nodes):
        self.addCleanup(self.cluster.announce)
        self.first.write(NODE_FILE, nodes if isinstance(nodes, str) else json.dumps(nodes))

    def test_a_node_file_that_cannot_be_used_shows(self):
        good = metrics(self.first)
        self.assertLess(abs(time.time() - good["warrens_registry_timestamp_seconds"]), 3600)
        self.write("{")
        self.expect(warrens_registry_last_read_successful=0, warrens_peers=1)
        self.cluster.announce()
        self.expect(warrens_registry_last_read_successful=1, warrens_registry_problems=0)

    def test_claims_and_bad_entries_show(self):
        nodes = self.cluster.node_list()
        rival, bad, lost = (json.loads(json.dumps(nodes["items"][1])) for _ in range(3))
        rival["metadata"]["name"] = "rival"
        bad["metadata"] |= {"name": "bad", "annotations": {"warrens.io/subnets": "nonsense"}}
        lost["metadata"] |= {"name": "lost", "annotations": {"warrens.io/subnets": "10.250.7.0/24",
                                                             "warrens.io/endpoints": "dynamic"}}
        nodes["items"] += [rival, bad, lost]
        self.write(nodes)
        self.expect(
            warrens_registry_conflicts=2, warrens_registry_problems=1, warrens_peers=3, warrens_peers_unreachable=1,
            warrens_registry_lost_subnets=0)
        page = metrics(self.first)
        self.assertEqual(page.value("warrens_peer_reachable", peer="lost"), 0)
        self.assertEqual(page.value("warrens_peer_reachable", peer="node2"), 1)

    def test_peers_tell_release_and_framing(self):
        info = {"peer": "node2", "version": "unknown", "framing": "unknown"}
        self.assertEqual(metrics(self.first).value("warrens_peer_info", **info), 1)
        nodes = self.cluster.node_list()
        for features, framing in (("ebpf", "raw"), ("ebpf,gpe", "gpe")):
            nodes["items"][1]["metadata"]["annotations"] = {
                "warrens.io/version": '0.9"x\\', "warrens.io/features": features}
            self.write(nodes)
            # The quotation mark and the backslash come back through both escapes.
            info |= {"version": '0.9"x\\', "framing": framing}
            eventually(lambda: self.assertEqual(metrics(self.first).value("warrens_peer_info", **info), 1))

    def test_warrensctl_prints_them_and_keeps_a_file(self):
        page = metrics(self.first)
        printed = Page(self.first.control("metrics").stdout)
        self.assertEqual(set(printed.families), set(page.families))
        self.assertNotIn("warrens_peer_info", Page(self.first.control("metrics", "--peers", "none").stdout).families)
        path = "/run/warrens.prom"
        self.first.control("metrics", "--textfile", path)
        self.assertEqual(self.first.run("stat", "-c", "%a", path).stdout.strip(), "644")
        kept = set(Page(self.first.read(path)).families)
        self.assertEqual(kept, {name for name in page.families if not name.startswith("process_")})

    def test_warrensctl_needs_the_sockets_directory_alone(self):
        """As in a pod that mounts /run/warrens."""
        hide = [f"mount -t tmpfs none {place}" for place in ("/etc/warrens", "/var/lib/warrens")]
        outcome = self.first.run("unshare", "-m", "sh", "-c", " && ".join([*hide, "exec /opt/cni/bin/warrensctl metrics"]))
        self.assertEqual(Page(outcome.stdout)["warrens_peers"], metrics(self.first)["warrens_peers"])


class Descriptions(PairCase):
    """Dashboard, alerts and documentation, held against what a daemon with all its metrics answers."""

    def setUp(self):
        if daemon_status(self.first)["datapath"] != "ebpf":
            self.skipTest("this kernel has no eBPF datapath, whose metrics the descriptions have, too")
        self.page = metrics(self.first)

    def assertKnown(self, expression, where):
        self.assertEqual(promql.unknown(expression, self.page, GIVEN), [], f"{where}: {expression}")

    def test_the_dashboard_asks_for_what_there_is(self):
        dashboard = json.loads(text("conf", "grafana-warrens.json"))
        # Grafana 10.
        self.assertGreaterEqual(dashboard["schemaVersion"], 38)
        variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
        self.assertEqual(variables["datasource"]["type"], "datasource")
        for variable in variables.values():
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
                self.assertKnown(f'{metric}{{{label}=""}}', variable["name"])
        panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(dashboard["panels"]))
        used = set()
        for panel in panels:
            with self.subTest(panel=panel["title"]):
                self.assertTrue(panel["title"] and panel["description"] and panel["targets"])
                for source in (panel, *panel["targets"]):
                    self.assertEqual(source["datasource"], {"type": "prometheus", "uid": "${datasource}"})
                for target in panel["targets"]:
                    self.assertKnown(target["expr"], panel["title"])
                    used |= set(promql.uses(target["expr"])[0])
                    for name in re.findall(r"\$(\w+)", target["expr"]):
                        self.assertIn(name, {*variables, "__rate_interval"})
        for subject in ("dropped", "peer_", "registry", "leased", "datapath", "resident_memory", "sent_bytes"):
            self.assertTrue(any(subject in name for name in used), f"the dashboard shows nothing of {subject}")

    def test_panels_stand_side_by_side(self):
        places = {}
        for panel in json.loads(text("conf", "grafana-warrens.json"))["panels"]:
            place = panel["gridPos"]
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertIsNone(places.get((x, y)), f"{panel['title']} lies on {places.get((x, y))}")
                    places[x, y] = panel["title"]
        self.assertLess(max(x for x, _ in places), 24)

    def test_alerts_ask_for_what_there_is(self):
        rules = [rule for group in yaml.safe_load(text("conf", "prometheus-alerts.yaml"))["groups"] for rule in group["rules"]]
        self.assertEqual(len({rule["alert"] for rule in rules}), len(rules))
        for rule in rules:
            with self.subTest(alert=rule["alert"]):
                self.assertKnown(rule["expr"], rule["alert"])
                self.assertIn(rule["labels"]["severity"], ("page", "ticket"))
                prose = rule["annotations"]["summary"] + rule["annotations"]["description"]
                labels = GIVEN.union(*(self.page.families[name].labels for name in promql.uses(rule["expr"])[0]))
                self.assertLessEqual(set(re.findall(r"\$labels\.(\w+)", prose)), labels)

    def test_the_documentation_has_every_metric_and_reason(self):
        documentation = text("docs", "observability.md")
        # Those of warrens-nodes, test_cluster looks for.
        names = set(re.findall(r"`((?:warrens_(?!nodes_)|process_)\w+)`", documentation))
        self.assertEqual(names - MAY_BE_ABSENT, set(self.page.families) - MAY_BE_ABSENT)
        reasons = {dict(labels)["reason"] for labels in self.page.families["warrens_dropped_packets_total"].samples}
        for reason in sorted(reasons):
            self.assertIn(f"`{reason}`", documentation)


class ManyPeers(ClusterCase):
    """A hundred thousand peers, in IPv6 alone: there are fewer IPv4 subnets than that."""

    outside = "4"
    settings = {"families": ["ipv6"]}
    count = 100_000

    def test_the_page_stays_small_and_costs_no_packet(self):
        first = self.cluster.nodes[0]
        one, two = self.cluster.pods()
        self.assertReachable(one, two.address(6))
        nodes = self.cluster.node_list()
        nodes["items"] += [
            {"metadata": {"name": f"n{number}"}, "status": {
                "addresses": [{"type": "InternalIP", "address": str(ipaddress.ip_address("198.18.0.0") + number)}],
                "nodeInfo": {"machineID": f"{number:032x}"}}}
            for number in range(1, self.count + 1)
        ]
        first.write(NODE_FILE, json.dumps(nodes))
        eventually(lambda: self.assertEqual(metrics(first, timeout=60)["warrens_peers"], self.count + 1), within=120)
        # What reading the file took has been given back.
        settled = metrics(first, timeout=60)["process_resident_memory_bytes"]

        def ask(query):
            begin = time.monotonic()
            code, body = request(first, f"/metrics{query}", timeout=60)
            self.assertEqual(code, 200)
            return body, time.monotonic() - begin

        with steady_ping(one, two.address(6)) as loss:
            usual, usual_time = ask("")
            whole, whole_time = ask("?peers=all")
            for _ in range(3):
                ask("")
        self.assertEqual(loss.lost, [], f"of {loss.answered}")
        self.assertLess(len(usual), 50_000)
        self.assertEqual(Page(usual)["warrens_peers_omitted"], self.count + 1)
        page = Page(whole)
        self.assertEqual(len(page.families["warrens_peer_sent_bytes_total"].samples), self.count + 1)
        self.assertEqual(departures(page), [])
        left = metrics(first, timeout=60)["process_resident_memory_bytes"] - settled
        peak = int(re.search(r"VmHWM:\s+(\d+)", text(f"/proc/{first.daemons()[0]}/status")).group(1))
        measured(
            f"{self.count} peers: usual page {len(usual)} bytes in {usual_time:.2f} s, whole page {len(whole) >> 20} MiB in"
            f" {whole_time:.2f} s; resident {settled / 2**20:.0f} MiB, {left / 2**20:+.1f} MiB after,"
            f" {peak / 2**10:.0f} MiB at most")
        self.assertLess(left, 8 << 20)
