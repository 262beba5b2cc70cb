"""The pages of share links for those who make them."""

import re
from html import unescape
from urllib.parse import urlencode

from peerstor.access.rights import Right
from peerstor.web.shares import pages
from peerstor.web.shares.forms import megabytes
from tests.web.house import Answer
from tests.web.shares.scaffold import FORM, HTML, MULTIPART, OWNER, SharingCase, multipart


class Pages(SharingCase):
    def page(self, target: str = "/-/shares", who: dict[str, str] | None = None) -> str:
        answer = self.get(target, HTML, OWNER if who is None else who)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["cache-control"], "private, no-store")
        return answer.body.decode()

    def send(self, target: str = "/-/shares", **fields: str) -> Answer:
        return self.ask("POST", target, urlencode(fields).encode(), FORM, HTML, OWNER)

    def make(self, **fields: str) -> str:
        """Make a share and give its page."""
        answer = self.send(
            **{
                "path": "/shared",
                "mode": "read",
                "expires": "",
                "password": "",
                "max_downloads": "",
                "max_megabytes": "",
                "note": "",
                **fields,
            }
        )
        self.assertEqual(answer.status, 303, answer.body)
        page, _, said = answer.headers["location"].partition("?")
        self.assertEqual(said, "done=made")
        self.id = page.rpartition("/")[2]
        return page


class Walking(Pages):
    def test_whole_story(self) -> None:
        """Made, shown, listed, changed, revoked: all by plain forms."""
        self.assertIn("There are none yet", self.page())
        page = self.make(note="for <you>", expires="3600", max_downloads="2")
        shown = self.page(page)
        url = f"http://localhost/-/s/{self.id}"
        self.assertIn(f'<a href="{url}">{url}</a>', shown)
        self.assertIn("for &lt;you&gt;", shown)
        self.assertIn("0 of 2", shown)
        self.assertIn(url, self.page())
        changed = self.send(page, expires="keep", password="", max_downloads="5", note="other")
        self.assertEqual((changed.status, changed.headers["location"]), (303, f"{page}?done=saved"))
        self.assertIn('role="status">Saved.', self.page(f"{page}?done=saved"))
        told = self.told()
        self.assertEqual(
            (told["max_downloads"], told["note"], told["expires"]), (5, "other", "2023-11-14T23:13:20Z")
        )
        self.assertIn("Revoke the link", self.page(f"{page}/revoke"))
        self.assertTrue(self.told()["live"])
        revoked = self.send(f"{page}/revoke")
        self.assertEqual((revoked.status, revoked.headers["location"]), (303, "/-/shares"))
        self.assertEqual(self.get(page, HTML, OWNER).status, 404)
        self.assertNotIn(self.id, self.page())

    def test_many(self) -> None:
        """Of many links a page shows some, the newest first, and leads to the others."""
        self.patch(pages, "LISTED", 2)
        made = []
        for _ in range(5):
            self.house.wall += 1
            self.share()
            made.append(self.id)
        newest = made[::-1]
        for target, shown, links in (
            ("", newest[:2], ["?from=2"]),
            ("?from=2", newest[2:4], ["?from=0", "?from=4"]),
            ("?from=4", newest[4:], ["?from=2"]),
            ("?from=99", newest[4:], ["?from=2"]),
        ):
            page = self.page(f"/-/shares{target}")
            self.assertEqual(re.findall(r'href="/-/shares/([\w-]{22})"', page), shown)
            self.assertEqual(re.findall(r'href="(\?from=\d+)"', page), links)
        self.assertEqual(self.get("/-/shares?from=x", HTML, OWNER).status, 400)

    def test_prefilled(self) -> None:
        """A link leads to the form for one path, whatever its name."""
        for name in ("a b+c&d", "\u00e9", "%41"):
            self.house.put_file(f"shared/{name}", b"odd")
            page = self.page(f"/-/shares?{urlencode({'path': '/shared/' + name})}")
            at = unescape(re.findall(r'name="at" value="([^"]*)"', page)[0])
            self.make(path="", at=at)
            self.assertEqual(self.told()["path"], f"/shared/{name}")
        self.house.put_file(b"shared/\xff", b"odd")
        at = re.findall(r'name="at" value="([^"]*)"', self.page("/-/shares?path=/shared/%FF"))[0]
        self.make(at=at)
        self.assertEqual(self.get(f"/-/s/{self.id}").body, b"odd")

    def test_path_as_people_write_it(self) -> None:
        """A path may be written without its first slash."""
        self.make(path=" shared/sub ")
        self.assertEqual(self.told()["path"], "/shared/sub/")

    def test_password(self) -> None:
        """A password is set, kept when the field is left empty, and taken away by a box."""
        page = self.make(password="secret")
        self.assertTrue(self.told()["password"])
        self.send(page, expires="keep", password="", max_downloads="", note="")
        self.assertTrue(self.told()["password"])
        self.assertNotIn("secret", self.page(page))
        self.send(page, expires="keep", password="", open="yes", max_downloads="", note="")
        self.assertFalse(self.told()["password"])

    def test_expiry(self) -> None:
        """The end can be kept, moved, and taken away."""
        page = self.make(expires="60")
        self.send(page, expires="", password="", max_downloads="", note="")
        self.assertIsNone(self.told()["expires"])
        self.house.wall += 100
        self.send(page, expires="86400", password="", max_downloads="", note="")
        self.assertEqual(self.told()["expires"], "2023-11-15T22:15:00Z")

    def test_ended(self) -> None:
        """One that has ended is shown as such."""
        page = self.make(expires="3600")
        self.house.wall += 3601
        self.assertIn("has ended", self.page())
        self.assertIn("has ended", self.page(page))

    def test_uploads(self) -> None:
        """Of an upload-only share the page shows who sent what; nothing that they wrote is taken for HTML."""
        page = self.make(mode="upload", max_megabytes="1.5")
        self.assertEqual(self.told()["max_bytes"], 1_500_000)
        self.assertIn('value="1.5"', self.page(page))
        self.assertIn("Nothing yet", self.page(page))
        body = multipart(("<i>f", b"123"), sender="<b>Ann\u202e", note="one\n<two>")
        self.ask("POST", f"/-/s/{self.id}", body, MULTIPART)
        shown = self.page(page)
        for told in ("&lt;i&gt;f", "3 B", "&lt;b&gt;Ann\\u202e", "one<br>", "&lt;two&gt;", "3 B of 1.5 MB"):
            self.assertIn(told, shown)

    def test_mistakes(self) -> None:
        """What can't be understood is told."""
        for fields in (
            {"max_downloads": "x"},
            {"max_downloads": "0"},
            {"mode": "upload", "max_megabytes": "NaN"},
            {"mode": "upload", "max_megabytes": "1e99"},
            {"mode": "upload", "max_megabytes": "0.0000001"},
            {"expires": "soon"},
            {"mode": "other"},
            {"path": "/shared/a.txt", "mode": "upload"},
        ):
            self.assertEqual(self.send(**{"path": "/shared", "mode": "read", **fields}).status, 400, fields)
        self.assertEqual(self.send(path="/nothing", mode="read").status, 404)
        self.assertIn("none yet", self.page())


class Whose(Pages):
    def test_who_may(self) -> None:
        """Who isn't signed in is led to the login page; who may not share is refused."""
        answer = self.get("/-/shares?path=/shared", HTML)
        self.assertEqual(
            (answer.status, answer.headers["location"]), (303, "/-/login?next=/-/shares%3Fpath%3D/shared")
        )
        self.assertEqual(self.get("/-/shares", HTML, self.token(Right.READ)).status, 403)

    def test_others(self) -> None:
        """Others' shares have no pages."""
        page = self.make()
        ann = self.token(Right.READ | Right.SHARE)
        for target in (page, f"{page}/revoke"):
            self.assertEqual(self.get(target, HTML, ann).status, 404)
            self.assertEqual(self.ask("POST", target, b"", FORM, ann).status, 404)
        self.assertTrue(self.told()["live"])

    def test_other_site(self) -> None:
        """Another site's page can't use the forms."""
        page = self.make()
        for target in ("/-/shares", page, f"{page}/revoke"):
            answer = self.ask("POST", target, b"", FORM, OWNER, {"Origin": "http://evil.example"})
            self.assertEqual(answer.status, 403)

    def test_linked(self) -> None:
        """Pages of whoever may share lead there; those of others don't."""
        self.assertIn('href="/-/shares"', self.page_of("/shared/", OWNER))
        self.assertIn('href="/-/shares?path=/shared/"', self.page_of("/shared/", OWNER))
        self.assertNotIn("/-/shares", self.page_of("/shared/", self.token(Right.READ)))
        self.make()
        self.assertNotIn("/-/shares", self.get(f"/-/s/{self.id}/", HTML).body.decode())
        below = self.token(Right.READ | Right.SHARE, b"shared", b"sub", name="sub")
        self.assertIn("/-/shares?path=", self.page_of("/shared/sub/", below))

    def page_of(self, target: str, who: dict[str, str]) -> str:
        answer = self.get(target, HTML, who)
        self.assertEqual(answer.status, 200)
        return answer.body.decode()


class Megabytes(Pages):
    def test_exact(self) -> None:
        """Bytes are shown so that saving the form again changes nothing."""
        for count, shown in (
            (None, ""),
            (1, "0.000001"),
            (10**6, "1"),
            (10**7, "10"),
            (1_500_000, "1.5"),
            (2**63 - 1, "9223372036854.775807"),
        ):
            self.assertEqual(megabytes(count), shown)
