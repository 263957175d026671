"""What the benchmark asks of a program that carries traffic between two nodes' pods."""

from lab.sandbox import Sandbox


class Unavailable(Exception):
    """A subject cannot run here; the message is the reason, which the report repeats."""


class Subject:
    """One program between two sites. An object serves one pair of sites: it is made, started and stopped once.

    `start` and `addresses` may raise `Unavailable`; any other error counts as a reason, too.
    """

    #: As the tables name it, and as `--subjects` does.
    name = key = ""
    #: One line for the table of subjects: what it is and how it is set up.
    about = ""
    #: Does it encrypt? Said beside every comparison.
    encrypted = False
    #: Is it another setting of another subject, which is compared only where the claims are? All rows would take too long.
    variant = False
    #: The one question in which it is compared; empty for all of them.
    only = ""
    #: The Debian packages that it is installed from, whose versions the report names.
    packages = ()

    def node(self, name):
        """Makes a node for a site: a sandbox, with whatever has to be installed in it."""
        return Sandbox(name)

    def available(self):
        """None, or the reason why it cannot run on this machine; asked before anything is built."""
        return None

    def start(self, left, right):
        """Carries traffic between `left.pod` and `right.pod` once it returns; the benchmark then waits for a ping."""
        raise NotImplementedError

    def addresses(self, family):
        """The addresses of the left and the right pod; raises `Unavailable` for a family that it does not carry."""
        raise NotImplementedError

    def processes(self):
        """Its daemons' process identifiers, as seen from outside of the sandboxes."""
        return []

    def version(self):
        """Its version, if it is not the one of `packages`."""
        return None

    def stop(self):
        """Ends what would not end with the nodes."""


class RoutedSubject(Subject):
    """A subject whose pods are plain ones that the node routes; see `Site.connect_pod`."""

    def addresses(self, family):
        return self.left.pod_address(family), self.right.pod_address(family)

    def start(self, left, right):
        self.left, self.right = left, right
        for site in (left, right):
            site.connect_pod(mtu=self.pod_mtu)
        self.tunnel(left, right)

    #: The MTU of the pods' devices: of the uplink, less what the tunnel adds.
    pod_mtu = 1500

    def tunnel(self, left, right):
        """Brings traffic for the other site's `subnet` there, in both directions and families."""
        raise NotImplementedError
