"""A container runtime's side of CNI: executes the plugins of a network configuration list, as libcni does."""

import json

#: Where a runtime looks for executables: ours first, then the reference plugins of Debian's package.
PLUGIN_PATH = ["/opt/cni/bin", "/usr/lib/cni"]


class PluginError(Exception):
    """The error object that a plugin printed on its standard output."""

    def __init__(self, plugin, verb, outcome):
        self.outcome = outcome
        try:
            self.object = json.loads(outcome.stdout)
        except json.JSONDecodeError:
            self.object = {}
        self.code = self.object.get("code")
        self.message = self.object.get("msg", "")
        self.details = self.object.get("details", "")
        #: All that the plugin told a person.
        self.text = f"{self.message}; {self.details}"
        super().__init__(
            f"{plugin} {verb} exit code {outcome.returncode}\n--- stdout\n{outcome.stdout}\n--- stderr\n{outcome.stderr}"
        )


class Network:
    """A configuration list, on one node.

    Remembers the result of every ADD, because the runtime has to hand it to CHECK and DEL.
    """

    def __init__(self, node, configuration):
        self.node = node
        self.configuration = configuration
        self.results = {}

    def add(self, pod, *, interface="eth0", capabilities=None, arguments="", timeout=60):
        """Attaches a pod; when a plugin fails, undoes the whole chain as runtimes do, and raises its `PluginError`."""
        previous = None
        try:
            for plugin in self.configuration["plugins"]:
                request = self._request(plugin, capabilities, previous)
                previous = json.loads(self._execute("ADD", plugin, request, pod, interface, arguments, timeout))
        except PluginError:
            self.results.pop((pod.identifier, interface), None)
            try:
                self.delete(pod, interface=interface, capabilities=capabilities, arguments=arguments)
            except PluginError:
                pass  # The first error is the one to tell.
            raise
        self.results[pod.identifier, interface] = previous
        return previous

    def check(self, pod, *, interface="eth0", capabilities=None, arguments=""):
        previous = self.results[pod.identifier, interface]
        for plugin in self.configuration["plugins"]:
            request = self._request(plugin, capabilities, previous)
            self._execute("CHECK", plugin, request, pod, interface, arguments)

    def delete(self, pod, *, interface="eth0", capabilities=None, arguments="", namespace=True):
        """Detaches a pod. `namespace=False` tells the plugins that the network namespace is gone already."""
        previous = self.results.pop((pod.identifier, interface), None)
        for plugin in reversed(self.configuration["plugins"]):
            request = self._request(plugin, capabilities, previous)
            self._execute("DEL", plugin, request, pod, interface, arguments, namespace=namespace)

    def collect(self, attachments):
        """GC: everything that does not belong to the given (container, interface) pairs is stale. None leaves the key out."""
        extra = {} if attachments is None else {
            "cni.dev/valid-attachments": [
                {"containerID": container, "ifname": interface} for container, interface in attachments
            ]
        }
        for plugin in self.configuration["plugins"]:
            self._execute("GC", plugin, {**self._request(plugin, None, None), **extra})

    def status(self):
        for plugin in self.configuration["plugins"]:
            self._execute("STATUS", plugin, self._request(plugin, None, None))

    def _request(self, plugin, capabilities, previous):
        """The configuration that one plugin is given on its standard input."""
        request = {
            **plugin,
            "name": self.configuration["name"],
            "cniVersion": self.configuration["cniVersion"],
        }
        declared = [name for name, wanted in plugin.get("capabilities", {}).items() if wanted]
        runtime = {name: value for name, value in (capabilities or {}).items() if name in declared}
        if runtime:
            request["runtimeConfig"] = runtime
        if previous is not None:
            request["prevResult"] = previous
        return request

    def _execute(self, verb, plugin, request, pod=None, interface="", arguments="", timeout=60, namespace=True):
        environment = {"CNI_COMMAND": verb, "CNI_PATH": ":".join(PLUGIN_PATH)}
        if pod is not None:
            environment |= {
                "CNI_CONTAINERID": pod.identifier,
                "CNI_NETNS": pod.namespace if namespace else "",
                "CNI_IFNAME": interface,
                "CNI_ARGS": arguments,
            }
        outcome = execute(self.node, plugin["type"], environment, json.dumps(request), timeout=timeout)
        if outcome.returncode != 0:
            raise PluginError(plugin["type"], verb, outcome)
        return outcome.stdout


def execute(node, plugin, environment, input, *, timeout=60, before=()):
    """Executes a plugin on a node with exactly this environment and standard input; `before` are words such as `timeout`."""
    return node.run(*before, find(node, plugin), input=input, environment=environment, check=False, timeout=timeout)


def find(node, plugin):
    """The path of a plugin's executable on a node."""
    for directory in PLUGIN_PATH:
        if node.exists(f"{directory}/{plugin}"):
            return f"{directory}/{plugin}"
    raise FileNotFoundError(f"no plugin {plugin} in {PLUGIN_PATH}")
