"""The stand-in of the API server itself, proven by Python's own HTTP client: what it lists, watches, refuses and spoils."""

import ctypes
import gzip
import http.client
import json
import socket
import ssl
import unittest
from contextlib import contextmanager
from urllib.parse import urlencode

from lab.case import eventually
from lab.controlplane import PORT, ControlPlane
from lab.selfassign import index, node_id, v4_subnet, v6_subnet
from lab.shell import PATIENCE
from lab.underlay import Underlay

NODES = "/api/v1/nodes"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
CLONE_NEWNET = 0x40000000
#: A client that waits longer has found a defect.
TIMEOUT = 20 * PATIENCE


@contextmanager
def network_of(sandbox):
    """Sockets that this thread makes meanwhile are made in the network of a sandbox, and stay there."""

    def enter(namespace):
        if library.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter a network namespace")

    library = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as own, open(f"/proc/{sandbox.init}/ns/net") as other:
        enter(other)
        try:
            yield
        finally:
            enter(own)


class Client:
    """A connection that stays open from request to request."""

    def __init__(self, plane, *, token=None, certificate=None, authority="ca", host=None):
        context = ssl.create_default_context(cafile=plane.authority.path(f"{authority}.crt"))
        if certificate:
            context.load_cert_chain(*(plane.authority.path(f"{certificate}.{part}") for part in ("crt", "key")))
        host = host or plane.v4
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.connection = http.client.HTTPConnection(host, PORT)
        with network_of(plane.sandbox):
            plain = socket.create_connection((host, PORT), timeout=TIMEOUT)
        self.connection.sock = context.wrap_socket(plain, server_hostname=host)

    def send(self, method, path, body=None, **headers):
        """The answer, whose body is not read yet."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, None if body is None else json.dumps(body), {**self.headers, **headers})
        return self.connection.getresponse()

    def ask(self, method, path, body=None, **headers):
        """(status, parsed body) of an answer."""
        answer = self.send(method, path, body, **headers)
        return answer.status, json.loads(answer.read())

    def close(self):
        self.connection.close()


class APIServerCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.underlay = Underlay()
        cls.addClassCleanup(cls.underlay.close)
        cls.plane = ControlPlane(cls.underlay)
        cls.addClassCleanup(cls.plane.close)
        cls.plane.authority.client("kubelet1", "system:node:node1", "system:nodes", key="rsa")
        cls.plane.authority.client("admin", "kubernetes-admin", "system:masters")
        for number in range(1, 6):
            cls.plane.create(name=f"node{number}", machine_id=f"{number:032x}", addresses=[("InternalIP", f"192.0.2.{number}")])

    def setUp(self):
        self.plane.clear()
        self.admin = self.client(certificate="admin")

    def client(self, **options):
        client = Client(self.plane, **options)
        self.addCleanup(client.close)
        return client

    def account(self, node="node1", **options):
        """The service account, in a pod on a node."""
        return self.client(token=self.plane.token(account="kube-system:warrens", node=node, **options))

    def list(self, client=None, **query):
        return (client or self.admin).ask("GET", f"{NODES}?{urlencode(query)}")

    def watch(self, **query):
        """An open watch; its lines are read one by one."""
        answer = self.client(certificate="admin").send("GET", f"{NODES}?{urlencode({'watch': 'true', **query})}")
        self.assertEqual(answer.status, 200)
        return answer

    def version(self):
        """The version of a list that is taken now."""
        return self.list(limit=1)[1]["metadata"]["resourceVersion"]

    def event(self, answer):
        return json.loads(answer.readline())

    def annotate(self, name, **annotations):
        return self.plane.change(name=name, patch={"metadata": {"annotations": annotations}})


class Reading(APIServerCase):
    def test_objects_look_like_those_of_a_cluster(self):
        status, node = self.admin.ask("GET", f"{NODES}/node1")
        self.assertEqual((status, node["kind"], node["apiVersion"]), (200, "Node", "v1"))
        self.assertGreater(len(json.dumps(node)), 5000)
        self.assertEqual(node["status"]["nodeInfo"]["machineID"], f"{1:032x}")
        self.assertTrue(node["metadata"]["managedFields"] and node["metadata"]["uid"] and node["status"]["images"])
        status, nodes = self.list()
        self.assertEqual((status, nodes["kind"], len(nodes["items"])), (200, "NodeList", 5))
        self.assertNotIn("kind", nodes["items"][0])
        self.assertEqual(self.admin.ask("GET", f"{NODES}/nobody")[1]["reason"], "NotFound")
        self.assertEqual(self.admin.ask("GET", "/api/v1/pods")[0], 404)

    def test_pages_show_one_moment(self):
        _, first = self.list(limit=2)
        self.annotate("node5", changed="since")
        self.assertEqual(first["metadata"]["remainingItemCount"], 3)
        _, second = self.list(limit=2, **{"continue": first["metadata"]["continue"]})
        _, third = self.list(limit=2, **{"continue": second["metadata"]["continue"]})
        names = [item["metadata"]["name"] for page in (first, second, third) for item in page["items"]]
        self.assertEqual(names, ["node1", "node2", "node3", "node4", "node5"])
        self.assertNotIn("changed", third["items"][0]["metadata"]["annotations"])
        self.assertEqual({page["metadata"]["resourceVersion"] for page in (first, second, third)},
                         {first["metadata"]["resourceVersion"]})
        self.assertNotIn("continue", third["metadata"])

    def test_a_continue_token_ends_with_the_history(self):
        _, first = self.list(limit=2)
        self.plane.compact()
        status, refusal = self.list(limit=2, **{"continue": first["metadata"]["continue"]})
        self.assertEqual((status, refusal["reason"]), (410, "Expired"))
        self.assertEqual(self.list(**{"continue": "no token"})[0], 400)

    def test_a_list_from_the_cache_knows_no_pages(self):
        self.assertEqual(len(self.list(limit=2, resourceVersion="0")[1]["items"]), 5)

    def test_a_version_of_the_future_is_refused(self):
        status, refusal = self.list(resourceVersion="999999999")
        self.assertEqual((status, refusal["details"]["causes"][0]["reason"]), (504, "ResourceVersionTooLarge"))

    def test_long_bodies_are_compressed_for_who_asks(self):
        self.plane.configure(compress_above=128 * 1024)
        answer = self.admin.send("GET", f"{NODES}/node1", Accept_Encoding="gzip")
        self.assertIsNone(answer.headers["Content-Encoding"])
        plain = json.loads(answer.read())
        self.plane.configure(compress_above=100)
        self.addCleanup(self.plane.configure, compress_above=128 * 1024)
        answer = self.admin.send("GET", f"{NODES}/node1", Accept_Encoding="gzip")
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        self.assertEqual(json.loads(gzip.decompress(answer.read())), plain)

    def test_other_forms_than_json_are_not_to_be_had(self):
        for kind in ("application/vnd.kubernetes.protobuf", "application/json;as=Table;v=v1;g=meta.k8s.io"):
            self.assertEqual(self.admin.ask("GET", NODES, Accept=kind)[0], 406)


class Watching(APIServerCase):
    def test_changes_are_told_in_order(self):
        watch = self.watch(resourceVersion=self.version(), allowWatchBookmarks="true")
        self.plane.create(name="node6", machine_id="6" * 32, addresses=[])
        self.annotate("node6", colour="blue")
        self.plane.delete(name="node6")
        events = [self.event(watch) for _ in range(3)]
        self.assertEqual([event["type"] for event in events], ["ADDED", "MODIFIED", "DELETED"])
        self.assertEqual({event["object"]["metadata"]["name"] for event in events}, {"node6"})
        self.assertEqual(events[1]["object"]["metadata"]["annotations"]["colour"], "blue")
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
        self.assertEqual(versions, sorted(set(versions)))

    def test_what_happened_before_the_watch_is_not_lost(self):
        version = self.version()
        self.annotate("node1", before=version)
        self.assertEqual(self.event(self.watch(resourceVersion=version))["type"], "MODIFIED")

    def test_without_a_version_everything_comes_first(self):
        watch = self.watch(fieldSelector="metadata.name=node2")
        event = self.event(watch)
        self.assertEqual((event["type"], event["object"]["metadata"]["name"]), ("ADDED", "node2"))

    def test_bookmarks_come_and_the_watch_ends_when_asked_to(self):
        self.plane.configure(bookmark_every=0.5)
        self.addCleanup(self.plane.configure, bookmark_every=60)
        watch = self.watch(resourceVersion=self.version(), allowWatchBookmarks="true", timeoutSeconds="2")
        events = [json.loads(line) for line in watch]
        self.assertTrue(events)
        self.assertEqual({event["type"] for event in events}, {"BOOKMARK"})
        self.assertEqual(events[-1]["object"]["metadata"]["resourceVersion"], self.version())
        self.assertNotIn("name", events[-1]["object"]["metadata"])
        silent = self.watch(resourceVersion=self.version(), timeoutSeconds="1")
        self.assertEqual(silent.read(), b"")

    def test_a_forgotten_version_is_gone_in_both_ways(self):
        old = self.version()
        self.annotate("node1", at=old)
        self.plane.compact()
        event = self.event(self.watch(resourceVersion=old))
        self.assertEqual((event["type"], event["object"]["code"], event["object"]["reason"]), ("ERROR", 410, "Expired"))
        running = self.watch(resourceVersion=self.version())
        eventually(lambda: self.assertGreater(self.plane.command(what="expire"), 0))
        self.assertEqual(self.event(running)["object"]["code"], 410)
        self.plane.order(verb="watch", times=1, action={"status": 410})
        status, refusal = self.list(watch="true")
        self.assertEqual((status, refusal["reason"]), (410, "Expired"))

    def test_streaming_lists_are_refused(self):
        self.assertEqual(self.list(watch="true", sendInitialEvents="true")[0], 422)

    def test_watches_end_as_ordered(self):
        for command in ("end", "tear", "reset", "half", "garbage"):
            with self.subTest(command=command):
                watch = self.watch(resourceVersion=self.version())
                eventually(lambda: self.assertGreater(self.plane.command(what=command), 0))
                if command in ("tear", "reset", "half"):
                    with self.assertRaises((http.client.IncompleteRead, OSError)):
                        watch.read()
                elif command == "garbage":
                    with self.assertRaises(ValueError):
                        self.event(watch)
                else:
                    self.assertEqual(watch.read(), b"")
                eventually(lambda: self.assertEqual(self.plane.watches(), 0))


class Writing(APIServerCase):
    def patch(self, client, path, patch, kind=MERGE):
        return client.ask("PATCH", f"{NODES}/{path}?fieldManager=test", patch, Content_Type=kind)

    def test_annotations_are_merged(self):
        client = self.account()
        status, node = self.patch(client, "node1", {"metadata": {"annotations": {"one": "1", "two": "2"}}})
        self.assertEqual((status, node["metadata"]["annotations"]["one"]), (200, "1"))
        _, again = self.patch(client, "node1", {"metadata": {"annotations": {"one": None}}})
        self.assertNotIn("one", again["metadata"]["annotations"])
        self.assertEqual(again["metadata"]["annotations"]["two"], "2")
        self.assertGreater(int(again["metadata"]["resourceVersion"]), int(node["metadata"]["resourceVersion"]))
        _, same = self.patch(client, "node1", {"metadata": {"annotations": {"two": "2"}}})
        self.assertEqual(same, again)

    def test_status_and_the_rest_are_two_resources(self):
        condition = {"type": "NetworkUnavailable", "status": "False", "reason": "Test", "message": "it works"}
        client = self.account()
        _, node = self.patch(client, "node1", {"status": {"conditions": [condition]}}, STRATEGIC)
        self.assertNotIn(condition, node["status"]["conditions"])
        _, node = self.patch(client, "node1/status", {"status": {"conditions": [condition]}}, STRATEGIC)
        self.assertIn(condition, node["status"]["conditions"])
        self.assertIn("Ready", [entry["type"] for entry in node["status"]["conditions"]])

    def test_patches_that_make_no_sense_are_refused(self):
        client = self.account()
        self.assertEqual(self.patch(client, "node1", {}, "application/json-patch+json")[0], 415)
        self.assertEqual(self.patch(client, "node1", {"metadata": {"annotations": {"number": 1}}})[0], 400)
        self.assertEqual(self.patch(client, "node1", {"metadata": {"resourceVersion": "1"}})[0], 409)
        self.assertEqual(self.patch(client, "node1", ["no object"])[0], 400)

    def test_events_are_taken(self):
        event = {"metadata": {"generateName": "node1."}, "involvedObject": {"kind": "Node", "name": "node1"},
                 "reason": "Renumbered", "message": "a test", "type": "Warning"}
        client = self.account()
        status, made = client.ask("POST", "/api/v1/namespaces/default/events", event)
        self.assertEqual(status, 201)
        self.assertIn(made, self.plane.events())
        self.assertEqual(client.ask("POST", "/api/v1/namespaces/kube-system/events", event)[0], 422)
        self.assertEqual(client.ask("POST", "/apis/events.k8s.io/v1/namespaces/default/events", event)[0], 422)


class Rights(APIServerCase):
    def refusal(self, outcome, code, text):
        status, value = outcome
        self.assertEqual((status, value["code"]), (code, code))
        self.assertIn(text, value["message"])

    def patch(self, client, name):
        return client.ask("PATCH", f"{NODES}/{name}", {"metadata": {"annotations": {"mine": "yes"}}}, Content_Type=MERGE)

    def test_a_token_patches_the_node_of_its_claim_only(self):
        client = self.account("node2")
        self.assertEqual(self.list(client)[0], 200)
        self.assertEqual(self.patch(client, "node2")[0], 200)
        self.refusal(self.patch(client, "node1"), 403, "ValidatingAdmissionPolicy")

    def test_tokens_end(self):
        self.refusal(self.list(self.account(seconds=-1)), 401, "Unauthorized")
        self.refusal(self.list(self.client(token="made-up")), 401, "Unauthorized")
        token = self.plane.token(account="kube-system:warrens", node="node1")
        client = self.client(token=token)
        self.assertEqual(self.list(client)[0], 200)
        self.plane.revoke(token=token)
        self.refusal(self.list(client), 401, "Unauthorized")

    def test_others_may_nothing(self):
        self.refusal(self.list(self.client()), 403, 'User "system:anonymous" cannot list resource "nodes"')
        other = self.client(token=self.plane.token(account="default:default", node="node1"))
        self.refusal(self.list(other), 403, "system:serviceaccount:default:default")
        rights = [["patch", "nodes/status"]]
        self.plane.withdraw(user="system:serviceaccount:kube-system:warrens", rights=rights)
        self.addCleanup(self.plane.withdraw, user="system:serviceaccount:kube-system:warrens", rights=[])
        path = f"{NODES}/node1/status"
        self.refusal(self.account().ask("PATCH", path, {"status": {}}, Content_Type=MERGE), 403, "nodes/status")

    def test_a_kubelet_knows_its_own_node_only(self):
        kubelet = self.client(certificate="kubelet1")
        self.assertEqual(kubelet.ask("GET", f"{NODES}/node1")[0], 200)
        self.assertEqual(len(self.list(kubelet, fieldSelector="metadata.name=node1")[1]["items"]), 1)
        self.assertEqual(self.patch(kubelet, "node1")[0], 200)
        self.refusal(self.list(kubelet), 403, "node 'node1' cannot read all nodes, only its own Node object")
        self.refusal(self.list(kubelet, watch="true"), 403, "only its own Node object")
        self.refusal(kubelet.ask("GET", f"{NODES}/node2"), 403, "cannot read 'node2'")
        self.refusal(self.patch(kubelet, "node2"), 403, "is not allowed to modify")


class Misbehaving(APIServerCase):
    def test_codes_are_answered_so_often(self):
        self.plane.order(verb="list", times=1, action={"status": 429, "retryAfter": 3, "body": "Too many requests"})
        self.plane.order(verb="list", times=1, action={"status": 500})
        answer = self.admin.send("GET", NODES)
        self.assertEqual((answer.status, answer.headers["Retry-After"], answer.read()), (429, "3", b"Too many requests"))
        self.assertEqual(self.admin.ask("GET", NODES)[1]["reason"], "InternalError")
        self.assertEqual(self.admin.ask("GET", NODES)[0], 200)

    def test_bodies_are_torn_and_slow(self):
        self.plane.order(verb="list", times=1, action={"tear": 3000})
        with self.assertRaises((http.client.IncompleteRead, OSError)):
            self.admin.ask("GET", NODES)
        self.plane.order(verb="get", times=1, action={"fragment": [100, 0.001]})
        self.assertEqual(self.client(certificate="admin").ask("GET", f"{NODES}/node1")[0], 200)

    def test_certificates_change_for_new_connections(self):
        self.addCleanup(self.plane.present, certificate="server")
        for certificate, text in (("wrong-name", "IP address mismatch"), ("unknown-authority", "certificate verify failed")):
            self.plane.present(certificate=certificate)
            with self.assertRaisesRegex(ssl.SSLCertVerificationError, text):
                self.client(certificate="admin")
        self.assertEqual(self.list()[0], 200)
        self.client(authority="stranger", host=self.plane.v6)

    def test_a_restart_keeps_objects_and_forgets_history(self):
        before = self.version()
        token = self.plane.token(account="kube-system:warrens", node="node1")
        self.annotate("node1", restart="soon")
        with self.plane.stopped():
            with self.assertRaises(ConnectionRefusedError):
                self.client()
        self.admin = self.client(token=token)
        self.assertEqual(len(self.list()[1]["items"]), 5)
        self.assertEqual(self.event(self.watch(resourceVersion=before))["object"]["code"], 410)
        self.watch(resourceVersion=self.version())

    def test_a_black_hole_swallows(self):
        self.admin.connection.sock.settimeout(1)
        with self.plane.black_hole(), self.assertRaises(TimeoutError):
            self.list()
        self.assertEqual(self.list(self.client(certificate="admin"))[0], 200)


class LargeCluster(APIServerCase):
    def test_nodes_are_made_up_without_clashes(self):
        own = "0123456789abcdef0123456789abcdef"
        self.assertEqual(f"{node_id(own):016x}", "302913e9dc81ee6d")
        self.assertEqual(index(node_id(own)), 0x1C6A)
        self.assertEqual(str(v4_subnet(node_id(own))), "10.220.106.0/24")
        self.assertEqual(str(v6_subnet(node_id(own))), "fd53:7769:726c:3029:13e9:dc81:ee6d:0/112")
        self.plane.populate(count=10_000, avoid=[own])
        size, subnets, token = 0, [], None
        while token != "":
            answer = self.admin.send("GET", f"{NODES}?{urlencode({'limit': 500, 'continue': token or ''})}")
            body = answer.read()
            page, size = json.loads(body), size + len(body)
            token = page["metadata"].get("continue", "")
            subnets += [
                item["metadata"]["annotations"]["warrens.io/subnets"] for item in page["items"]
                if "warrens.io/subnets" in item["metadata"]["annotations"]
            ]
        self.assertEqual(len(set(subnets)), 10_000)
        self.assertEqual(len({text.split(",")[1] for text in subnets} | {str(v4_subnet(node_id(own)))}), 10_001)
        self.assertGreater(size, 50_000_000)


if __name__ == "__main__":
    unittest.main()
