"""What the VPN programs that we compare with have in common: nodes with subnets behind them, joined by one daemon each.

Every node is a subnet router: the pod is a plain one of its node, the kernel forwards between the pod and the program's
device, and the program carries the pods' subnet. So the path pod - node - tunnel - node - pod is the one that a
container network has. The outside is IPv4 on the wire; inside are both families where the program knows them.
"""

import os
import shutil
import subprocess
import time
from contextlib import suppress

from lab.shell import CommandFailed
from lab.traffic import ping
from lab.underlay import quietly_up

from .subject import Subject, Unavailable

#: The device of every program, on every node.
DEVICE = "vpn0"

#: Where a node keeps a program's keys and settings, and what its daemon says; in the memory of the sandbox.
DIRECTORY = "/run/vpn"
LOG = f"{DIRECTORY}/log"

#: The UDP port that every program listens on.
PORT = 5000

#: What a packet of the wire has room for, beside the outer IPv4 and UDP headers.
WIRE_PAYLOAD = 1500 - 20 - 8

#: Socket buffers, where a program lets us ask for them; most get what net.core.rmem_max and wmem_max allow.
SOCKET_BUFFER = 10 << 20

#: How long a device, then the first packet, may take, in seconds.
PATIENCE = 20


class Member:
    """One site's part in a VPN."""

    def __init__(self, site):
        self.site, self.node, self.number = site, site.node, site.number
        self.name = f"node{site.number}"
        #: What other nodes have to know of it, as the program puts it: a public key, a fingerprint, a file.
        self.key = None
        self.daemon = None

    def tunnel(self, family):
        """The node's own address in the VPN, for programs that want one for the device."""
        return f"10.57.0.{self.number}" if family == 4 else f"fd57::{self.number}"

    def path(self, name):
        return f"{DIRECTORY}/{name}"

    def write(self, name, lines):
        """Writes a file of the program; nobody else may read it, which some programs insist on."""
        self.node.write(self.path(name), "\n".join(lines) + "\n")
        os.chmod(self.node.path(self.path(name)), 0o600)

    def read(self, name):
        return self.node.read(self.path(name))

    def last_words(self):
        """The end of what the daemon said."""
        return " / ".join(self.read("log").splitlines()[-4:]) if self.node.exists(LOG) else ""


class VPN(Subject):
    """A VPN program between two nodes that talk to each other directly; `hub` puts clients around a center.

    A subclass names its `commands`, makes keys in `prepare`, writes the settings of a node in `configure` and says how its
    daemon is started.
    """

    encrypted = True
    #: The executables that have to be there.
    commands = ()
    #: The device's MTU: the largest inner packet that makes one packet on the wire.
    mtu = None
    #: The inner families, and why there are not more.
    families = (4, 6)
    missing_family = None
    #: Whether the program gives its device addresses and MTU by itself.
    configures_device = False

    def __init__(self):
        self.members, self.center = [], None

    def available(self):
        missing = [command for command in self.commands if not shutil.which(command)]
        if missing:
            return f"no {' and no '.join(missing)} here: Debian's {' and '.join(self.packages)} would bring it"
        return None if os.path.exists("/dev/net/tun") else "the kernel offers no /dev/net/tun"

    # What a program has to say.

    def prepare(self):
        """Makes keys and certificates with the program's own tools, before any node is configured."""

    def configure(self, member):
        """Writes the settings of a node."""
        raise NotImplementedError

    def command(self, member):
        """The words that start the daemon of a node, in the foreground."""
        raise NotImplementedError

    def device_made(self, member):
        """Called once the device of a node is there."""

    def next_hop(self, member, other, family):
        """The words of a route to what is behind another node. A TUN device has no neighbours: the program looks inside."""
        return ["dev", DEVICE]

    # What is the same for all.

    def others(self, member):
        return [other for other in self.members if other is not member]

    def neighbours(self, member):
        """The nodes with which a node exchanges packets on the wire: all others, or the center only."""
        return self.others(member) if self.center in (None, member) else [self.center]

    def start(self, left, right):
        self.join([left, right])

    def join(self, sites, center=None):
        """Makes one VPN of all sites; with a center, which is one of them, all traffic of the others goes through it."""
        self.members = [Member(site) for site in sites]
        self.center = next((member for member in self.members if member.site is center), None)
        for member in self.members:
            os.makedirs(member.node.path(DIRECTORY), exist_ok=True)
            member.site.connect_pod(mtu=self.mtu)
        self.prepare()
        for member in self.members:
            self.configure(member)
        # Programs whose first call fails wait a while before the next one: who is called starts first.
        for member in sorted(self.members, key=lambda member: member is not self.center):
            self._launch(member)
        for member in self.members:
            self._route(member)
        self._await_traffic()

    def _launch(self, member):
        with open(member.node.path(LOG), "w") as log:
            member.daemon = member.node.start(
                *self.command(member), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + PATIENCE
        while member.node.run("ip", "link", "show", DEVICE, check=False).returncode != 0:
            if member.daemon.process.poll() is not None:
                raise Unavailable(f"{self.name} ended on {member.name}: {member.last_words()}")
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.name} made no device on {member.name}: {member.last_words()}")
            time.sleep(0.05)
        self.device_made(member)

    def _route(self, member):
        """Sets the device up and leads what is behind the other nodes into it."""
        if not self.configures_device:
            member.node.run("ip", "link", "set", DEVICE, "mtu", self.mtu)
            quietly_up(member.node, DEVICE, f"{member.tunnel(4)}/24", f"{member.tunnel(6)}/64")
        for other in self.others(member):
            for family in self.families:
                hop = self.next_hop(member, other, family)
                member.node.run("ip", "route", "replace", other.site.subnet(family), *hop)

    def _await_traffic(self):
        """Waits until every pod reaches the next one, in every family, with the largest packet that there is."""
        for member, other in zip(self.members, self.members[1:] + self.members[:1]):
            for family in self.families:
                size = self.mtu - (20 if family == 4 else 40) - 8
                deadline = time.monotonic() + PATIENCE
                while True:
                    try:
                        ping(member.site.pod, other.site.pod_address(family), size=size, fragment=False, timeout=0.3)
                        break
                    except CommandFailed as failure:
                        if time.monotonic() > deadline:
                            raise Unavailable(
                                f"{self.name}: {other.name} is out of {member.name}'s reach over IPv{family}: {member.last_words()}"
                            ) from failure

    def addresses(self, family):
        if family not in self.families:
            raise Unavailable(self.missing_family)
        left, right = self.members[:2]
        return left.site.pod_address(family), right.site.pod_address(family)

    def processes(self):
        return [member.daemon.pid() for member in self.members if member.daemon]

    def stop(self):
        for member in self.members:
            if member.daemon:
                with suppress(subprocess.TimeoutExpired):  # Then it was killed.
                    member.daemon.stop(signal=15)
            member.node.run("ip", "link", "delete", DEVICE, check=False)
            shutil.rmtree(member.node.path(DIRECTORY), ignore_errors=True)
        self.members, self.center = [], None
