"""Read shares: what whoever has the link gets, and that it is nothing else."""

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from peerstor.access.rights import EVERY, Right
from peerstor.web.beginning import PATIENCE
from peerstor.web.listed import Listed
from peerstor.web.listing import Listings
from tests.web.shares.scaffold import CANARY, HTML, OWNER, SharingCase

JSON = {"Accept": "application/json"}


class OfFile(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.address = self.share("/shared/a.txt", note="<b>for\nyou</b>")

    def test_program(self) -> None:
        """curl and wget get the bytes, under the file's name, in ranges and with HEAD too."""
        for accept in ({}, {"Accept": "*/*"}):
            answer = self.get(self.address, accept)
            self.assertEqual((answer.status, answer.body), (200, b"0123456789"))
            self.assertTrue(answer.headers["content-disposition"].startswith('attachment; filename="a.txt"'))
        part = self.get(self.address, {"Range": "bytes=3-5"})
        self.assertEqual((part.status, part.body), (206, b"345"))
        head = self.ask("HEAD", self.address)
        self.assertEqual((head.status, head.headers["content-length"], head.body), (200, "10", b""))
        tag = {"If-None-Match": answer.headers["etag"]}
        self.assertEqual(self.get(self.address, tag).status, 304)

    def test_person(self) -> None:
        """A browser gets a page with what there is to know, and a link to the bytes."""
        page = self.get(self.address, HTML)
        self.assertEqual(page.status, 200)
        self.assertTrue(page.headers["content-type"].startswith("text/html"))
        for told in (b"a.txt", b"10 B", b"&lt;b&gt;for", f'href="{self.address}/a.txt?download"'.encode()):
            self.assertIn(told, page.body)
        self.assertNotIn("content-disposition", page.headers)
        self.assertNotIn(b"Sign", page.body)
        file = self.get(f"{self.address}/a.txt?download", HTML)
        self.assertEqual(file.body, b"0123456789")
        self.assertIn("attachment", file.headers["content-disposition"])

    def test_nothing_else(self) -> None:
        """Nothing but the file is there: no sibling, no folder, no other spelling."""
        for target in (
            "/",
            "/b.txt",
            "/sub/b.txt",
            "/a.txt/",
            "/a.txt/x",
            "/peep",
            "/A.txt",
            "//a.txt",
            "/../a.txt",
            "/%2e%2e/canary.txt",
            "/..%2fcanary.txt",
        ):
            answer = self.get(self.address + target)
            self.assertIn(answer.status, (400, 404), target)
            self.assertNotIn(CANARY, answer.body)

    def test_replaced(self) -> None:
        """The file may be replaced by another of its name; a folder there instead is nothing."""
        path = self.house.put_file("shared/a.txt", b"new")
        self.assertEqual(self.get(self.address).body, b"new")
        os.unlink(path)
        self.assertEqual(self.get(self.address).status, 404)
        os.mkdir(path)
        self.house.put_file("shared/a.txt/inside")
        for target in ("", "/", "/a.txt", "/a.txt/", "/a.txt/inside"):
            self.assertEqual(self.get(self.address + target).status, 404, target)

    def test_odd_name(self) -> None:
        """Any name that can be stored can be shared."""
        for name in (b"\xff\xfe", "a b%2f\u202e?#".encode(), b"-"):
            self.house.put_file(name, b"odd")
            address = self.share("/" + name.decode("utf-8", "surrogateescape"))
            page = self.get(address, HTML)
            self.assertEqual(page.status, 200)
            href = page.body.split(b'primary" href="')[1].split(b"?download")[0].decode()
            self.assertEqual(self.get(href).body, b"odd")


class OfFolder(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.address = self.share()

    def test_listing(self) -> None:
        """The folder is listed as page, JSON and lines; each link leads to what it says, all below the share."""
        answer = self.get(f"{self.address}/", JSON)
        self.assertEqual(answer.json["path"], "/")
        self.assertEqual([entry["name"] for entry in answer.json["entries"]], ["a.txt", "sub"])
        hrefs = [entry["href"] for entry in answer.json["entries"]]
        self.assertEqual(hrefs, [f"{self.address}/a.txt", f"{self.address}/sub/"])
        self.assertEqual(self.get(hrefs[0]).body, b"0123456789")
        lines = self.get(f"{self.address}/sub/", {"Accept": "text/plain"}).body.decode().split()
        self.assertEqual(lines, [f"{self.address}/sub/b.txt"])
        self.assertEqual(self.get(lines[0]).body, b"deeper")
        page = self.get(f"{self.address}/sub/", HTML).body
        self.assertIn(f'href="{self.address}/sub/b.txt"'.encode(), page)
        for other in (b"multipart", b"Sign", b"/shared", b"Upload"):
            self.assertNotIn(other, page)

    def test_note(self) -> None:
        """What its maker says to whoever opens it stands on the page of the folder, and only there."""
        address = self.share(note="Have <b>fun</b>\nall")
        self.assertIn(b"Have &lt;b&gt;fun&lt;/b&gt;<br>\nall", self.get(f"{address}/", HTML).body)
        self.assertNotIn(b"fun", self.get(f"{address}/sub/", HTML).body)
        self.assertNotIn(b"fun", self.house.ask("GET", "/shared/", None, OWNER | HTML).body)

    def test_without_slash(self) -> None:
        """A folder's address ends in a slash; without it one is led there."""
        for target in ("", "/sub"):
            answer = self.get(f"{self.address}{target}?sort=size")
            self.assertEqual(answer.status, 307)
            self.assertEqual(answer.headers["location"], f"{self.address}{target}/?sort=size")

    def test_bytes(self) -> None:
        """Files of it have ranges, and are compressed for whoever wants that."""
        self.house.put_file("shared/long.txt", b"x" * 5000)
        coded = self.get(f"{self.address}/long.txt", {"Accept-Encoding": "gzip"})
        self.assertEqual(coded.headers["content-encoding"], "gzip")
        self.assertEqual(self.get(f"{self.address}/long.txt", {"Range": "bytes=-2"}).body, b"xx")

    def test_never_outside(self) -> None:
        """Nothing outside of it is had, by whatever path, link, spelling or method; and nothing is changed."""
        targets = [
            "/peep", "/out/", "/out/canary.txt", "/root/", "/root/etc/passwd", "/../canary.txt", "/..", "/../",
            "/%2e%2e/canary.txt", "/..%2fcanary.txt", "/.%2e/canary.txt", "/%2e%2e%2fcanary.txt", "/..%5ccanary.txt",
            "/sub/../../canary.txt", "/sub/%2e%2e/%2e%2e/canary.txt", "//canary.txt", "/canary.txt", "/shared/a.txt",
            "/.peerstor/", "/.peerstor/lock", "/%00", "/a.txt%00", "/sub/..;/..;/canary.txt", "2/canary.txt",
            ".txt", "%2f..%2fcanary.txt", "/-/tree/canary.txt", "/api/shares",
        ]  # fmt: skip
        for target in targets:
            for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "PROPFIND", "MOVE"):
                answer = self.ask(method, self.address + target, b"x" if method in ("PUT", "POST") else None)
                self.assertIn(answer.status, (400, 403, 404, 405, 501), (method, target))
                self.assertNotIn(CANARY, answer.body)
        self.assertEqual(self.house.content("shared/a.txt"), b"0123456789")
        listed = self.get(f"{self.address}/", HTML).body
        for name in (b"peep", b"out", b"root", b"canary"):
            self.assertNotIn(b">" + name + b"<", listed)

    def test_only_to_read(self) -> None:
        """Nothing can be put there, replaced or removed."""
        for method, target in (("PUT", "/new"), ("PUT", "/a.txt"), ("POST", "/"), ("PUT", "/sub/new")):
            self.assertEqual(self.ask(method, self.address + target, b"x").status, 403, (method, target))
        self.assertEqual(self.ask("DELETE", f"{self.address}/a.txt").status, 405)
        self.assertEqual(self.ask("PUT", f"{self.address}/a.txt", b"x", OWNER).status, 403)

    def test_of_everything(self) -> None:
        """The whole storage can be shared; its private folder is no part of it."""
        address = self.share("/")
        self.assertEqual(self.get(f"{address}/canary.txt").body, CANARY)
        for target in ("/.peerstor/", "/.PeerStor/", "/shared/root/"):
            self.assertEqual(self.get(address + target).status, 404)
        page = self.get(f"{address}/", HTML).body
        self.assertNotIn(b".peerstor", page)

    def test_inside_another(self) -> None:
        """A share within a share is one of its own, and ends alone."""
        outer, outer_id = self.address, self.id
        inner = self.share("/shared/sub", max_downloads=1)
        self.assertEqual(self.get(f"{inner}/b.txt").status, 200)
        self.assertEqual(self.get(f"{inner}/a.txt").status, 404)
        self.assertEqual(self.api("DELETE", f"/{outer_id}").status, 204)
        self.assertEqual(self.get(f"{outer}/sub/b.txt").status, 404)
        self.assertEqual(self.get(f"{inner}/b.txt").status, 200)

    def test_share_named_like_a_call(self) -> None:
        """Names that mean something in an upload-only share are names like any other here."""
        self.house.put_file("shared/upload/offset", b"a file")
        self.assertEqual(self.get(f"{self.address}/upload/offset").body, b"a file")

    def test_names_that_are_no_text(self) -> None:
        """Names that aren't UTF-8 can be had from a share too."""
        self.house.put_file(b"shared/\xff/\xfe", b"odd")
        [entry] = [one for one in self.get(f"{self.address}/", JSON).json["entries"] if "\ufffd" in one["name"]]
        self.assertEqual(self.get(entry["href"] + "%FE").body, b"odd")


class Unknown(SharingCase):
    def test_all_alike(self) -> None:
        """Unknown, malformed, expired and revoked: one and the same answer."""
        expired = self.share(expires=10)
        revoked = self.share()
        self.api("DELETE", f"/{self.id}")
        self.house.wall += 10
        addresses = [
            expired, revoked, "/-/s/" + "A" * 22, "/-/s/", "/-/s/x", "/-/s/" + "A" * 23, "/-/s/%ff", "/-/s/..",
            "/-/s/" + "A" * 5000, expired + "%20", revoked.swapcase().replace("/-/S/", "/-/s/"),
        ]  # fmt: skip
        for accept in ({}, HTML, JSON):
            for behind in ("", "/", "/a.txt", "/..", "/upload/offset"):
                answers = [self.get(address + behind, accept) for address in addresses]
                self.assertEqual({answer.status for answer in answers}, {404}, behind)
                self.assertEqual(len({answer.body for answer in answers}), 1, behind)

    def test_ways_out(self) -> None:
        """The page leads back to what is shared, where there is any, and never to the storage itself."""
        address = self.share(max_downloads=1)
        for behind in ("/nothing", "/sub/nothing/", "/%00", "/a.txt/"):
            page = self.get(address + behind, HTML)
            self.assertIn(b">Back to what this link is for<", page.body)
            self.assertEqual(page.body.count(f'href="{address}"'.encode()), 2)
            self.assertNotIn(b'href="/"', page.body)
        self.get(f"{address}/a.txt")
        for gone in ("/-/s/" + "A" * 22, f"{address}/nothing", address):
            page = self.get(gone, HTML | {"User-Agent": "other"})
            self.assertIn(b"may have ended", page.body)
            for link in (b">Back", b'href="/"', self.id.encode()):
                self.assertNotIn(link, page.body)

    def test_ways_out_of_what_is_gone(self) -> None:
        """Of what doesn't lie there any more nothing leads to itself."""
        address = self.share("/shared/a.txt")
        os.unlink(self.house.path("shared", "a.txt"))
        page = self.get(address, HTML)
        self.assertEqual((page.status, page.body.count(b">Back")), (404, 0))
        self.assertIn(b"may have ended", page.body)


class Headers(SharingCase):
    def test_headers(self) -> None:
        """Robots are told to stay away, caches to keep no page, and no other site learns the address."""
        for address in (
            self.share("/shared/a.txt"),
            self.share(password="p"),
            self.share(mode="upload"),
            "/-/s/none",
        ):
            page = self.get(
                address + ("/" if address.endswith(self.id) and self.told()["type"] == "folder" else ""), HTML
            )
            self.assertEqual(page.headers["x-robots-tag"], "noindex, nofollow")
            self.assertEqual(page.headers["cache-control"], "private, no-store")
            self.assertEqual(page.headers["referrer-policy"], "same-origin")
        listing = self.get(self.share() + "/", JSON)
        self.assertEqual(listing.headers["cache-control"], "private, no-store")
        file = self.get(self.share() + "/a.txt")
        self.assertEqual(file.headers["cache-control"], "private, no-cache")
        self.assertEqual(file.headers["x-robots-tag"], "noindex, nofollow")

    def test_folder_that_takes_long(self) -> None:
        """Where the beginning of a page is sent before its folder is read, that has all of the head."""
        address, gate, listed = self.share(), Deferred[None](), Listings._listed

        async def slowly(*arguments: Any) -> Listed:
            await gate
            return await listed(*arguments)

        self.patch(Listings, "_listed", slowly)
        channel, wire = self.house.connect()
        channel.dataReceived(
            f"GET {address}/ HTTP/1.1\r\nHost: localhost\r\nAccept: {HTML['Accept']}\r\n\r\n".encode()
        )
        self.house.clock.advance(PATIENCE)
        head = wire.value().lower()
        self.assertIn(b"\r\ncache-control: private, no-store\r\n", head)
        self.assertIn(b"\r\nset-cookie: ", head)
        gate.callback(None)
        self.house.settle()
        self.assertIn(b"a.txt", wire.value())

    def test_ticket(self) -> None:
        """A page gives a cookie for the share alone, which no script and no other site gets at."""
        address = self.share("/shared/a.txt")
        given = self.get(address, HTML)
        line = given.headers["set-cookie"]
        for attribute in (f"Path={address};", "HttpOnly", "SameSite=Lax"):
            self.assertIn(attribute, line)
        self.assertNotIn("set-cookie", self.get(address, HTML, self.cookie(given)).headers)
        self.assertNotIn("set-cookie", self.get(address).headers)


class WithTokens(SharingCase):
    def test_a_token_changes_nothing(self) -> None:
        """A share gives what it gives, whoever opens it, whatever token they bring."""
        address = self.share("/shared/sub")
        for who in (OWNER, {"Authorization": "Bearer wrong"}, {"Cookie": "peerstor=x"}):
            self.assertEqual(self.get(f"{address}/b.txt", who).body, b"deeper")
            self.assertEqual(self.get(f"{address}/a.txt", who).status, 404)

    def test_a_share_is_no_token(self) -> None:
        """What opens a share opens nothing else: not its id, not its password, not its ticket."""
        address = self.share(password="opens it")
        ticket = self.cookie(self.unlock(address, "opens it"))
        for what in (
            ticket,
            {"Authorization": f"Bearer {self.id}"},
            {"Authorization": "Bearer opens it"},
            {"Cookie": f"peerstor-share={self.id}"},
        ):
            for target in ("/shared/a.txt", "/api/shares"):
                self.assertEqual(self.get(target, what).status, 401, (what, target))

    def test_ends_with_its_token(self) -> None:
        """When the token that made it is revoked, a share is gone within a second."""
        ann = self.token(EVERY, b"shared")
        address = self.share(who=ann)
        self.assertEqual(self.get(f"{address}/a.txt").status, 200)
        self.house.keyring.tokens.revoke("ann")
        self.house.clock.advance(1)
        self.assertEqual(self.get(f"{address}/a.txt").status, 404)
        self.assertFalse(self.told()["live"])

    def test_place_that_became_a_link(self) -> None:
        """Where its maker can't get to through a link, nobody gets by what they shared."""
        ann = self.token(Right.READ | Right.CREATE | Right.SHARE, b"shared")
        shown = self.share("/shared/sub", who=ann)
        taking = self.share("/shared/sub", who=ann, mode="upload")
        self.assertEqual(self.get(f"{shown}/b.txt").body, b"deeper")
        os.rename(self.house.path("shared", "sub"), self.house.path("shared", "old"))
        os.symlink("../sub", self.house.path("shared", "sub"))
        for target in ("/", "/b.txt"):
            self.assertEqual(self.get(shown + target).status, 404)
        self.assertEqual(self.ask("PUT", f"{taking}/new", b"x").status, 404)
        self.assertEqual(self.ask("POST", f"{taking}/upload/chunk?name=new&offset=0", b"x").status, 404)
        self.assertEqual(os.listdir(self.house.path("sub")), [b"b.txt"])
        os.unlink(self.house.path("shared", "sub"))
        os.symlink("old", self.house.path("shared", "sub"))
        self.assertEqual(self.get(f"{shown}/b.txt").body, b"deeper")

    def test_nobody_shares_more_than_they_have(self) -> None:
        """A link that leads out of the maker's own folder can't be shared."""
        ann = self.token(Right.READ | Right.SHARE, b"shared")
        for path in ("/shared/peep", "/shared/out", "/shared/out/canary.txt", "/canary.txt", "/"):
            self.assertEqual(self.api("POST", body={"path": path}, who=ann).status, 404, path)
        self.share("/shared", who=ann)


class Revoking(SharingCase):
    def test_running_download(self) -> None:
        """Revoking cuts what is being downloaded by the share, and nobody else."""
        self.house.put_file("shared/large", b"x" * 5_000_000)
        address = self.share()
        channel, wire = self.house.connect()
        channel.dataReceived(f"GET {address}/large HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.addCleanup(channel.connectionLost, Failure(ConnectionError()))
        self.assertFalse(wire.disconnecting or wire.aborted)
        self.api("DELETE", f"/{self.id}")
        self.assertTrue(wire.aborted)
