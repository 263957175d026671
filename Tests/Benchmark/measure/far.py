"""A group of which one node is far away."""

import json
import os
import subprocess

from lab.shell import start

from .group import Group
from .traffic import PYTHON
from .wire import UPLINK, connect_all

RELAY = os.path.join(os.path.dirname(os.path.realpath(__file__)), "relay.py")


class FarGroup(Group):
    """The last site hangs on a long and lossy wire; the others, the center of a hub among them, are close together."""

    relay = None

    def _lay_wires(self):
        connect_all(self.sites[:-1], self.switch, "M")
        far = self.sites[-1]
        port = f"port{far.number}"
        self.relay = start(
            [PYTHON, RELAY, far.node.init, UPLINK, self.switch.init, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.relay.stdout.readline() != "ready\n":
            raise RuntimeError("the relay did not start")
        self.switch.run("ip", "link", "set", port, "master", "switch", "up")
        far.join()

    def impair(self, *, delay, loss, rate):
        """Milliseconds and percent each way, and Mb/s, from now on."""
        self.relay.stdin.write(json.dumps({"delay": delay, "loss": loss, "rate": rate}) + "\n")
        self.relay.stdin.flush()

    def close(self):
        super().close()
        if self.relay:
            self.relay.kill()
            self.relay.communicate()
