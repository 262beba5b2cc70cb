"""Making, moving, copying and deleting entries by the API."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Right
from peerstor.tree import duplicating
from peerstor.tree.copying import Copying
from peerstor.tree.paths import DEEPEST
from tests.fakes import HeldThreads
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

    def test_deep(self) -> None:
        """Folders are made up to a depth; what lies deeper is listed, sent, added to and deleted all the same."""
        deep = "/".join(["d"] * DEEPEST)
        self.house.put_file(f"{deep}/d/file", b"hello")
        self.assertEqual(self.post(f"/api/folder?path=/{deep[2:]}/new").status, 201)
        answer = self.post(f"/api/folder?path=/{deep}/new")
        self.refused(answer, 400, "bad_request")
        self.assertEqual(answer.json["message"], "Folders can be made up to 200 deep in one another.")
        self.refused(self.post(f"/api/copy?from=/{deep}/d/&to=/{deep}/e"), 400, "bad_request")
        self.assertEqual(self.get(f"/{deep}/d/file").body, b"hello")
        self.assertIn(b"file", self.get(f"/{deep}/d/").body)
        self.assertEqual(self.post(f"/api/delete?path=/{deep}/d/").status, 200)
        self.assertEqual(self.names(deep), [])

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


class MoveTests(ActsCase):
    def move(self, source: str, to: str, more: str = "") -> Answer:
        return self.post(f"/api/move?from={source}&to={to}{more}")

    def test_file(self) -> None:
        """A file has its new name, and no longer the old one."""
        self.house.put_file("a/x", b"hello")
        self.house.put_file("b/z")
        answer = self.move("/a/x", "/b/y")
        self.assertEqual((answer.status, answer.json), (200, {"status": "ok", "path": "/b/y", "href": "/b/y"}))
        self.assertEqual((self.names("a"), self.house.content("b/y")), ([], b"hello"))
        self.assertEqual(self.told(), [("move", b"/a/x", b"/b/y", False)])

    def test_folder(self) -> None:
        """A folder goes with all that is in it, and its address ends as a folder's does."""
        self.house.put_file("a/x/file", b"hello")
        self.assertEqual(self.move("/a/x/", "/y").json, {"status": "ok", "path": "/y/", "href": "/y/"})
        self.assertEqual(self.house.content("y/file"), b"hello")
        self.assertEqual(self.names("a"), [])

    def test_bytes(self) -> None:
        """Names that are no UTF-8 work at both ends, and an odd one that is there may go elsewhere as it is."""
        self.house.put_file(b"a\xff", b"hello")
        self.assertEqual(self.move("/a%ff", "/b%fe").json["href"], "/b%FE")
        self.house.put_file(b"odd\n", b"odd")
        os.mkdir(self.house.path("c"))
        self.refused(self.move("/odd%0a", "/c/other%0a"), 400, "bad_name")
        self.assertEqual(self.move("/odd%0a", "/c/odd%0a").status, 200)
        self.assertEqual((self.names(), self.names("c")), ([b"b\xfe", b"c"], [b"odd\n"]))

    def test_taken(self) -> None:
        """A taken name is refused by default; another one or the place of a file are had by asking."""
        for name in ("x.txt", "b/x.txt", "folder/f", "b/folder/g"):
            self.house.put_file(name, name.encode())
        self.refused(self.move("/x.txt", "/b/x.txt"), 409, "exists")
        self.refused(self.move("/x.txt", "/b/folder", "&conflict=replace"), 409, "exists")
        self.refused(self.move("/folder", "/b/x.txt", "&conflict=replace"), 409, "exists")
        self.refused(self.move("/folder", "/b/folder", "&conflict=replace"), 409, "exists")
        self.refused(self.move("/x.txt", "/b/y", "&conflict=what"), 400, "bad_request")
        self.assertEqual(self.names("b"), [b"folder", b"x.txt"])
        self.assertEqual(self.move("/folder", "/b/folder", "&conflict=rename").json["path"], "/b/folder (2)/")
        self.told()
        self.assertEqual(self.move("/x.txt", "/b/x.txt", "&conflict=replace").json["path"], "/b/x.txt")
        self.assertEqual(self.house.content("b/x.txt"), b"x.txt")
        self.assertEqual(self.told(), [("move", b"/x.txt", b"/b/x.txt", True)])
        (kept,) = [name for name in os.listdir(self.house.path(".peerstor/trash")) if not name.endswith(b".json")]
        self.assertEqual(self.house.content(b".peerstor/trash/" + kept + b"/x.txt"), b"b/x.txt")

    def test_nothing_there(self) -> None:
        """What is absent, hidden or none of the kind that was named can't be moved, and is as if absent."""
        self.house.put_file("file")
        os.mkfifo(self.house.path("fifo"))
        self.link("/etc/passwd", "out")
        os.mkdir(self.house.path("b"))
        for name in ("/none", "/none/x", "/file/", "/file/x", "/fifo", "/out", "/.peerstor", "/.peerstor/lock"):
            self.refused(self.move(name, "/b/new"), 404, "not_found")
        self.refused(self.move("/", "/b/new"), 403, "forbidden")
        self.refused(self.move("/file", "/none/new"), 409, "no_parent")
        self.refused(self.move("/file", "/"), 409, "exists")
        self.refused(self.move("/file", "/.peerstor/new"), 404, "not_found")
        self.refused(self.move("/file", "/b/.PeerStor-x"), 404, "not_found")
        self.refused(self.post("/api/move?from=/file"), 400, "bad_request")
        self.assertEqual((self.names("b"), self.told()), ([], []))

    def test_into_itself(self) -> None:
        """A folder can't come to lie in itself, not by way of a link either."""
        self.house.put_file("a/b/c")
        self.link("a/b", "link")
        for target in ("/a/x", "/a/b/x", "/link/x"):
            self.refused(self.move("/a", target), 400, "bad_request")
        self.assertEqual(self.move("/a", "/a").status, 200)
        self.assertEqual(self.move("/a/b", "/a/x").status, 200)

    def test_links(self) -> None:
        """A link is moved as a link, and replaced as one; what it leads to stays as it was."""
        self.house.put_file("target", b"target")
        self.house.put_file("new", b"new")
        self.link("target", "link")
        self.assertEqual(self.move("/link", "/other").status, 200)
        self.assertEqual(os.readlink(self.house.path("other")), b"target")
        self.assertEqual(self.move("/new", "/other", "&conflict=replace").status, 200)
        self.assertEqual((self.house.content("other"), self.house.content("target")), (b"new", b"target"))

    def test_rights(self) -> None:
        """It takes the right to change at the one end and to create at the other; to replace, to change there too."""
        self.closed()
        for name in ("a/x", "b/y", "a/z"):
            self.house.put_file(name, name.encode())
        self.grant(Right.READ | Right.CREATE, name="adds")
        self.refused(self.move("/a/x", "/b/x"), 403, "forbidden")
        self.grant(Right.READ | Right.CREATE | Right.CHANGE, b"a", name="scanner")
        self.refused(self.move("/a/x", "/b/x"), 404, "not_found")
        self.refused(self.move("/b/y", "/a/y"), 404, "not_found")
        self.assertEqual(self.move("/a/x", "/a/x2").status, 200)
        self.assertEqual(self.told()[-1], ("move", b"/a/x", b"/a/x2", False))
        self.assertEqual(self.names("b"), [b"y"])

    def test_two_grants(self) -> None:
        """What one may only add to is never replaced, whatever one may do where it comes from."""
        self.house = self.make_house(anonymous="create")
        self.house.put_file("a/x")
        self.house.put_file("b/x", b"old")
        self.grant(Right.READ | Right.CREATE | Right.CHANGE, b"a")
        self.refused(self.move("/a/x", "/b/x", "&conflict=replace"), 403, "forbidden")
        self.assertEqual(self.house.content("b/x"), b"old")
        self.assertEqual(self.move("/a/x", "/b/x", "&conflict=rename").json["path"], "/b/x (2)")

    def test_never_brought_to_light(self) -> None:
        """Whoever may change and not see something can't bring it to where they see it."""
        self.closed()
        self.house.put_file("a/secret")
        self.grant(Right.CHANGE | Right.CREATE, name="blind")
        self.assertEqual(self.move("/a/secret", "/b").json["path"], "/b")
        self.assertEqual(self.names(), [b"a", b"b"])

    def test_floor(self) -> None:
        """No link leads out of where the rights hold, at neither end."""
        self.closed()
        self.house.put_file("mine/x")
        self.house.put_file("other/y")
        self.link("../other", "mine/out")
        self.grant(Right.READ | Right.CREATE | Right.CHANGE, b"mine")
        self.refused(self.move("/mine/out/y", "/mine/y"), 404, "not_found")
        self.refused(self.move("/mine/x", "/mine/out/x"), 409, "no_parent")
        self.assertEqual((self.names("other"), self.names("mine")), ([b"y"], [b"out", b"x"]))

    def test_other_site(self) -> None:
        """No page of another site moves anything."""
        self.house.put_file("x")
        answer = self.post("/api/move?from=/x&to=/y", Origin="https://evil.example")
        self.refused(answer, 403, "cross_site")
        self.assertEqual(self.names(), [b"x"])


class DeleteTests(ActsCase):
    def test_file_and_folder(self) -> None:
        """Either goes to the trash, under the id that is told."""
        self.house.put_file("a/file", b"hello")
        for name, told in (("/a/file", b"/a/file"), ("/a", b"/a")):
            answer = self.post(f"/api/delete?path={name}")
            self.assertEqual((answer.status, answer.json["status"]), (200, "ok"))
            self.assertIn(f"{answer.json['trash']}.json".encode(), os.listdir(self.house.path(".peerstor/trash")))
            self.assertEqual(self.told(), [("delete", told)])
        self.assertEqual(self.names(), [])

    def test_refused(self) -> None:
        """What isn't there, the root, and what one may not change, stay as they are."""
        self.house.put_file("file")
        self.refused(self.post("/api/delete?path=/none"), 404, "not_found")
        self.refused(self.post("/api/delete?path=/file/"), 404, "not_found")
        self.refused(self.post("/api/delete?path=/.peerstor/trash"), 404, "not_found")
        self.refused(self.post("/api/delete?path=/"), 403, "forbidden")
        self.refused(self.post("/api/delete?path=/file", Origin="null"), 403, "cross_site")
        self.closed()
        self.house.put_file("file")
        self.grant(Right.READ | Right.CREATE)
        self.refused(self.post("/api/delete?path=/file"), 403, "forbidden")
        self.assertEqual((self.names(), self.told()), ([b"file"], []))


class CopyTests(ActsCase):
    def copy(self, source: str, to: str, more: str = "") -> Answer:
        return self.post(f"/api/copy?from={source}&to={to}{more}")

    def test_copied(self) -> None:
        """A file and a folder, under the wanted name or, by default, a free one; told of with both names."""
        self.house.put_file(b"a/x\xff.txt", b"hello")
        answer = self.copy("/a/x%ff.txt", "/a/x%ff.txt")
        self.assertEqual(answer.status, 201)
        self.assertEqual(
            answer.json, {"status": "ok", "path": "/a/x\ufffd (2).txt", "href": "/a/x%FF%20%282%29.txt"}
        )
        self.assertEqual(self.told(), [("copy", b"/a/x\xff.txt", b"/a/x\xff (2).txt")])
        self.assertEqual(self.copy("/a", "/b").json["href"], "/b/")
        self.assertEqual(self.names("b"), self.names("a"))

    def test_refused(self) -> None:
        """Each reason has its answer, and nothing is made."""
        self.house.put_file("x")
        self.house.put_file("a/b")
        self.refused(self.copy("/x", "/a", "&conflict=refuse"), 409, "exists")
        self.refused(self.copy("/x", "/y", "&conflict=replace"), 400, "bad_request")
        self.refused(self.copy("/none", "/y"), 404, "not_found")
        self.refused(self.copy("/x/", "/y"), 404, "not_found")
        self.refused(self.copy("/.peerstor", "/y"), 404, "not_found")
        self.refused(self.copy("/x", "/.peerstor/y"), 404, "not_found")
        self.refused(self.copy("/x", "/none/y"), 409, "no_parent")
        self.refused(self.copy("/x", "/a%0a"), 400, "bad_name")
        self.refused(self.copy("/a", "/a/c"), 400, "bad_request")
        self.refused(self.post("/api/copy?from=/x&to=/y", Origin="null"), 403, "cross_site")
        self.assertEqual((self.names(), self.names("a"), self.told()), ([b"a", b"x"], [b"b"], []))

    def test_too_much(self) -> None:
        """A folder of too many entries is 413, with how many there may be."""
        self.house.put_file("a/b")
        self.patch(duplicating, "Copying", partial(Copying, most=0))
        answer = self.copy("/a", "/c")
        self.refused(answer, 413, "too_large")
        self.assertEqual((answer.json["limit"], self.names()), (0, [b"a"]))

    def test_rights(self) -> None:
        """It takes the right to read at the one end and to create at the other, and no link leads out of them."""
        self.closed()
        for name in ("mine/x", "other/y"):
            self.house.put_file(name, name.encode())
        self.link("../other", "mine/out")
        self.grant(Right.READ | Right.CREATE, b"mine")
        self.refused(self.copy("/other/y", "/mine/y"), 404, "not_found")
        self.refused(self.copy("/mine/out/y", "/mine/y"), 404, "not_found")
        self.refused(self.copy("/mine/x", "/other/x"), 404, "not_found")
        self.refused(self.copy("/mine/x", "/mine/out/x"), 409, "no_parent")
        self.assertEqual(self.copy("/mine", "/mine2").status, 404)
        self.assertEqual(self.copy("/mine/x", "/mine/z").status, 201)
        self.grant(Right.READ, name="reader")
        self.refused(self.copy("/mine/x", "/mine/w"), 403, "forbidden")
        self.assertEqual((self.names("mine"), self.names("other")), ([b"out", b"x", b"z"], [b"y"]))


class LeavingTests(ActsCase):
    """A client that leaves in the middle."""

    def outcome(self, target: str) -> None:
        """Ask, and leave before the thread has begun."""
        held = HeldThreads()
        face = self.house.root._own[b"/api/copy"]._face
        self.patch(face, "_copies", held)
        self.patch(face, "_disk", held)
        channel, _ = self.house.connect()
        channel.dataReceived(f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        self.assertEqual(len(held.waiting), 1)
        channel.connectionLost(Failure(ConnectionError()))
        held.release_all()

    def test_copy(self) -> None:
        """A copy is wanted no more, and leaves nothing."""
        self.house.put_file("a/x")
        self.outcome("/api/copy?from=/a&to=/b")
        self.assertEqual((self.names(), os.listdir(self.house.path(".peerstor/parts"))), ([b"a"], []))
        self.assertEqual(self.house.audit.noted, [])

    def test_move(self) -> None:
        """What has been moved is moved, and is told of to whoever keeps the audit."""
        self.house.put_file("a/x")
        self.outcome("/api/move?from=/a&to=/b")
        self.assertEqual(self.names(), [b"b"])
        self.assertEqual([one["event"] for one in self.house.audit.noted], ["move"])

    def test_delete(self) -> None:
        """So is what has been deleted, by either way."""
        for method, target in (("POST", "/api/delete?path=/x"), ("DELETE", "/x")):
            self.house.put_file("x")
            held = HeldThreads()
            for face in (self.house.root._own[b"/api/copy"]._face, self.house.root._tree._face):
                self.patch(face, "_disk", held)
            channel, _ = self.house.connect()
            channel.dataReceived(
                f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode()
            )
            channel.connectionLost(Failure(ConnectionError()))
            held.release_all()
            self.assertEqual(self.names(), [])
            noted, self.house.audit.noted = self.house.audit.noted, []
            self.assertEqual([(one["event"], one["path"]) for one in noted], [("delete", b"/x")])
