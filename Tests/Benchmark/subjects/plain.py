"""Plain routing: the nodes' kernels know each other's pod subnets. Nothing can be faster, so all is compared with it."""

from .subject import RoutedSubject


class PlainRouting(RoutedSubject):
    name, key = "plain routing", "plain"
    about = "a route to the other node's pod subnet, no tunnel: the limit"

    def tunnel(self, left, right):
        for here, there in ((left, right), (right, left)):
            self.lead(here, there)

    @staticmethod
    def lead(here, there):
        """Tells a node's kernel where another one's pods are."""
        for family in (4, 6):
            here.node.run("ip", "route", "add", there.subnet(family), "via", there.outer(family))


SUBJECTS = [PlainRouting]
