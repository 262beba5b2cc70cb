"""Rules of a storage in which somebody else exchanges folders, files and links while clients read and write."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable

from tests.integration.server import ServerCase
from tests.integration.wire import Api

CANARY = b"nobody may read this"
FLIPS = 10_000
REQUESTS = 300
"""Rounds of requests at least, so that a fast exchange meets some of them."""


class Flipper(threading.Thread):
    """Exchanges something over and over."""

    def __init__(self, flip: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._flip, self._ended = flip, threading.Event()
        self.count = 0
        self.start()

    def run(self) -> None:
        while not self._ended.is_set():
            self._flip()
            self.count += 1

    def end(self) -> None:
        """Stop with the real thing in its place."""
        self._ended.set()
        self.join()


class RaceTests(ServerCase):
    def setUp(self) -> None:
        self.server = self.serve("--anonymous", "full")
        self.storage, self.outside = self.server.storage, f"{self.server.folder}/outside"
        os.makedirs(f"{self.storage}/swing")
        os.mkdir(self.outside)
        self.canaries = [f"{self.outside}/canary", f"{self.storage}/.peerstor/canary"]
        for path in self.canaries:
            self.write(path, CANARY)
        self.write(f"{self.storage}/swing/canary", b"inside")
        self.write(f"{self.storage}/file", b"inside")
        self.seen: Counter[tuple[str, int]] = Counter()

    @staticmethod
    def write(path: str, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content)

    def swap(self, name: str, target: str) -> Callable[[], None]:
        """Make a function that puts a link in the place of something, and puts the thing back."""
        place, away, link = (f"{self.storage}/{each}" for each in (name, f"{name}-away", f"{name}-link"))
        os.symlink(target, link)

        def flip() -> None:
            os.rename(place, away)
            os.rename(link, place)
            os.rename(place, link)
            os.rename(away, place)

        return flip

    def race(self, flip: Callable[[], None], round_: Callable[[Api], None]) -> None:
        """Send rounds of requests while something is exchanged ten thousand times; nothing may come out or get in."""
        api, flipper, rounds = self.api(self.server), Flipper(flip), 0
        while flipper.count < FLIPS or rounds < REQUESTS:
            round_(api)
            rounds += 1
        flipper.end()
        self.measured(f"{flipper.count} exchanges, {sum(self.seen.values())} requests: {dict(self.seen)}")
        for path in self.canaries:
            with open(path, "rb") as file:
                self.assertEqual(file.read(), CANARY)
        self.assertEqual(os.listdir(self.outside), ["canary"])
        self.assertNotIn("new", os.listdir(f"{self.storage}/.peerstor"))

    def ask(self, api: Api, method: str, target: str, body: bytes | None = None, **headers: str) -> bytes:
        """Send one request, and look for the canary in the answer."""
        answer = api.call(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        self.seen[method, answer.status] += 1
        self.assertNotIn(CANARY, answer.body, target)
        self.assertNotEqual(answer.headers.get("content-length"), str(len(CANARY)), target)
        self.assertLess(answer.status, 500, (method, target, answer))
        return answer.body

    def both_ways(self, api: Api) -> None:
        self.ask(api, "GET", "/swing/canary")
        self.ask(api, "GET", "/swing/canary", Range="bytes=0-3")
        self.ask(api, "HEAD", "/swing/canary")
        self.assertNotIn(b"ledger", self.ask(api, "GET", "/swing/", Accept="application/json"))
        self.ask(api, "PUT", "/swing/canary", b"put")
        self.ask(api, "PUT", "/swing/new", b"put", If_None_Match="*")
        self.ask(api, "POST", "/api/upload/chunk?dir=/swing&name=canary&offset=0", b"sent")
        self.ask(api, "POST", "/api/upload/complete?dir=/swing&name=canary&size=4&conflict=replace")
        self.ask(api, "POST", "/api/upload/abandon?dir=/swing&name=canary")
        self.ask(api, "DELETE", "/swing/new")

    def test_folder_and_link_out(self) -> None:
        """A folder that is exchanged with a link out of the storage never leads there, in no direction."""
        self.race(self.swap("swing", self.outside), self.both_ways)
        self.assertIn(("GET", 200), self.seen)
        self.assertTrue({("GET", 404), ("PUT", 409)} & set(self.seen), self.seen)

    def test_folder_and_link_to_the_private_folder(self) -> None:
        """Nor does one that is exchanged with a link to the private folder."""
        self.race(self.swap("swing", ".peerstor"), self.both_ways)
        self.assertIn(("GET", 200), self.seen)

    def test_file_and_link_out(self) -> None:
        """A file that is exchanged with a link to one outside is read itself or not at all, and so it is replaced."""

        def round_(api: Api) -> None:
            self.ask(api, "GET", "/file")
            self.ask(api, "GET", "/file", Accept_Encoding="gzip")
            self.ask(api, "HEAD", "/file")

        self.race(self.swap("file", f"{self.outside}/canary"), round_)
        self.assertIn(("GET", 200), self.seen)

    def test_folder_that_moves_out(self) -> None:
        """A folder that is moved out of the storage and back again leads to nothing beside it, by no `..` of a link."""
        os.symlink("../file", f"{self.storage}/swing/up")
        self.write(f"{self.server.folder}/file", CANARY)
        inside, gone = f"{self.storage}/swing", f"{self.outside}-swing"

        def flip() -> None:
            os.rename(inside, gone)
            os.rename(gone, inside)

        def round_(api: Api) -> None:
            self.ask(api, "GET", "/swing/up")
            self.ask(api, "HEAD", "/swing/up")

        self.race(flip, round_)
        self.assertIn(("GET", 200), self.seen)
