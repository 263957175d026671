"""The manifests of conf/ before any node sees them: by Kubernetes' own schemas, and the admission policy's expressions by an
independent implementation of CEL.

Both come from PyPI into an environment that is made here and thrown away. Without it, the tests are skipped.
"""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest

from lab import manifest
from lab.apiserver.access import GRANTS
from lab.shell import PATIENCE

PACKAGES = ["kubernetes-validate", "cel-python"]
#: The oldest version that the guides name, and the newest that is known.
VERSIONS = ["1.30", "1.32", None]
ACCOUNT = "system:serviceaccount:kube-system:warrens"
CLAIM = "authentication.kubernetes.io/node-name"

#: Reads [[object, version or null], ...] from standard input; prints for each null, or why the schema refuses it.
VALIDATE = """
import json, sys, kubernetes_validate
def refusal(item, version):
    try:
        kubernetes_validate.validate(item, version or kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{list(error.path)}: {error.message}"
print(json.dumps([refusal(*question) for question in json.load(sys.stdin)]))
"""

#: Reads [policy, old, new, user] and prints as a ValidatingAdmissionPolicy would decide: null where it admits or does not
#: apply, else the message. Variables are seen by those that come later, as in the API server.
DECIDE = """
import json, sys, celpy
from celpy.celtypes import MapType, StringType
policy, old, new, user = json.load(sys.stdin)
environment, variables = celpy.Environment(), {}
context = {name: celpy.json_to_cel(value) for name, value in
           (("object", new), ("oldObject", old), ("request", {"userInfo": user}))}
def value(expression):
    known = MapType({StringType(name): item for name, item in variables.items()})
    return environment.program(environment.compile(expression)).evaluate({**context, "variables": known})
def decision():
    if not all(value(condition["expression"]) for condition in policy["matchConditions"]):
        return None
    for variable in policy["variables"]:
        variables[variable["name"]] = value(variable["expression"])
    for validation in policy["validations"]:
        if not value(validation["expression"]):
            return validation.get("message") or str(value(validation["messageExpression"]))
print(json.dumps(decision()))
"""


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="warrens-schema-")
        cls.addClassCleanup(directory.cleanup)
        cls.python = os.path.join(directory.name, "bin/python3")
        for words in ([sys.executable, "-m", "venv", directory.name],
                      [cls.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]):
            outcome = subprocess.run(words, capture_output=True, text=True, timeout=300 * PATIENCE)
            if outcome.returncode != 0:
                raise unittest.SkipTest(f"{' and '.join(PACKAGES)} cannot be had from PyPI: {outcome.stderr.strip()[-300:]}")
        cls.manifests = {
            "warrens.yaml": manifest.read("kubernetes/warrens.yaml"),
            "warrens-removal.yaml": manifest.read("kubernetes/warrens-removal.yaml"),
            "K3s": manifest.customised("kubernetes-k3s"),
        }

    def ask(self, program, question):
        outcome = subprocess.run(
            [self.python, "-c", program], input=json.dumps(question), capture_output=True, text=True, timeout=60 * PATIENCE)
        self.assertEqual(outcome.returncode, 0, outcome.stderr[-2000:])
        return json.loads(outcome.stdout)

    def test_each_object_is_what_kubernetes_knows(self):
        questions = [
            (name, item, version)
            for name, objects in self.manifests.items() for item in objects for version in VERSIONS]
        answers = self.ask(VALIDATE, [[item, version] for _, item, version in questions])
        for (name, item, version), refusal in zip(questions, answers):
            with self.subTest(manifest=name, kind=item["kind"], version=version):
                self.assertIsNone(refusal)

    def test_the_schema_check_can_fail(self):
        wrong = copy.deepcopy(manifest.find(self.manifests["warrens.yaml"], "DaemonSet"))
        wrong["spec"]["template"]["spec"]["hostNetwerk"] = True
        [refusal] = self.ask(VALIDATE, [[wrong, None]])
        self.assertIn("hostNetwerk", refusal)

    def decide(self, change=lambda node: None, *, name=ACCOUNT, extra=None):
        """What the policy says to a change of the Node `attic` by a pod of that node, or by somebody else."""
        policy = manifest.find(self.manifests["warrens.yaml"], "ValidatingAdmissionPolicy", "warrens-nodes")["spec"]
        old = {
            "metadata": {"name": "attic", "labels": {"room": "attic"}, "annotations": {"other.io/key": "1"}},
            "spec": {"podCIDR": "10.42.0.0/24"},
        }
        new = copy.deepcopy(old)
        change(new)
        user = {"username": name, "extra": {CLAIM: ["attic"]} if extra is None else extra}
        return self.ask(DECIDE, [policy, old, new, user])

    def test_the_policy_admits_what_warrens_nodes_does(self):
        self.assertIsNone(self.decide(lambda node: node["metadata"]["annotations"].update({"warrens.io/claim": "generation=0"})))
        self.assertIsNone(self.decide())
        # And others do what they always did.
        self.assertIsNone(self.decide(lambda node: node["spec"].update(unschedulable=True), name="admin", extra={}))

    def test_the_policy_refuses_all_else(self):
        for expected, change, extra in (
            ("names no node", lambda node: None, {}),
            ("a pod on node shed may change that Node only", lambda node: None, {CLAIM: ["shed"]}),
            ("neither the spec nor the labels", lambda node: node["spec"].update(unschedulable=True), None),
            ("neither the spec nor the labels", lambda node: node["metadata"]["labels"].update(role="control-plane"), None),
            ("only the annotations", lambda node: node["metadata"]["annotations"].update({"other.io/key": "2"}), None),
            ("only the annotations", lambda node: node["metadata"]["annotations"].update({"other.io/new": "1"}), None),
            ("only the annotations", lambda node: node["metadata"].pop("annotations"), None),
        ):
            with self.subTest(expected=expected):
                self.assertIn(expected, self.decide(change, extra=extra))


class Rights(unittest.TestCase):
    def test_the_stand_in_grants_what_the_manifest_grants(self):
        """So that no test passes by a right that a user's cluster refuses."""
        objects = manifest.read("kubernetes/warrens.yaml")
        rules = manifest.find(objects, "ClusterRole")["rules"]
        granted = {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
        self.assertEqual(GRANTS[ACCOUNT], granted)
        [subject] = manifest.find(objects, "ClusterRoleBinding")["subjects"]
        self.assertEqual(f"system:serviceaccount:{subject['namespace']}:{subject['name']}", ACCOUNT)
        self.assertEqual(manifest.find(objects, "ServiceAccount")["metadata"]["namespace"], subject["namespace"])
        binding = manifest.find(objects, "ValidatingAdmissionPolicyBinding", "warrens-nodes")["spec"]
        self.assertEqual(binding, {"policyName": "warrens-nodes", "validationActions": ["Deny"]})
