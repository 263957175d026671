"""A subject at work between sites, and the account of what that and the traffic through it cost."""

from .cpu import Account, metered


class Place:
    """What `Pair` and `Group` have in common. A subclass fills `sites`, starts the subject and adopts its processes."""

    def __init__(self, subject):
        self.subject = subject
        self.account, self.sites = Account(), []

    def run(self, site, *words, **options):
        """Runs a command in a site's pod to its end, on the account."""
        return site.pod.run(*self.account.enter(*words), **options)

    def begin(self, site, *words, **options):
        """Starts a command in a site's pod, on the account, and returns a `Running`."""
        return site.pod.start(*self.account.enter(*words), **options)

    def metered(self):
        """A context that yields the `Usage` of processor time within it."""
        return metered(self.account)

    def close(self):
        try:
            self.subject.stop()
        finally:
            for site in self.sites:
                site.close()
            self.account.close()
