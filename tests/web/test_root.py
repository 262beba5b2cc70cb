"""The root of all addresses."""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from peerstor.web.cors import Cors
from peerstor.web.counts import WebCounts
from peerstor.web.errors import Errors
from peerstor.web.forwarded import TrustedProxies
from peerstor.web.hosts import KnownHosts
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.root import Root
from tests.http.test_channel import head, statuses
from tests.http.wire import Plain


class Broken(Resource):
    """A face that fails before it has made anything of a request."""

    isLeaf = True

    def render(self, request: object) -> bytes:
        raise ZeroDivisionError("secret")


class RootTests(SynchronousTestCase):
    def test_face_that_fails(self) -> None:
        """Any defect of ours is one kind of answer: 500 with an id, and no trace but in the log."""
        c = Plain(lambda request: None)
        c.site.resource = Root(
            links=Links(), proxies=TrustedProxies(()), hosts=KnownHosts(own=(), allowed=("test",)), cors=Cors("*", closed=lambda: False), errors=Errors(pages=Pages(links=Links()), counts=WebCounts()),
            tree=Broken(), own={}, raw={},
        )  # fmt: skip
        c.send(head("GET") * 2)
        self.assertEqual(statuses(c.received()), [500, 500])
        self.assertIn(b"Something went wrong (", c.received())
        self.assertNotIn(b"secret", c.received())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
