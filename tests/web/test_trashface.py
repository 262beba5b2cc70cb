"""The trash by the API."""

from __future__ import annotations

import os
import shutil
from typing import Any

from peerstor.access.rights import Right
from tests.web.house import Answer
from tests.web.test_operations import ActsCase

FULL = Right.READ | Right.CREATE | Right.CHANGE


class TrashCase(ActsCase):
    def delete(self, path: str) -> str:
        """Delete something and give its id."""
        answer = self.post(f"/api/delete?path={path}")
        self.assertEqual(answer.status, 200, answer.body)
        return str(answer.json["trash"])

    def restore(self, id_: str, more: str = "") -> Answer:
        return self.post(f"/api/trash/restore?id={id_}{more}")

    def entries(self, more: str = "") -> list[dict[str, Any]]:
        answer = self.get(f"/api/trash{more}")
        self.assertEqual(answer.status, 200, answer.body)
        found: list[dict[str, Any]] = answer.json["entries"]
        return found

    def paths(self) -> list[str]:
        return [entry["path"] for entry in self.entries()]


class ListTests(TrashCase):
    def test_entries(self) -> None:
        """Each thing is told with what it was, when and by whom; the newest first."""
        self.house.put_file("a/file\xe4", b"hello")
        self.house.put_file("folder/x")
        first, second = self.delete("/a/file%c3%a4"), self.delete("/folder")
        answer = self.get("/api/trash")
        self.assertEqual(answer.headers["cache-control"], "no-cache")
        entries = answer.json["entries"]
        self.assertEqual([entry["id"] for entry in entries], [second, first])
        when = [entry.pop("when") for entry in entries]
        self.assertGreater(when[0], when[1])
        self.assertEqual(
            entries[1],
            {"id": first, "name": "file\xe4", "path": "/a/file\xe4", "type": "file", "size": 5, "by": "anonymous"},
        )
        self.assertEqual(
            (entries[0]["path"], entries[0]["type"], entries[0]["size"]), ("/folder/", "folder", None)
        )
        self.assertIsNone(answer.json["next"])

    def test_pages(self) -> None:
        """Pages follow each other without a gap, and what is no cursor or limit is refused."""
        ids = []
        for number in range(5):
            self.house.put_file(f"{number}")
            ids.append(self.delete(f"/{number}"))
        seen: list[str] = []
        page = self.get("/api/trash?limit=2").json
        while True:
            seen += [entry["id"] for entry in page["entries"]]
            if page["next"] is None:
                break
            page = self.get(f"/api/trash?limit=2&cursor={page['next']}").json
        self.assertEqual(seen, ids[::-1])
        for query in ("limit=0", "limit=10001", "cursor=x", "cursor=../x"):
            self.refused(self.get(f"/api/trash?{query}"), 400, "bad_request")
        self.refused(self.get("/api/trash?limit=x"), 400, "bad_number")

    def test_replaced(self) -> None:
        """What was replaced is there as well."""
        self.house.put_file("x", b"old!")
        self.house.ask("PUT", "/x", b"new")
        (entry,) = self.entries()
        self.assertEqual((entry["path"], entry["size"]), ("/x", 4))

    def test_nothing_but_a_note(self) -> None:
        """A note of which nothing is there (a crash), that is cut off, or of what is being dropped, isn't listed."""
        ids = []
        for name in ("a", "b", "c"):
            self.house.put_file(name)
            ids.append(self.delete(f"/{name}"))
        trash = self.house.path(".peerstor/trash")
        shutil.rmtree(os.path.join(trash, ids[0].encode()))
        with open(os.path.join(trash, ids[1].encode() + b".json"), "w") as note:
            note.write('{"path"')
        os.rename(*(os.path.join(trash, ids[2].encode() + end) for end in (b".json", b".dropping")))
        self.assertEqual(self.entries(), [])
        for id_ in ids:
            self.refused(self.restore(id_), 404, "not_found")

    def test_rights(self) -> None:
        """Everybody sees what they may read and change at its place, and nothing else can be touched."""
        self.closed()
        for name in ("mine/x", "other/y", "mine/z"):
            self.house.put_file(name)
        self.grant(FULL, name="all")
        ids = [self.delete(f"/{name}") for name in ("mine/x", "other/y", "mine/z")]
        self.grant(FULL, b"mine", name="ann")
        self.assertEqual(self.paths(), ["/mine/z", "/mine/x"])
        for act in ("restore", "purge"):
            self.refused(self.post(f"/api/trash/{act}?id={ids[1]}"), 404, "not_found")
        self.grant(Right.CHANGE | Right.CREATE, b"mine", name="blind")
        self.assertEqual(self.entries(), [])
        self.grant(Right.READ | Right.CREATE, name="adds")
        self.refused(self.get("/api/trash"), 403, "forbidden")
        self.refused(self.restore(ids[0]), 403, "forbidden")
        self.refused(self.post(f"/api/trash/purge?id={ids[0]}"), 403, "forbidden")
        self.secret = ""
        self.refused(self.get("/api/trash"), 401, "login_needed")

    def test_floor(self) -> None:
        """What was taken away through a link that leads out of where one's rights hold isn't seen either."""
        self.closed()
        self.house.put_file("mine/x")
        self.house.put_file("other/secret")
        self.link("../other", "mine/out")
        self.grant(FULL, name="all")
        self.delete("/mine/x")
        id_ = self.delete("/mine/out/secret")
        self.assertEqual(self.paths(), ["/mine/out/secret", "/mine/x"])
        self.grant(FULL, b"mine", name="ann")
        self.assertEqual(self.paths(), ["/mine/x"])
        self.refused(self.restore(id_), 404, "not_found")
        self.refused(self.post(f"/api/trash/purge?id={id_}"), 404, "not_found")


class RestoreTests(TrashCase):
    def test_file_and_folder(self) -> None:
        """Each is where it was, and no longer in the trash; it is told of."""
        self.house.put_file(b"a\xff/x", b"hello")
        one = self.delete("/a%ff/x")
        self.assertEqual(self.restore(one).json, {"status": "ok", "path": "/a\ufffd/x", "href": "/a%FF/x"})
        self.assertEqual(self.house.content(b"a\xff/x"), b"hello")
        two = self.delete("/a%ff/")
        self.told()
        self.assertEqual(self.restore(two).json["href"], "/a%FF/")
        self.assertEqual(self.told(), [("restore", b"/a\xff")])
        self.assertEqual(self.house.content(b"a\xff/x"), b"hello")
        self.assertEqual(os.listdir(self.house.path(".peerstor/trash")), [])
        self.refused(self.restore(two), 404, "not_found")

    def test_taken(self) -> None:
        """Nothing is overwritten: refused, or put beside it under another name."""
        self.house.put_file("x.txt", b"old")
        self.house.ask("PUT", "/x.txt", b"new")
        (entry,) = self.entries()
        self.refused(self.restore(entry["id"]), 409, "exists")
        self.refused(self.restore(entry["id"], "&conflict=replace"), 400, "bad_request")
        self.assertEqual(self.house.content("x.txt"), b"new")
        self.assertEqual(self.restore(entry["id"], "&conflict=rename").json["path"], "/x (2).txt")
        self.assertEqual((self.house.content("x.txt"), self.house.content("x (2).txt")), (b"new", b"old"))

    def test_parents(self) -> None:
        """Folders that are gone are made again only where that is asked for."""
        self.house.put_file("a/b/x", b"hello")
        id_ = self.delete("/a/b/x")
        self.delete("/a")
        self.refused(self.restore(id_), 409, "no_parent")
        self.refused(self.restore(id_, "&parents=0"), 409, "no_parent")
        self.refused(self.restore(id_, "&parents=yes"), 400, "bad_request")
        self.assertEqual(self.names(), [])
        self.assertEqual(self.restore(id_, "&parents=1").json["path"], "/a/b/x")
        self.assertEqual(self.house.content("a/b/x"), b"hello")
        self.delete("/a/b/x")
        self.delete("/a/b")
        self.house.put_file("a/b", b"a file")
        self.refused(self.restore(self.entries()[1]["id"], "&parents=1"), 409, "no_parent")

    def test_parents_within_rights(self) -> None:
        """No folder is made where one may not change anything."""
        self.closed()
        self.house.put_file("a/b/x")
        self.grant(FULL, name="all")
        id_ = self.delete("/a/b/x")
        self.delete("/a")
        self.grant(FULL, b"a", b"b", name="ann")
        self.refused(self.restore(id_, "&parents=1"), 409, "no_parent")
        self.assertEqual(self.names(), [])
        self.grant(FULL, b"a", name="bob")
        self.assertEqual(self.restore(id_, "&parents=1").status, 200)

    def test_no_name_beside_it(self) -> None:
        """Whoever has rights to one file alone gets none put beside it."""
        self.closed()
        self.house.put_file("a/x", b"old")
        self.grant(FULL, b"a", b"x")
        id_ = self.delete("/a/x")
        self.house.put_file("a/x", b"new")
        self.refused(self.restore(id_, "&conflict=rename"), 409, "exists")
        self.assertEqual(self.names("a"), [b"x"])

    def test_refused(self) -> None:
        """What is no id, leads elsewhere, or comes from another site, restores nothing."""
        self.house.put_file("x")
        id_ = self.delete("/x")
        for wrong in ("", "x", "../trash", f"{id_}.json", f"{id_[:-1]}0" if id_[-1] != "0" else f"{id_[:-1]}1"):
            self.refused(self.restore(wrong), 404, "not_found")
        self.refused(self.post("/api/trash/restore"), 400, "bad_request")
        answer = self.post(f"/api/trash/restore?id={id_}", Origin="https://evil.example")
        self.refused(answer, 403, "cross_site")
        self.assertEqual(self.names(), [])


class PurgeTests(TrashCase):
    def test_for_good(self) -> None:
        """One goes for good, the others stay; it is told of."""
        for name in ("a/x", "b"):
            self.house.put_file(name)
        first, second = self.delete("/a"), self.delete("/b")
        self.told()
        answer = self.post(f"/api/trash/purge?id={first}")
        self.assertEqual((answer.status, answer.json), (200, {"status": "ok"}))
        self.assertEqual(self.told(), [("purge", b"/a")])
        self.assertEqual([entry["id"] for entry in self.entries()], [second])
        self.assertEqual(len(os.listdir(self.house.path(".peerstor/trash"))), 2)
        self.refused(self.post(f"/api/trash/purge?id={first}"), 404, "not_found")
