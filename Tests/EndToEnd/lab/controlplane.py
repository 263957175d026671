"""The machine on the wire on which the stand-in of the API server runs, and a test's hand in it."""

import base64
import ipaddress
import json
import os
import secrets
import socket
import subprocess
from contextlib import contextmanager

from .certificates import Authority
from .sandbox import Sandbox
from .shell import PATIENCE, repository

PORT = 6443
CERTIFICATES, CONTROL = "/run/pki", "/run/apiserver.sock"
#: The service account of conf/kubernetes/warrens.yaml.
ACCOUNT = "kube-system:warrens"

#: Nothing comes or goes, and nobody is told.
BLACK_HOLE = f"""
table inet hole {{
    chain input {{ type filter hook input priority filter; tcp dport {PORT} drop; }}
    chain output {{ type filter hook output priority filter; tcp sport {PORT} drop; }}
}}
"""

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: {authority}
    server: {server}
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: {user}
  name: {user}@kubernetes
current-context: {user}@kubernetes
preferences: {{}}
users:
- name: {user}
  user:
{credentials}
"""


class ControlPlane:
    """Its methods beside the ones below are those of `lab.apiserver.__main__.Control`: `plane.delete("node2")`."""

    def __init__(self, underlay):
        self.sandbox = Sandbox("control-plane")
        self.v4, self.v6 = underlay.join(self.sandbox)
        self.authority = Authority(self.sandbox.path(CERTIFICATES))
        names = [f"IP:{self.v4}", f"IP:{self.v6}", "DNS:kubernetes", "DNS:kubernetes.default.svc"]
        self.authority.server("server", *names)
        self.authority.server("wrong-name", "DNS:other.example")
        stranger = Authority(self.sandbox.path(CERTIFICATES), "stranger")
        stranger.server("unknown-authority", *names)
        self.secret = secrets.token_hex(16)
        self.running, self.memory, self.settings = None, None, {}
        self.start()

    def start(self):
        """Starts the server with the objects that it had when it was stopped."""
        self.running = self.sandbox.start(
            "python3", "-B", "-m", "lab.apiserver", "--port", PORT, "--certificates", CERTIFICATES, "--control", CONTROL,
            "--secret", self.secret, stdout=subprocess.PIPE,
            environment={"PYTHONPATH": os.path.join(repository(), "Tests/EndToEnd")},
        )
        if self.running.process.stdout.readline() != "ready\n":
            raise RuntimeError("the stand-in of the API server did not start")
        if self.memory:
            self.restore(dump=self.memory)
        self.configure(**self.settings)

    def stop(self):
        self.memory = self.dump()
        self.running.kill()

    @contextmanager
    def stopped(self):
        """While the block runs, connections to the server are refused."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def black_hole(self):
        """While the block runs, packets to and from the server vanish."""
        self.sandbox.run("nft", "-f", "-", input=BLACK_HOLE)
        try:
            yield
        finally:
            self.sandbox.run("nft", "delete", "table", "inet", "hole")

    def configure(self, **settings):
        """Sets what `Control.configure` knows, also for servers that are started later."""
        self.settings |= settings
        self._order(do="configure", **self.settings)

    def __getattr__(self, name):
        return lambda **arguments: self._order(do=name, **arguments)

    def _order(self, **order):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
            end.settimeout(60 * PATIENCE)
            end.connect(self.sandbox.path(CONTROL))
            with end.makefile("rw") as stream:
                stream.write(json.dumps(order) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
        if "error" in answer:
            raise RuntimeError(f"the stand-in of the API server, told to {order['do']}: {answer['error']}")
        return answer["value"]

    def register(self, node):
        """What the kubelet of a node does when it joins."""
        status = node.entry()["status"]
        addresses = [(entry["type"], entry["address"]) for entry in status["addresses"]]
        return self.create(name=node.name, machine_id=status["nodeInfo"]["machineID"], addresses=addresses)

    def annotations(self, name):
        """Ours among the annotations of a node, without their prefix; none where there is no such node."""
        found = [item["metadata"]["annotations"] for item in self.nodes() if item["metadata"]["name"] == name]
        return {
            key.removeprefix("warrens.io/"): value
            for annotations in found for key, value in annotations.items() if key.startswith("warrens.io/")
        }

    def annotate(self, name, **ours):
        """Sets annotations of ours, named without their prefix; None removes one."""
        self.change(name=name, patch={"metadata": {"annotations": {f"warrens.io/{key}": value for key, value in ours.items()}}})

    def subnets(self, name):
        """The subnets that a node has published, as networks."""
        return {ipaddress.ip_network(text) for text in self.annotations(name).get("subnets", "").split(",") if text}

    def account_token(self, node, **options):
        return self.token(account=ACCOUNT, node=node.name, **options)

    def kubeconfig(self, *, user="warrens", credentials, family=4):
        """The text of a kubeconfig file. credentials: members of the user, such as {"tokenFile": "/run/token"}."""
        host = self.v4 if family == 4 else f"[{self.v6}]"
        return KUBECONFIG.format(
            authority=_encoded(self.authority.read("ca.crt")), server=f"https://{host}:{PORT}", user=user,
            credentials="\n".join(f"    {key}: {value}" for key, value in credentials.items()))

    def certificate_credentials(self, name, user, group, **options):
        """Credentials for `kubeconfig` by a new client certificate."""
        self.authority.client(name, user, group, **options)
        return {
            "client-certificate-data": _encoded(self.authority.read(f"{name}.crt")),
            "client-key-data": _encoded(self.authority.read(f"{name}.key")),
        }

    def close(self):
        self.sandbox.close()


def _encoded(text):
    return base64.b64encode(text.encode()).decode()
