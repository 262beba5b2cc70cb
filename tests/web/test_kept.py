"""Listings from memory: the same as from the disk, only while nothing has changed, and bounded."""

import base64
import os
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.watches import Watches
from peerstor.web import kept
from peerstor.web.kept import KeptListings
from tests.web.house import Answer, House

FORMS = ("text/html", "application/json", "text/plain")
QUERIES = ("", "?sort=size", "?sort=mtime&order=desc", "?limit=2", "?limit=2&sort=size", "?order=desc&limit=1")


class KeptCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = self.make()
        for name in ("folder/a", "folder/b", "folder/sub/c", "api/x", "other/y"):
            self.house.put_file(name)
        self.read: list[object] = []
        real = os.scandir
        self.patch(os, "scandir", lambda *given: self.read.append(given) or real(*given))

    def make(self, **settings: Any) -> House:
        house = House(**{"fast_lanes": True, **settings})  # whatever this run has
        self.addCleanup(house.close)
        return house

    def get(
        self, target: str = "/folder/", form: str = "text/html", house: House | None = None, **headers: str
    ) -> Answer:
        return (house or self.house).get(target, Accept=form, **headers)

    def from_memory(self, target: str = "/folder/", form: str = "text/html", **headers: str) -> bool:
        """Ask for a listing, and tell whether no folder was read for it."""
        self.read.clear()
        self.assertEqual(self.get(target, form, **headers).status, 200)
        return not self.read

    def warm(self, target: str = "/folder/", form: str = "text/html", **headers: str) -> None:
        """Have a listing kept."""
        self.assertFalse(self.from_memory(target, form, **headers))
        self.assertFalse(self.from_memory(target, form, **headers))
        self.assertTrue(self.from_memory(target, form, **headers))


class BothWaysTests(KeptCase):
    """With the lane and without it."""

    def test_the_same(self) -> None:
        """What comes from memory is what is read from the disk, to the byte, with the same headers."""
        fast = self.comparable(self.house)
        self.patch(KeptListings, "find", lambda *_: None)
        self.assertEqual(fast, self.comparable(self.house))

    def comparable(self, house: House) -> dict[tuple[str, str], object]:
        told: dict[tuple[str, str], object] = {}
        for form in FORMS:
            for target in ("/", "/folder/", "/folder/sub/", "/-/tree/api/"):
                for query in QUERIES:
                    for _ in range(3):
                        answer = self.get(target + query, form, house)
                        headers = {k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id")}
                        known = told.setdefault((target + query, form), (answer.status, headers, answer.body))
                        self.assertEqual(known, (answer.status, headers, answer.body))
        return told

    def test_switched_off(self) -> None:
        """With --no-fast-lanes each listing is read."""
        self.house = self.make(fast_lanes=False)
        self.house.put_file("folder/a")
        for _ in range(4):
            self.assertFalse(self.from_memory())


class KeepingTests(KeptCase):
    """What is kept, for whom, and for how long."""

    def test_second_time(self) -> None:
        """What is asked for again is kept, whichever its form and order."""
        for form in FORMS:
            self.warm(form=form)
        self.warm("/folder/?sort=size")
        self.warm("/folder/?limit=1")
        self.warm("/")

    def test_changes(self) -> None:
        """What changes shows, also when it does so again and again."""
        self.warm(form="text/plain")
        for number in range(30):
            self.house.put_file(f"folder/new {number}")
            for _ in range(number % 4 + 1):
                body = self.get(form="text/plain").body
                self.assertIn(b"/folder/new%%20%d\n" % number, body)

    def test_own_uploads(self) -> None:
        """So does what is uploaded and deleted by the server itself."""
        for number in range(10):
            for _ in range(3):
                self.get(form="text/plain")
            self.assertEqual(self.house.ask("PUT", f"/folder/put{number}", b"x").status, 201)
            self.assertIn(b"/folder/put%d\n" % number, self.get(form="text/plain").body)

    def test_another_folder_in_its_place(self) -> None:
        """When a folder above is renamed and another one is there, that one's is listed."""
        self.house.put_file("top/folder/old")
        self.house.put_file("next/folder/new")
        self.warm("/top/folder/", "text/plain")
        os.rename(self.house.path("top"), self.house.path("former"))
        self.assertEqual(self.get("/top/folder/").status, 404)
        os.rename(self.house.path("next"), self.house.path("top"))
        self.assertEqual(self.get("/top/folder/", "text/plain").body, b"/top/folder/new\n")

    def test_a_link_in_its_place(self) -> None:
        """When a folder above has moved out of the storage and a link leads there, nothing is shown any more."""
        self.house.put_file("top/folder/old")
        self.warm("/top/folder/", "text/plain")
        outside = os.path.join(self.house.folder, "outside")
        os.rename(self.house.path("top"), outside)
        os.symlink(outside, self.house.path("top"))
        self.assertEqual(self.get("/top/folder/", "text/plain").status, 404)

    def test_a_storage_that_vanished(self) -> None:
        """Nothing is shown of a storage that isn't there."""
        for target in ("/", "/folder/"):
            self.warm(target)
        os.rename(self.house.storage, self.house.storage + " away")
        for target in ("/", "/folder/"):
            self.assertEqual(self.get(target).status, 503)
        os.mkdir(self.house.storage)
        for target in ("/", "/folder/"):
            self.assertNotEqual(self.get(target).status, 200)
        os.rmdir(self.house.storage)
        os.rename(self.house.storage + " away", self.house.storage)
        self.assertEqual(self.get("/folder/").status, 200)

    def test_links_are_read_each_time(self) -> None:
        """A folder that is reached by a link, or holds one, is read each time."""
        os.symlink("folder", self.house.path("way"))
        os.symlink("../folder/a", self.house.path("other/link"))
        for _ in range(4):
            self.assertFalse(self.from_memory("/way/"))
            self.assertFalse(self.from_memory("/other/"))
            self.house.clock.advance(1)

    def test_not_for_long(self) -> None:
        """After two seconds it is read again, whatever has been heard, and kept again."""
        self.warm()
        self.house.clock.advance(kept.LASTS)
        self.assertTrue(self.from_memory())
        self.house.clock.advance(0.1)
        self.assertFalse(self.from_memory())
        self.assertTrue(self.from_memory())

    def test_rights(self) -> None:
        """Nobody is shown the page of somebody with other rights, nor one after their right has ended."""
        house = self.make(token="the owner's secret", anonymous="read")
        self.house = house
        house.put_file("folder/a")
        owner = {"Authorization": "Bearer the owner's secret"}
        for _ in range(4):
            self.assertNotIn(b"<form", self.get().body)
            page = self.get(**owner).body
            self.assertIn(b"<form", page)
            self.assertIn(b"/-/shares?path=", page)
        for _ in range(4):
            self.assertEqual(self.get(Authorization="Bearer wrong").status, 401)

    def test_bounds(self) -> None:
        """Of all that is kept, the least recently used goes; what is too large isn't kept."""
        self.patch(kept, "ROOM", 40_000)
        for number in range(10):
            self.house.put_file(f"many/{number}/x")
            for _ in range(3):
                self.get(f"/many/{number}/")
        self.assertTrue(self.from_memory("/many/9/"))
        self.assertFalse(self.from_memory("/many/0/"))
        self.patch(kept, "LARGEST", 10)
        for _ in range(4):
            self.assertFalse(self.from_memory("/folder/"))

    def test_empty_pages(self) -> None:
        """Pages on which nothing stands are bounded too, each by as long a cursor as a client likes."""
        self.patch(kept, "ROOM", 100_000)
        seen: list[KeptListings] = []
        real = KeptListings.keep
        self.patch(KeptListings, "keep", lambda self, *given: seen.append(self) or real(self, *given))
        for number in range(100):
            cursor = base64.urlsafe_b64encode(b"name:0:zz%06d" % number + b"z" * 200).decode().rstrip("=")
            for _ in range(2):
                self.assertEqual(self.get(f"/folder/?cursor={cursor}", "text/plain").body, b"")
        self.assertEqual(len(seen), 100)
        self.assertLessEqual(len(seen[0]._kept), 25)

    def test_no_watches(self) -> None:
        """Where nothing can be watched, each listing is read."""
        with patch.object(Watches, "begin", lambda *_: None):
            for _ in range(4):
                self.assertFalse(self.from_memory())

    def test_absence_before_parameters(self) -> None:
        """That there is nothing is told before that the query is wrong."""
        self.assertEqual(self.get("/nothing/?sort=x").status, 404)
        self.assertEqual(self.get("/folder/?sort=x").status, 400)
        for target in ("/nothing/", "/folder/a/"):
            self.assertEqual(self.house.ask("HEAD", target).status, 404)
