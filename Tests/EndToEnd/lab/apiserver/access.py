"""Who asks, and whether they may: tokens and certificates, the rights of service accounts and kubelets, and admission."""

import base64
import hashlib
import hmac
import json
import secrets
import time

from .objects import Refusal

ACCOUNT = "system:serviceaccount:"
#: What conf/kubernetes/warrens.yaml gives the service account `warrens`.
GRANTS = {
    f"{ACCOUNT}kube-system:warrens": {
        ("get", "nodes"), ("list", "nodes"), ("watch", "nodes"), ("patch", "nodes"), ("patch", "nodes/status"),
        ("create", "events"),
    },
}
KUBELET = {("get", "nodes"), ("patch", "nodes"), ("patch", "nodes/status"), ("create", "events"), ("patch", "events")}
NODE_CLAIM = "authentication.kubernetes.io/node-name"


class User:
    def __init__(self, name, groups=(), node=None):
        self.name, self.groups = name, set(groups)
        #: The node that the user's token is bound to.
        self.node = node

    @property
    def kubelet_of(self):
        return self.name.removeprefix("system:node:") if "system:nodes" in self.groups else None


ANONYMOUS = User("system:anonymous", {"system:unauthenticated"})


class Access:
    def __init__(self, secret):
        #: Signs tokens; those of a server that was restarted go on.
        self.secret = secret.encode()
        self.revoked = set()
        #: Rights that a test has taken away, by user name.
        self.withdrawn = {}

    def token(self, account, node, seconds):
        """A bound service account token, `account` written as in `kube-system:warrens`."""
        namespace, name = account.split(":")
        issued = int(time.time())
        claims = {
            "aud": ["https://kubernetes.default.svc.cluster.local"],
            "exp": issued + seconds,
            "iat": issued,
            "iss": "https://kubernetes.default.svc.cluster.local",
            "jti": secrets.token_hex(16),
            "kubernetes.io": {
                "namespace": namespace,
                "node": {"name": node, "uid": secrets.token_hex(16)},
                "pod": {"name": f"{name}-{secrets.token_hex(3)}", "uid": secrets.token_hex(16)},
                "serviceaccount": {"name": name, "uid": secrets.token_hex(16)},
            },
            "nbf": issued,
            "sub": ACCOUNT + account,
        }
        body = f"{_encoded({'alg': 'HS256', 'kid': 'stand-in'})}.{_encoded(claims)}"
        return f"{body}.{self._signature(body)}"

    def user(self, header, certificate):
        """Who asks. header: the value of `Authorization`, or None. certificate: as of `SSLSocket.getpeercert`."""
        if certificate:
            names = [pair for group in certificate["subject"] for pair in group]
            return User(dict(names)["commonName"], {value for key, value in names if key == "organizationName"})
        if header is None:
            return ANONYMOUS
        kind, _, token = header.partition(" ")
        body, _, signature = token.rpartition(".")
        if kind.lower() != "bearer" or token in self.revoked or not hmac.compare_digest(signature, self._signature(body)):
            raise Refusal(401, "Unauthorized")
        claims = json.loads(base64.urlsafe_b64decode(body.split(".")[1] + "=="))
        if claims["exp"] <= time.time():
            raise Refusal(401, "Unauthorized")
        return User(claims["sub"], {"system:serviceaccounts", "system:authenticated"}, claims["kubernetes.io"]["node"]["name"])

    def authorise(self, user, verb, resource, name):
        """Refuses what a user may not do. name: of the one object that is meant, be it by a field selector."""
        if "system:masters" in user.groups:
            return
        wanted, hint = (verb, resource), ""
        if user.kubelet_of and verb in ("get", "list", "watch") and resource == "nodes":
            if name == user.kubelet_of:
                return
            what = f"'{name}'" if name else "all nodes"
            hint = f": node '{user.kubelet_of}' cannot read {what}, only its own Node object"
        elif wanted in (KUBELET if user.kubelet_of else GRANTS.get(user.name, set())):
            if list(wanted) not in self.withdrawn.get(user.name, []):
                return
        plain, _, part = resource.partition("/")
        subject = f'{plain} "{name}"' if name and verb not in ("list", "watch") else plain
        place = 'at the cluster scope' if plain == "nodes" else 'in the namespace "default"'
        raise Refusal(
            403, f'{subject} is forbidden: User "{user.name}" cannot {verb} resource "{resource}" in API group "" {place}{hint}',
            **({"name": name} if name else {}), kind=plain)

    @staticmethod
    def admit_patch(user, name):
        """NodeRestriction, and the ValidatingAdmissionPolicy of conf/kubernetes/warrens.yaml."""
        if user.kubelet_of and user.kubelet_of != name:
            raise Refusal(403, f'nodes "{name}" is forbidden: node "{user.kubelet_of}" is not allowed to modify node "{name}"',
                          name=name, kind="nodes")
        if user.name in GRANTS and user.node != name:
            raise Refusal(
                403, f"nodes \"{name}\" is forbidden: ValidatingAdmissionPolicy 'warrens-nodes' with binding 'warrens-nodes'"
                f" denied request: a token may patch only the Node of its claim {NODE_CLAIM}", name=name, kind="nodes")

    def _signature(self, body):
        return base64.urlsafe_b64encode(hmac.digest(self.secret, body.encode(), hashlib.sha256)).decode().rstrip("=")


def _encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
