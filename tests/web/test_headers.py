"""What answers tell a browser for safety's sake."""

import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import Answer, House

HTML = "text/html"
SECRET = "correct horse battery"
BEARER = {"Authorization": f"Bearer {SECRET}"}


def policy(answer: Answer) -> dict[str, str]:
    """Take a Content-Security-Policy apart."""
    directives = answer.headers.get("content-security-policy", "").split("; ")
    return {name: sources for name, _, sources in (directive.partition(" ") for directive in directives)}


class HeaderCase(SynchronousTestCase):
    def house(self, **settings: Any) -> House:
        house = House(**settings)
        self.addCleanup(house.close)
        house.put_file("a.txt", b"text")
        house.put_file("a.html", b"<p>")
        house.put_file("a.pdf", b"%PDF")
        return house


class Pages(HeaderCase):
    def setUp(self) -> None:
        house = self.house()
        form = {"Accept": HTML, "Content-Type": "multipart/form-data; boundary=b"}
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\\\\b"\r\n\r\nx\r\n--b--\r\n'
        self.pages = {
            "listing": house.get("/", Accept=HTML),
            "HEAD": house.ask("HEAD", "/", headers={"Accept": HTML}),
            "error": house.get("/nothing", Accept=HTML),
            "wrong host": house.get("/", Accept=HTML, Host="evil.example"),
            "outcomes": house.ask("POST", "/", part, form),
            "login": house.get("/-/login", Accept=HTML),
        }

    def test_kind(self) -> None:
        """These are pages."""
        for name, page in self.pages.items():
            self.assertEqual(page.headers["content-type"], "text/html; charset=utf-8", name)

    def test_policy(self) -> None:
        """Nothing runs, looks or is sent but to ourselves, nothing is inline, and nobody frames it."""
        for name, page in self.pages.items():
            with self.subTest(page=name):
                found = policy(page)
                for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
                    self.assertEqual(found[directive], "'none'")
                for directive in ("script-src", "style-src", "connect-src", "form-action"):
                    self.assertEqual(found[directive], "'self'")
                self.assertNotIn("unsafe", str(found))

    def test_nothing_inline(self) -> None:
        """No page has a script, a style or a handler in it that the policy would refuse."""
        for name, page in self.pages.items():
            text = page.body.decode()
            self.assertIsNone(
                re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|javascript:", text), name
            )

    def test_powers(self) -> None:
        """No page may use what a browser guards; referrers stay here."""
        for name, page in self.pages.items():
            powers = page.headers["permissions-policy"].split(", ")
            self.assertLessEqual({"camera=()", "microphone=()", "geolocation=()", "usb=()"}, set(powers), name)
            self.assertTrue(all(power.endswith("=()") for power in powers), name)
            self.assertEqual(page.headers["referrer-policy"], "same-origin", name)


class Others(HeaderCase):
    def test_everywhere(self) -> None:
        """Nobody guesses a type, and no referrer leaves, whatever the answer is."""
        house = self.house()
        for target in ("/", "/a.txt", "/a.html", "/nothing", "/api/upload/offset?name=x", "/api/x", "/-/x", "/%"):
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "BREW"):
                answer = house.ask(method, target)
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff", (method, target))
                self.assertEqual(answer.headers["referrer-policy"], "same-origin", (method, target))

    def test_no_page(self) -> None:
        """What is no page can do nothing where a browser takes it for one."""
        house = self.house()
        for answer in (
            house.get("/", Accept="application/json"), house.get("/"), house.get("/nothing"),
            house.get("/nothing", Accept="application/json"), house.get("/api/upload/offset?name=x"),
            house.get("/a.txt", Range="bytes=9-"), house.get("/a.html", Range="bytes=9-"),
        ):  # fmt: skip
            found = policy(answer)
            self.assertEqual((found["default-src"], found["frame-ancestors"]), ("'none'", "'none'"))
            self.assertNotIn("sandbox", found)

    def test_stored_files(self) -> None:
        """What a browser would run is in a sandbox; the rest it shows by its own means, without a policy."""
        house = self.house()
        self.assertIn("sandbox", policy(house.get("/a.html")))
        for target in ("/a.txt", "/a.pdf"):
            self.assertNotIn("content-security-policy", house.get(target).headers)


class Private(HeaderCase):
    def test_signed_in(self) -> None:
        """What somebody signed in for is kept by no shared cache, and embedded by no other site."""
        house = self.house(token=SECRET)
        for target in ("/", "/a.txt", "/a.html", "/nothing", "/api/upload/offset?name=x"):
            with self.subTest(target=target):
                answer = house.ask("GET", target, headers=BEARER)
                self.assertEqual(answer.headers["cache-control"], "private, no-cache")
                self.assertEqual(answer.headers["cross-origin-resource-policy"], "same-origin")

    def test_form(self) -> None:
        """So is the page that tells what became of a form's files."""
        house = self.house(token=SECRET)
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\nx\r\n--b--\r\n'
        answer = house.ask("POST", "/", part, {"Content-Type": "multipart/form-data; boundary=b", **BEARER})
        self.assertEqual(answer.headers["cache-control"], "private, no-cache")

    def test_revalidated(self) -> None:
        """So is the word that it is unchanged."""
        house = self.house(token=SECRET)
        tag = house.ask("GET", "/a.txt", headers=BEARER).headers["etag"]
        answer = house.ask("GET", "/a.txt", headers={**BEARER, "If-None-Match": tag})
        self.assertEqual((answer.status, answer.headers["cache-control"]), (304, "private, no-cache"))

    def test_open(self) -> None:
        """What is open to everybody may be kept, and is asked for again each time."""
        house = self.house()
        for target in ("/", "/a.txt", "/nothing", "/api/upload/offset?name=x"):
            answer = house.get(target)
            self.assertEqual(answer.headers["cache-control"], "no-cache", target)
            self.assertNotIn("cross-origin-resource-policy", answer.headers, target)

    def test_assets(self) -> None:
        """The pages' own files are kept for ever, also by whoever signed in."""
        house = self.house(token=SECRET)
        page = house.ask("GET", "/", headers={"Accept": HTML, **BEARER}).body.decode()
        address = re.findall(r'href="(/-/static/[^"]+)"', page)[0]
        self.assertIn("immutable", house.ask("GET", address, headers=BEARER).headers["cache-control"])
        self.assertEqual(house.get("/-/static/0/none").headers["cache-control"], "no-cache")
