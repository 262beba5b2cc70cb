"""What people do with entries by plain pages and forms."""

import os
import re
from html import unescape
from urllib.parse import quote, urlencode

from peerstor.access.rights import Right
from tests.web.house import Answer
from tests.web.shares.scaffold import OWNER, SharingCase

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
ODD = b'a&b=c "d" + %25 \xff.txt'


class ActingCase(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.house.put_file("folder/file.txt", b"content")

    def send(self, target: str, who: dict[str, str] | None = None, **fields: str) -> Answer:
        """Send a form."""
        headers = {**FORM, **(OWNER if who is None else who)}
        return self.house.ask("POST", target, urlencode(fields).encode(), headers)

    def look(self, target: str, who: dict[str, str] | None = None) -> Answer:
        """Look at a page."""
        return self.house.ask("GET", target, headers={"Accept": "text/html", **(OWNER if who is None else who)})

    def there(self, name: str | bytes) -> bool:
        return os.path.exists(self.house.path(name))

    def links(self, page: Answer) -> list[str]:
        return [unescape(href) for href in re.findall(r'(?:href|action)="?([^" >]+)', page.body.decode())]


class Folders(ActingCase):
    def test_made(self) -> None:
        """A form makes a folder, and leads to where it lies."""
        self.assertEqual(self.look("/-/folder?path=/folder/").status, 200)
        answer = self.send("/-/folder?path=/folder/", name="new ü")
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/folder/"))
        self.assertTrue(os.path.isdir(self.house.path("folder/new ü")))

    def test_refused(self) -> None:
        """A name that is taken, or none, is refused in words, with a way back to the form."""
        for name, status in (("file.txt", 409), ("", 400), ("a/b", 400), ("..", 400), (".peerstor", 400)):
            answer = self.send("/-/folder?path=/folder/", name=name)
            self.assertEqual(answer.status, status, name)
            self.assertIn("/-/folder?path=/folder/", self.links(answer))

    def test_needs(self) -> None:
        """Who may only read makes none, and no other site's page does it for who may."""
        reader = self.token(Right.READ, name="reader")
        self.assertEqual(self.look("/-/folder?path=/folder/", reader).status, 403)
        self.assertEqual(self.send("/-/folder?path=/folder/", reader, name="new").status, 403)
        elsewhere = {**OWNER, "Sec-Fetch-Site": "cross-site"}
        self.assertEqual(self.send("/-/folder?path=/folder/", elsewhere, name="new").status, 403)
        self.assertFalse(self.there("folder/new"))


class Entries(ActingCase):
    def test_offered(self) -> None:
        """The page of an entry offers what whoever looks may do, and no more."""
        page = self.look("/-/entry?path=/folder/file.txt").body
        for offer in (b">Rename<", b">Move or copy<", b">Delete<", b">Share<", b"?download", b"7 B"):
            self.assertIn(offer, page)
        page = self.look("/-/entry?path=/folder/file.txt", self.token(Right.READ)).body
        for offer in (b">Rename<", b"/-/move", b">Delete<", b">Share<"):
            self.assertNotIn(offer, page)

    def test_listed(self) -> None:
        """Each row of a listing leads to its entry's page where anything can be done, whatever it is called."""
        self.house.put_file(b"folder/" + ODD, b"odd")
        pages = [link for link in self.links(self.look("/folder/")) if link.startswith("/-/entry")]
        self.assertIn("/-/entry?path=/folder/" + quote(ODD, safe=""), pages)
        self.assertEqual([self.look(page).status for page in pages], [200] * len(pages))
        self.assertNotIn(b"/-/entry", self.look("/folder/", self.token(Right.READ)).body)

    def test_rename(self) -> None:
        """A form renames in the same folder, exact to the byte of the old name, and replaces nothing."""
        self.house.put_file(b"folder/" + ODD, b"odd")
        answer = self.send(f"/-/rename?path=/folder/{quote(ODD, safe='')}", name="plain & simple+%.txt")
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/folder/"))
        self.assertEqual(self.house.content("folder/plain & simple+%.txt"), b"odd")
        answer = self.send("/-/rename?path=/folder/file.txt", name="plain & simple+%.txt")
        self.assertEqual(answer.status, 409)
        self.assertIn("/-/entry?path=/folder/file.txt", self.links(answer))
        self.assertEqual(self.house.content("folder/file.txt"), b"content")
        self.assertEqual(
            self.send("/-/rename?path=/folder/file.txt", self.token(Right.READ), name="x").status, 403
        )

    def test_delete(self) -> None:
        """Something is deleted once that is confirmed, and lies in the trash then."""
        self.assertEqual(self.look("/-/delete?path=/folder/file.txt").status, 200)
        self.assertTrue(self.there("folder/file.txt"))
        self.assertEqual(self.send("/-/delete?path=/folder/file.txt", self.token(Right.READ)).status, 403)
        answer = self.send("/-/delete?path=/folder/file.txt")
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/folder/"))
        self.assertFalse(self.there("folder/file.txt"))
        self.assertIn(b"/folder/file.txt", self.look("/-/trash").body)


class Places(ActingCase):
    def test_moved(self) -> None:
        """One goes from folder to folder by links, and the button moves the entry there."""
        os.makedirs(self.house.path("goal/inner"))
        page = self.look("/-/move?path=/folder/file.txt&into=/")
        into = "/-/move?path=/folder/file.txt&into=/goal/"
        self.assertIn(into, self.links(page))
        self.assertIn(f"{into}inner/", self.links(self.look(into)))
        answer = self.send(f"{into}inner/", act="move")
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/goal/inner/"))
        self.assertEqual(self.house.content("goal/inner/file.txt"), b"content")
        self.assertFalse(self.there("folder/file.txt"))

    def test_copied(self) -> None:
        """A copy gets a number where its name is taken."""
        self.assertEqual(self.send("/-/move?path=/folder/file.txt", act="copy").status, 303)
        self.assertEqual(self.house.content("folder/file (2).txt"), b"content")

    def test_refused(self) -> None:
        """Nobody moves what they may only read, looks into folders that aren't theirs, or does something else."""
        reader = self.token(Right.READ | Right.CREATE, b"folder")
        self.assertEqual(self.send("/-/move?path=/folder/file.txt", reader, act="move").status, 403)
        self.assertEqual(self.look("/-/move?path=/folder/file.txt&into=/", reader).status, 404)
        self.assertEqual(self.send("/-/move?path=/folder/file.txt&into=/", reader, act="copy").status, 404)
        self.assertEqual(self.send("/-/move?path=/folder/file.txt", act="burn").status, 400)
        self.assertTrue(self.there("folder/file.txt"))


class TrashPage(ActingCase):
    def setUp(self) -> None:
        super().setUp()
        self.send("/-/delete?path=/folder/file.txt")
        self.page = self.look("/-/trash")
        self.id = re.findall(r'name="id" value="([^"]+)"', self.page.body.decode())[0]

    def test_restored(self) -> None:
        """What is restored is where it was; something that has its name now stays."""
        self.house.put_file("folder/file.txt", b"newer")
        answer = self.send("/-/trash/restore", id=self.id)
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/-/trash?done=restored"))
        self.assertEqual(self.house.content("folder/file.txt"), b"newer")
        self.assertEqual(self.house.content("folder/file (2).txt"), b"content")
        self.assertIn(b"The trash is empty", self.look("/-/trash?done=restored").body)

    def test_purged(self) -> None:
        """Something is gone for good once that is confirmed."""
        asked = self.look(f"/-/trash/purge?id={self.id}")
        self.assertIn(b"file.txt", asked.body)
        self.assertIn(self.id.encode(), self.look("/-/trash").body)
        self.assertEqual(self.send("/-/trash/purge", id=self.id).status, 303)
        self.assertNotIn(self.id.encode(), self.look("/-/trash").body)
        self.assertEqual(self.look(f"/-/trash/purge?id={self.id}").status, 404)

    def test_needs(self) -> None:
        """Nobody sees, restores or drops what lay where they may not change things."""
        who = self.token(Right.READ | Right.CREATE | Right.CHANGE, b"elsewhere")
        self.assertNotIn(self.id.encode(), self.look("/-/trash", who).body)
        reader = self.token(Right.READ, name="reader")
        for target in ("/-/trash/restore", "/-/trash/purge"):
            self.assertEqual(self.send(target, who, id=self.id).status, 404)
            self.assertEqual(self.send(target, reader, id=self.id).status, 403)
        self.assertEqual(self.look(f"/-/trash/purge?id={self.id}", who).status, 404)
        self.assertIn(self.id.encode(), self.look("/-/trash").body)
