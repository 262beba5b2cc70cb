"""Making, moving, copying and deleting entries by the API."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Right
from tests.web.house import Answer, House


class ActsCase(SynchronousTestCase):
    """A house in which everybody may do everything, unless a test says otherwise."""

    def setUp(self) -> None:
        self.house = self.make_house(anonymous="full")
        self.secret = ""

    def make_house(self, **settings: Any) -> House:
        house = House(trusted_proxy=("0.0.0.0/0", "::/0", "unix"), **settings)
        self.addCleanup(house.close)
        return house

    def closed(self) -> None:
        """From now on only a token opens anything."""
        self.house = self.make_house(anonymous="none")

    def grant(self, rights: Right, *parts: bytes, name: str = "ann") -> None:
        """Be somebody with these rights."""
        self.secret = self.house.keyring.tokens.add(name, rights, parts, None)
        self.house.clock.advance(1)

    def post(self, target: str, **headers: str) -> Answer:
        who = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return self.house.ask("POST", target, b"", {"X-Forwarded-For": "192.0.2.7", **who, **headers})

    def get(self, target: str) -> Answer:
        who = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return self.house.ask("GET", target, None, who)

    def refused(self, answer: Answer, status: int, code: str) -> None:
        self.assertEqual((answer.status, answer.json["error"]), (status, code))

    def told(self) -> list[tuple[Any, ...]]:
        """What the audit was told since this was last asked, without who and where."""
        noted, self.house.audit.noted = self.house.audit.noted, []
        for one in noted:
            self.assertEqual(one["address"], "192.0.2.7")
        return [tuple(value for key, value in one.items() if key not in ("principal", "address")) for one in noted]

    def link(self, target: str, name: str) -> None:
        os.symlink(target, self.house.path(name))

    def names(self, folder: str = "") -> list[bytes]:
        """What lies in a folder, PeerStor's own aside."""
        return sorted(name for name in os.listdir(self.house.path(folder)) if name != b".peerstor")


class FolderTests(ActsCase):
    def test_made(self) -> None:
        """A folder is made, and told of with its path and address."""
        answer = self.post("/api/folder?path=/new%20one")
        self.assertEqual(answer.status, 201)
        self.assertEqual(answer.json, {"status": "ok", "path": "/new one/", "href": "/new%20one/"})
        self.assertTrue(os.path.isdir(self.house.path("new one")))
        self.assertEqual(self.told(), [("folder", b"/new one")])
        self.assertEqual(self.post("/api/folder?path=new%20one/deeper/").json["path"], "/new one/deeper/")

    def test_bytes(self) -> None:
        """A name that is no UTF-8 is given to the byte."""
        self.assertEqual(self.post("/api/folder?path=/a%ff").json["href"], "/a%FF/")
        self.assertEqual(self.names(), [b"a\xff"])

    def test_refused(self) -> None:
        """No parent, a taken name, a name that can't be: each says so, and makes nothing."""
        self.house.put_file("file")
        self.refused(self.post("/api/folder?path=/none/new"), 409, "no_parent")
        self.refused(self.post("/api/folder?path=/file/new"), 409, "no_parent")
        self.refused(self.post("/api/folder?path=/file"), 409, "exists")
        self.refused(self.post("/api/folder?path=/"), 409, "exists")
        self.refused(self.post("/api/folder?path=/a%0ab"), 400, "bad_name")
        self.refused(self.post(f"/api/folder?path=/{'n' * 256}"), 400, "bad_name")
        self.refused(self.post("/api/folder?path=/../x"), 400, "bad_path")
        self.refused(self.post("/api/folder"), 400, "bad_request")
        self.refused(self.post("/api/folder?path=/.peerstor/x"), 404, "not_found")
        self.refused(self.post("/api/folder?path=/x", Origin="https://evil.example"), 403, "cross_site")
        self.assertEqual(self.names(), [b"file"])
        self.assertEqual(self.told(), [])

    def test_rights(self) -> None:
        """It takes the right to create there, and no link leads out of where that holds."""
        self.closed()
        for name in ("mine", "other"):
            os.mkdir(self.house.path(name))
        self.link("../other", "mine/out")
        self.grant(Right.READ, b"mine", name="reader")
        self.refused(self.post("/api/folder?path=/mine/new"), 403, "forbidden")
        self.grant(Right.READ | Right.CREATE, b"mine")
        self.refused(self.post("/api/folder?path=/other/new"), 404, "not_found")
        self.refused(self.post("/api/folder?path=/mine/out/new"), 409, "no_parent")
        self.assertEqual(self.post("/api/folder?path=/mine/new").status, 201)
        self.assertEqual((self.names("mine"), self.names("other")), ([b"new", b"out"], []))

    def test_unseen(self) -> None:
        """Whoever sees nothing of a place isn't told that the name is taken, either."""
        self.closed()
        self.house.put_file("drop/taken")
        self.grant(Right.CREATE, b"drop")
        free, taken = (self.post(f"/api/folder?path=/drop/{name}") for name in ("other", "taken"))
        self.assertEqual((free.status, taken.status), (201, 201))
        self.assertEqual(taken.json, {"status": "ok", "path": "/drop/taken/", "href": "/drop/taken/"})
        self.assertEqual(self.names("drop"), [b"other", b"taken", b"taken (2)"])
