"""A part of the tree as it is shown somewhere else: nothing that is written there leads out of it, or names what is above."""

import re
from html import unescape
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Grant, Principal, Right
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web.guard import Admission
from peerstor.web.links import Links
from peerstor.web.listing import Listings
from peerstor.web.pages import Pages
from peerstor.web.viewing.documents import Documents
from peerstor.web.viewing.readmes import Readmes
from peerstor.web.visitors import Visitor
from tests.fakes import ImmediateThreads
from tests.http.wire import Plain
from tests.web.house import House

MOUNT = "/-/s/abc"
SECRET = b"secret above"


class Views(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.close)
        self.house.put_file(SECRET.decode() + "/shown/deep/file.txt")
        self.house.put_file(SECRET.decode() + "/shown/api/file.txt")
        self.links = Links("/sub").rooted(MOUNT, (SECRET, b"shown"))
        self.listings = Listings(
            sandbox=self.house.sandbox,
            threads=ImmediateThreads(),
            beginnings=ImmediateThreads(),
            clock=Clock(),
            pages=Pages(links=Links("/sub")),
            readmes=Readmes(sandbox=self.house.sandbox, documents=Documents()),
        )

    def listing(self, *names: bytes, accept: str) -> tuple[dict[str, str], str]:
        """Give the headers and the body of a folder of the view."""
        parts = (SECRET, b"shown", *names)
        principal = Principal("share abc", (Grant(parts, Right.READ | Right.CREATE),))
        visitor = Visitor.of(principal, self.links, can_sign_in=False)
        admission = Admission(principal, TreePath(parts, slash=True), lambda: visitor)
        told: list[Any] = []

        def handle(request: StreamingRequest) -> None:
            answering = Deferred.fromCoroutine(self.listings.answer(request, admission, self.links))
            told.extend([request, self.successResultOf(answering)])

        c = Plain(handle)
        c.send(f"GET /?limit=1 HTTP/1.1\r\nHost: test\r\nAccept: {accept}\r\n\r\n".encode())
        raw = told[0].responseHeaders.getAllRawHeaders()
        headers = {name.decode().lower(): values[0].decode() for name, values in raw}
        return headers, told[1].decode()

    def test_page(self) -> None:
        """Every address on the page is the view's or one of ours, and what is above has no name."""
        _, page = self.listing(b"deep", accept="text/html")
        self.assertNotIn("secret", page)
        addresses = [unescape(found) for found in re.findall(r'(?:href|src|action|data-folder)="([^"#?]+)', page)]
        self.assertLessEqual({f"/sub{MOUNT}/", f"/sub{MOUNT}/deep/", f"/sub{MOUNT}/deep/file.txt"}, set(addresses))
        for address in addresses:
            self.assertTrue(
                address.startswith((f"/sub{MOUNT}/", "/sub/-/static/", "/sub/-/login", "/sub/-/me")), address
            )

    def test_crumbs(self) -> None:
        """The way back ends at the view's own top, which has the name of its folder."""
        _, page = self.listing(b"deep", accept="text/html")
        crumbs = re.findall(r'<li><a href="([^"]+)"[^>]*><bdi>([^<]+)', page)
        self.assertEqual(crumbs, [(f"/sub{MOUNT}/", "shown"), (f"/sub{MOUNT}/deep/", "deep")])
        _, top = self.listing(accept="text/html")
        self.assertNotIn('class="crumbs"', top)
        self.assertIn("<h1><bdi>shown</bdi></h1>", top)

    def test_form_only(self) -> None:
        """Files are added by the form: the upload API would have to be told the whole path."""
        _, page = self.listing(accept="text/html")
        self.assertIn(f'action="/sub{MOUNT}/"', page)
        self.assertNotIn('id="uploads"', page)
        self.assertNotIn('id="choose"', page)

    def test_json(self) -> None:
        """Programs are told paths from the view's top on; a name that is ours elsewhere is nothing special here."""
        headers, body = self.listing(accept="application/json")
        self.assertIn('"path":"/"', body)
        self.assertIn(f'"href":"/sub{MOUNT}/api/"', body)
        self.assertTrue(headers["link"].startswith(f"</sub{MOUNT}/?"), headers)
        self.assertNotIn("secret", body + str(headers))
        _, body = self.listing(b"deep", accept="application/json")
        self.assertIn('"path":"/deep/"', body)

    def test_lines(self) -> None:
        """So are shells."""
        _, body = self.listing(b"deep", accept="text/plain")
        self.assertEqual(body, f"/sub{MOUNT}/deep/file.txt\n")
