"""One subject at work between two sites."""

import time

from lab.shell import CommandFailed
from lab.traffic import ping
from subjects.subject import Unavailable

from .place import Place
from .wire import Site, connect

#: Seconds that a subject has to bring up its tunnel.
PATIENCE = 30


class Pair(Place):
    """Two sites, the wire between them, and one running subject; the account of its processes and of the traffic's.

    Traffic goes from the left pod, where the client is, to the right pod, where the server is.
    """

    def __init__(self, subject, wire):
        super().__init__(subject)
        self.wire = wire
        try:
            self.left, self.right = (self._site(number) for number in (1, 2))
            connect(self.left, self.right, wire)
            subject.start(self.left, self.right)
            self._await_traffic()
            self.account.adopt(subject.processes())
        except BaseException:
            self.close()
            raise

    def _site(self, number):
        site = Site(self.subject.node(f"node{number}"), number)
        self.sites.append(site)
        return site

    def _await_traffic(self):
        """Waits until pings pass in every family that the subject carries."""
        deadline = time.monotonic() + PATIENCE
        for family in self.families():
            while True:
                try:
                    ping(self.left.pod, self.target(family), timeout=1)
                    break
                except CommandFailed as error:
                    if time.monotonic() > deadline:
                        raise Unavailable(f"no ping passed within {PATIENCE} s over IPv{family}") from error

    def families(self):
        """The families that the subject carries here."""
        carried = [family for family in (4, 6) if self.refusal(family) is None]
        if not carried:
            raise Unavailable(self.refusal(4))
        return carried

    def refusal(self, family):
        """Why the subject does not carry a family, or None."""
        try:
            return None if self.subject.addresses(family) else f"does not carry IPv{family}"
        except (Unavailable, LookupError) as error:
            return str(error)

    def source(self, family):
        return self.subject.addresses(family)[0]

    def target(self, family):
        return self.subject.addresses(family)[1]

    def client(self, *words, **options):
        """Runs a command in the left pod to its end, on the account."""
        return self.run(self.left, *words, **options)

    def server(self, *words, **options):
        """Starts a command in the right pod, on the account, and returns a `Running`."""
        return self.begin(self.right, *words, **options)
