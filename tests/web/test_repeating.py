"""Which answers are given again: those that depend on the request's bytes, the rules and the file, and no others."""

from typing import Any
from unittest import mock

from attrs import evolve
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.cached import CachedFiles
from tests.web.house import House


class RepeatingCase(SynchronousTestCase):
    """A server in memory with its lanes on, whatever the run has."""

    def build(self, **settings: Any) -> House:
        house = House(fast_lanes=True, **settings)
        self.addCleanup(house.close)
        # The first look for tokens counts as a change of the rules.
        self.successResultOf(Deferred.fromCoroutine(house.keyring.refresh()))
        house.put_file("f.bin", b"small")
        house.put_file("big.bin", bytes(65 * 1024))
        house.put_file("text.txt", b"text " * 100)
        house.put_file("d/f", b"inner")
        return house

    def repeated(self, house: House, target: str, **headers: str) -> bool:
        """Ask twice, and tell whether the second answer was the first one again."""
        before = house.counts.requests.copy()
        with mock.patch.object(house.root, "render", wraps=house.root.render) as render:
            first, second = (house.get(target, **headers) for _ in range(2))
        self.assertEqual((first.status, first.body), (second.status, second.body))
        self.assertEqual(sum(house.counts.requests.values()), sum(before.values()) + 2)
        return render.call_count == 1


class KeptTests(RepeatingCase):
    """What is kept."""

    def test_which(self) -> None:
        """Small files as they are, ranges (`test_rangesagain.py`), and that a client has a file already, for whoever came with nothing."""
        house = self.build()
        tag = house.get("/big.bin").headers["etag"]
        for target, headers, again in (
            ("/f.bin", {}, True),
            ("/f.bin?download", {}, True),
            ("/d/f", {}, True),
            ("/-/tree/d/f", {}, True),
            ("/text.txt", {}, True),
            ("/f.bin", {"Accept_Encoding": "gzip"}, True),
            ("/big.bin", {"If_None_Match": tag}, True),
            ("/big.bin", {}, False),
            ("/text.txt", {"Accept_Encoding": "gzip"}, False),
            ("/f.bin", {"Range": "bytes=0-1"}, True),
            ("/f.bin", {"Range": "bytes=-1"}, False),
            ("/f.bin", {"Authorization": "Bearer x"}, False),
            ("/f.bin", {"Cookie": "a=b"}, False),
            ("/f.bin", {"X_Request_ID": "a"}, False),
            ("/f.bin", {"X_Forwarded_For": "192.0.2.1"}, False),
            ("/f.bin", {"X_Forwarded_Proto": "https"}, False),
            ("/f.bin", {"X_Forwarded_Host": "a"}, False),
            ("/f.bin", {"Forwarded": "for=192.0.2.1"}, False),
            ("/f.bin", {"Host": "evil.example"}, False),
            ("/f.bin", {"If_Match": '"other"'}, False),
            ("/none", {}, False),
            ("/d", {}, False),
        ):
            with self.subTest(target=target, headers=headers):
                house.repeats.forget()
                self.assertEqual(self.repeated(house, target, **headers), again)

    def test_without_lanes(self) -> None:
        """Nothing is given again where there are no lanes."""
        house = House(fast_lanes=False)
        self.addCleanup(house.close)
        house.put_file("f.bin", b"small")
        self.assertFalse(self.repeated(house, "/f.bin"))

    def test_signed_in(self) -> None:
        """What a token opens is not given to whoever sends the same without it, nor kept at all."""
        house = self.build(token="correct-horse")
        self.assertFalse(self.repeated(house, "/f.bin", Authorization="Bearer correct-horse"))
        self.assertEqual(house.get("/f.bin").status, 401)
        self.assertEqual(len(house.repeats), 0)

    def test_not_in_memory(self) -> None:
        """A file that has to be read from the disk goes through a thread, each time."""
        house = self.build()
        with mock.patch.object(CachedFiles, "read", return_value=None):
            self.assertFalse(self.repeated(house, "/f.bin"))


class ForgottenTests(RepeatingCase):
    """What ends it."""

    def test_settings(self) -> None:
        """After a change of settings each answer is found anew."""
        house = self.build()
        self.assertTrue(self.repeated(house, "/f.bin"))
        house.live.change(evolve(house.live.now, anonymous="none"))
        self.assertEqual(house.get("/f.bin").status, 403)

    def test_tokens_not_looked_at(self) -> None:
        """Once nobody has looked for new tokens for half a second, the ordinary way does first."""
        house = self.build()
        self.assertTrue(self.repeated(house, "/f.bin"))
        house.clock.advance(0.6)
        with mock.patch.object(house.root, "render", wraps=house.root.render) as render:
            house.get("/f.bin")
            house.get("/f.bin")
        self.assertEqual(render.call_count, 1)

    def test_https_only(self) -> None:
        """What a UNIX socket's client got in clear isn't given to one from elsewhere, who has to use HTTPS."""
        house = self.build(https=True)
        wire_of = house.connect

        def local() -> Any:
            with mock.patch("tests.http.wire.IPv4Address", return_value=UNIXAddress("/x")):
                return wire_of()

        with mock.patch.object(house, "connect", local):
            self.assertTrue(self.repeated(house, "/f.bin"))
        self.assertEqual(house.get("/f.bin").status, 307)
