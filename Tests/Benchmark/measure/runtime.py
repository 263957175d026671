"""A runtime on a node that executes plugins and clocks them; see `stopwatch.py`, which does so inside of the node."""

import json
import os
import subprocess

from lab.cni import PLUGIN_PATH, find

STOPWATCH = os.path.join(os.path.dirname(os.path.realpath(__file__)), "stopwatch.py")


class Runtime:
    """One stopwatch on a node, and containers (network namespaces) that are attached and detached again and again."""

    def __init__(self, node, containers):
        self.node = node
        self.containers = [f"container{number}" for number in range(containers)]
        for name in self.containers:
            node.run("ip", "netns", "add", name)
        self.stopwatch = node.start("/usr/bin/python3", STOPWATCH, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def execute(self, verb, configuration, containers):
        """Executes a verb for all these containers at once.

        Returns the seconds that each execution took, and those until the last one had ended.
        """
        order = {
            "verb": verb,
            "executable": find(self.node, configuration["type"]),
            "path": ":".join(PLUGIN_PATH),
            "configuration": configuration,
            "containers": containers,
        }
        self.stopwatch.process.stdin.write(json.dumps(order) + "\n")
        self.stopwatch.process.stdin.flush()
        line = self.stopwatch.process.stdout.readline()
        if not line:
            raise RuntimeError("the stopwatch has ended")
        answer = json.loads(line)
        if "failures" in answer:
            raise RuntimeError("; ".join(answer["failures"]))
        return answer["each"], answer["all"]

    def close(self):
        self.stopwatch.kill()
