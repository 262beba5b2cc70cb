"""What people and programs are told of themselves."""

import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import EVERY, Grant, Principal, Right
from peerstor.web.me import Allowed, allowed
from tests.web.house import Answer, House
from tests.web.shares.scaffold import FORM, HTML, OWNER, SECRET, bearer

READING = Right.READ
WRITING = Right.READ | Right.CREATE


class AllowedTests(SynchronousTestCase):
    def sums(self, *grants: tuple[str, Right]) -> list[tuple[str, Right]]:
        """Sum grants up, by the paths of their folders."""
        principal = Principal(
            "x", tuple(Grant(tuple(path.encode().split(b"/")) if path else (), rights) for path, rights in grants)
        )
        return [(b"/".join(each.path.parts).decode(), each.rights) for each in allowed(principal)]

    def test_sums(self) -> None:
        """Rights add up where they hold, and what allows no more than what is above it isn't told."""
        self.assertEqual(self.sums(("", EVERY)), [("", EVERY)])
        self.assertEqual(self.sums(("", READING), ("a", READING)), [("", READING)])
        self.assertEqual(self.sums(("a", WRITING), ("", READING)), [("", READING), ("a", WRITING)])
        self.assertEqual(
            self.sums(("a", Right.CREATE), ("", READING), ("a/b", WRITING)), [("", READING), ("a", WRITING)]
        )
        self.assertEqual(self.sums(("b", READING), ("a", READING)), [("a", READING), ("b", READING)])
        self.assertEqual(self.sums(("", Right.NONE)), [])

    def test_words(self) -> None:
        """Every right is told in words, as one that somebody has or hasn't."""
        for right in EVERY:
            one = Allowed(allowed(Principal("x", (Grant((), EVERY),)))[0].path, right)
            self.assertEqual((len(one.may), len(one.may_not)), (1, 4))


class MeCase(SynchronousTestCase):
    settings: dict[str, Any] = {"token": SECRET}  # noqa: RUF012 - read only

    def setUp(self) -> None:
        self.house = House(**self.settings)
        self.addCleanup(self.house.close)
        self.house.put_file("scans/a b/c.txt")

    def token(self, rights: Right, *parts: bytes, expires: float | None = None) -> dict[str, str]:
        """Make a named token."""
        secret = self.house.keyring.tokens.add("laptop", rights, parts, expires)
        self.house.clock.advance(1)
        return bearer(secret)

    def cookie(self, secret: str) -> dict[str, str]:
        """Sign in with a browser."""
        answer = self.house.ask("POST", "/-/login", f"token={secret}".encode(), FORM)
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}

    def me(self, headers: dict[str, str]) -> Any:
        """Ask as a program."""
        answer = self.house.ask("GET", "/api/me", headers=headers)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def page(self, headers: dict[str, str]) -> Answer:
        """Ask as a person."""
        return self.house.ask("GET", "/-/me", headers={**HTML, **headers})

    def words(self, headers: dict[str, str]) -> str:
        """Give the text of the page."""
        answer = self.page(headers)
        self.assertEqual(answer.status, 200)
        return re.sub(r"\s+", " ", re.sub("<[^>]*>", "", answer.body.decode().partition("<main")[2]))


class ClosedTests(MeCase):
    def test_token(self) -> None:
        """A token's name, what it allows and where, when it ends."""
        headers = self.token(WRITING, b"scans", b"a b", expires=self.house.wall + 86400)
        self.assertEqual(
            self.me(headers),
            {
                "name": "laptop",
                "signed_in": True,
                "home": "/scans/a%20b/",
                "expires": self.house.wall + 86400,
                "allowed": [{"path": "/scans/a b/", "href": "/scans/a%20b/", "rights": ["read", "create"]}],
            },
        )
        words = self.words(headers)
        self.assertIn("You are signed in as laptop, until 2023-11-15 22:13 UTC.", words)
        self.assertIn("In a b and all folders in it", words)
        self.assertIn("You may add files and folders", words)
        self.assertIn("You may not rename, move, replace and delete", words)

    def test_owner(self) -> None:
        """The owner may do everything, for ever."""
        told = self.me(OWNER)
        self.assertEqual((told["name"], told["expires"]), ("owner", None))
        self.assertEqual(
            told["allowed"],
            [{"path": "/", "href": "/", "rights": ["read", "create", "change", "share", "admin"]}],
        )
        self.assertNotIn("You may not", self.words(OWNER))

    def test_session(self) -> None:
        """Who signed in by the page is the same, with the token's end, and can sign out there; others can't."""
        headers = self.token(READING, expires=self.house.wall + 86400)
        cookie = self.cookie(headers["Authorization"].split()[1])
        self.assertEqual(self.me(cookie), self.me(headers))
        self.assertIn(b"Sign out</button>", self.page(cookie).body.partition(b"<main")[2])
        self.assertNotIn(b"Sign out</button>", self.page(headers).body)
        self.assertIn(b"Close it to sign out", self.page(headers).body)

    def test_reached(self) -> None:
        """The head of each page leads there."""
        for headers in (OWNER, self.cookie(SECRET)):
            self.assertIn(b'href="/-/me"', self.house.ask("GET", "/", headers={**HTML, **headers}).body)

    def test_nobody(self) -> None:
        """On a closed server nobody is anybody: programs get 401, people the login page that leads back."""
        self.assertEqual(self.house.get("/api/me").status, 401)
        answer = self.page({})
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/-/login?next=/-/me"))
        self.assertNotIn(b"/-/me", self.house.get("/-/login", **HTML).body)

    def test_kept_by_nobody(self) -> None:
        """No cache has the page, nor what a program is told."""
        self.assertEqual(self.page(OWNER).headers["cache-control"], "private, no-store")
        answer = self.house.ask("GET", "/api/me", headers=OWNER)
        self.assertEqual(answer.headers["cache-control"], "private, no-cache")

    def test_only_a_right_elsewhere(self) -> None:
        """Who may only add files to a folder is told so."""
        told = self.me(self.token(Right.CREATE, b"scans"))
        self.assertEqual(told["allowed"], [{"path": "/scans/", "href": "/scans/", "rights": ["create"]}])


class OpenTests(MeCase):
    settings = {}  # noqa: RUF012 - read only

    def test_anonymous(self) -> None:
        """On an open server everybody is told what everybody may do."""
        self.assertEqual(
            self.me({}),
            {
                "name": "anonymous",
                "signed_in": False,
                "home": "/",
                "expires": None,
                "allowed": [{"path": "/", "href": "/", "rights": ["read", "create"]}],
            },
        )
        words = self.words({})
        self.assertIn("You are not signed in. This is what everybody may do here. Everywhere You may see", words)
        self.assertNotIn("Sign", self.page({}).body.decode())
        self.assertIn(b'href="/-/me"', self.house.get("/", **HTML).body)


class HalfOpenTests(MeCase):
    settings = {"token": SECRET, "anonymous": "read"}  # noqa: RUF012 - read only

    def test_more_than_everybody(self) -> None:
        """Signing in takes nothing away; who isn't signed in can, and comes back."""
        told = self.me(self.token(WRITING, b"scans"))["allowed"]
        self.assertEqual(
            [(each["path"], each["rights"]) for each in told], [("/", ["read"]), ("/scans/", ["read", "create"])]
        )
        self.assertIn(b'href="/-/login?next=/-/me"', self.page({}).body)


class BelowABaseTests(MeCase):
    settings = {"anonymous": "read", "base_path": "/files"}  # noqa: RUF012 - read only

    def test_links(self) -> None:
        """Every address is below the base."""
        answer = self.house.ask("GET", "/files/api/me")
        self.assertEqual((answer.json["home"], answer.json["allowed"][0]["href"]), ("/files/", "/files/"))
        self.assertEqual(self.house.ask("GET", "/files/-/me", headers=HTML).status, 200)
        self.assertIn(b'href="/files/-/me"', self.house.ask("GET", "/files/", headers=HTML).body)
        self.assertEqual(self.house.ask("GET", "/files/-/metrics").status, 403, "no other address is taken for it")
