"""Every route there is, taken from the routers themselves: each refuses whoever has no right to it."""

import importlib
import pkgutil
from collections.abc import Iterator

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

import peerstor.web
from peerstor.access.rights import Right
from peerstor.web.routes import Routes
from tests.web.house import House
from tests.web.shares.scaffold import OWNER, SharingCase, basic, bearer

OPEN = {
    ("/-/static/<digest>/<name>", "GET"), ("/-/static/<digest>/<name>", "HEAD"),
    ("/api/openapi.json", "GET"), ("/api/openapi.json", "HEAD"),
    ("/-/health", "GET"), ("/-/health", "HEAD"),
    ("/-/login", "GET"), ("/-/login", "HEAD"), ("/-/login", "POST"), ("/-/logout", "POST"),
    ("/-/unlock/<share>", "POST"),
}  # fmt: skip
"""Routes for everybody, each with a reason: whoever isn't signed in has to be able to, and sees how it looks."""

SHARED = "/-/s/<share>"


def routers() -> Iterator[Routes]:
    """Find the routers of all faces, also of those that nobody has thought of here."""
    for module in pkgutil.walk_packages(peerstor.web.__path__, "peerstor.web."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, type) and isinstance(getattr(thing, "routes", None), Routes):
                yield thing.routes  # type: ignore[attr-defined]


def routes() -> dict[tuple[str, str], Right]:
    """Give each rule and method with the right that it needs."""
    return {key: right for router in routers() for key, right in router.needs.items()}


class EveryRoute(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.share("/shared", password="opens it")
        self.reading = self.id
        self.share("/shared", mode="upload", password="opens it")

    def status(self, rule: str, method: str, headers: dict[str, str], share: str | None = None) -> int:
        """Ask, with patience for whoever guesses, and give the status."""
        target = rule.replace("<digest>", "0").replace("<name>", "x").replace("<share>", share or self.id)
        if rule in ("/", SHARED) and method in ("PUT", "DELETE"):  # of a file, not of the folder
            target = f"{target.rstrip('/')}/x"
        fields = {"Host": "localhost", "Content-Length": "0", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        channel, wire = self.house.connect()
        channel.dataReceived(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode())
        self.house.clock.advance(5)
        channel.connectionLost(Failure(ConnectionError()))
        return int(wire.value().split()[1])

    def test_declared(self) -> None:
        """Only the routes that are named here are open to everybody."""
        found = {key for key, right in routes().items() if right is Right.NONE and key[1] != "OPTIONS"}
        self.assertEqual(found, OPEN)
        self.assertGreaterEqual(len(routes()), 40)

    def test_refused(self) -> None:
        """All others refuse whoever comes with nothing, and whoever comes with a wrong token or password."""
        seen = set()
        for (rule, method), right in routes().items():
            if right is not Right.NONE:
                seen.add(rule)
                for headers in ({}, bearer("wrong"), basic("wrong"), {"Cookie": "peerstor-x=y; peerstor-share=z"}):
                    self.assertEqual(self.status(rule, method, headers), 401, (rule, method, headers))
        self.assertTrue({"/", "/api/upload/chunk", "/api/shares", SHARED, f"{SHARED}/upload/chunk"} <= seen)

    def test_let_in(self) -> None:
        """The same requests with a right one aren't refused so: it is the token that makes the difference."""
        for (rule, method), right in routes().items():
            if right is not Right.NONE and rule.startswith("/-/s/"):
                self.assertNotIn(self.status(rule, method, basic("opens it")), (401, 404, 405), (rule, method))
            elif right is not Right.NONE and "<share>" not in rule:
                self.assertNotIn(self.status(rule, method, OWNER), (401, 403, 405), (rule, method))

    def test_little_right(self) -> None:
        """A token that may do nothing here is refused too, whatever there is."""
        who = self.token(Right.READ | Right.CREATE | Right.CHANGE, b"elsewhere")
        # Nothing of one's own is there: no upload to drop, nothing in the trash.
        # And everybody may know who they are.
        harmless = ("/api/upload/abandon", "/api/trash", "/-/trash", "/api/me", "/-/me")
        for (rule, method), right in routes().items():
            if right is not Right.NONE and not rule.startswith("/-/s/") and rule not in harmless:
                self.assertIn(self.status(rule, method, who), (400, 403, 404, 415), (rule, method))

    def test_unknown_share(self) -> None:
        """Without a share there is nothing below its address, whoever asks."""
        for (rule, method), right in routes().items():
            if right is not Right.NONE and rule.startswith("/-/s/"):
                for headers in ({}, OWNER, basic("opens it")):
                    self.assertEqual(self.status(rule, method, headers, "A" * 22), 404, (rule, method))

    def test_options(self) -> None:
        """OPTIONS is answered from the routes alone, the same for whatever is there."""
        for rule in {rule for rule, _ in routes()}:
            self.assertEqual(self.status(rule, "OPTIONS", {}), 204, rule)


class WithoutTokens(SynchronousTestCase):
    def test_nobody_can_sign_in(self) -> None:
        """Where there is no token, and nothing is open to everybody, every route refuses."""
        house = House(anonymous="none")
        self.addCleanup(house.close)
        for (rule, method), right in routes().items():
            if right is not Right.NONE and not rule.startswith("/-/s/"):
                self.assertEqual(house.ask(method, rule, b"").status, 403, (rule, method))
