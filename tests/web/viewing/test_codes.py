"""Addresses as QR codes."""

import re
from html import unescape
from xml.etree import ElementTree

from peerstor.access.rights import Right
from peerstor.web.viewing.codes import LONGEST
from tests.web.shares.scaffold import OWNER, SharingCase
from tests.web.viewing.scaffold import PAGE, ViewingCase


class Codes(ViewingCase):
    def code(self, target: str, **headers: str) -> str:
        """Give the address that a page says its code holds."""
        page = self.house.get(target, Accept="text/html", **headers)
        self.assertEqual(page.status, 200, page.body)
        return unescape(re.findall(r"<code>(.*)</code>", page.body.decode())[0])

    def test_address(self) -> None:
        """It holds the address that the visitor came by: of a folder its listing, of a file the page that shows it."""
        for path, address in (
            ("/", "/"),
            ("/a%20b/", "/a%20b/"),
            ("/%C3%BC.txt", "/-/view/%C3%BC.txt"),
            ("/-/", "/-/tree/-/"),
        ):
            self.assertEqual(self.code(f"/-/qr?path={path}"), f"http://localhost{address}")
        self.assertEqual(self.code("/-/qr?path=/", Host="files.home.arpa:8080"), "http://files.home.arpa:8080/")

    def test_image(self) -> None:
        """The code is an image that does nothing, dark on light, with its border around it."""
        answer = self.house.get("/-/qr.svg?path=/")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "image/svg+xml"))
        self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
        root = ElementTree.fromstring(answer.body)
        self.assertLessEqual({element.tag.rpartition("}")[2] for element in root.iter()}, {"svg", "path"})
        self.assertIn(b"#fff", answer.body)

    def test_from_the_page(self) -> None:
        """The listing and the page of a file lead to their codes, and back."""
        self.house.put_file("a b/ü.txt")
        listing = self.page("/a%20b/")
        target = unescape(re.findall(r'href="(/-/qr[^"]+)"', listing)[0])
        self.assertEqual(self.code(target), "http://localhost/a%20b/")
        self.assertIn('href="/a%20b/">Back<', self.page(target))
        shown = self.page("/-/view/a%20b/%C3%BC.txt")
        target = unescape(re.findall(r'href="(/-/qr[^"]+)"', shown)[0])
        self.assertEqual(self.code(target), "http://localhost/-/view/a%20b/%C3%BC.txt")

    def test_too_long(self) -> None:
        """An address that no camera would read has none, and says so."""
        for page in ("/-/qr", "/-/qr.svg"):
            answer = self.house.get(f"{page}?path=/" + "x" * LONGEST)
            self.assertEqual(answer.status, 400)
            self.assertIn(b"too long", answer.body)

    def test_nothing_told(self) -> None:
        """Whether something is there isn't told, and what can name nothing is refused."""
        self.assertEqual(self.code("/-/qr?path=/nothing"), "http://localhost/-/view/nothing")
        for path in ("/..", "//", "/%00", "/a/./b"):
            self.assertEqual(self.house.get(f"/-/qr?path={path}").status, 400, path)


class Rights(SharingCase):
    def test_needed(self) -> None:
        """Who may neither read nor add anything there gets none."""
        elsewhere = self.token(Right.READ, b"elsewhere")
        for page in ("/-/qr", "/-/qr.svg"):
            for who, status in (
                (OWNER, 200),
                (self.token(Right.CREATE, b"shared", name=page.rpartition("/")[2]), 200),
                (elsewhere, 404),
            ):
                answer = self.house.ask("GET", f"{page}?path=/shared/", headers={**PAGE, **who})
                self.assertEqual(answer.status, status, (page, who))
