"""Reading files and folders through the whole of the web room."""

import gzip
import os
import re
from html import unescape
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.web import files, tree
from tests.web.house import House

ODD_NAMES = (
    b"plain.txt",
    b".hidden",
    b"a b",
    b"100%.txt",
    b"%41",
    b"%2e%2e",
    b"q\"uote's.txt",
    b"<script>alert(1)<script>.txt",
    b"?query#fragment",
    b"back\\slash",
    b"colon:star*",
    b"new\nline",
    b"tab\there",
    b"\xff\xfe not utf-8",
    b"trailing.",
    b" blanks ",
    b"-",
    b"api",
    b"javascript:alert(1)",
    "Ünïcödé 漢字.txt".encode(),
    "عربي.txt".encode(),
    "a\u202egpj.exe".encode(),
    "👩‍👩‍👧‍👦.jpg".encode(),
    "n\u0303".encode(),
    "\u00f1".encode(),
    b"x" * 255,
)


class Reading(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.close)
        self.get = self.house.get


class FileTests(Reading):
    """One file."""

    def setUp(self) -> None:
        super().setUp()
        self.content = bytes(range(256)) * 4
        self.house.put_file("a.bin", self.content)

    def test_whole(self) -> None:
        """A file is its bytes, with what a client needs to ask again."""
        answer = self.get("/a.bin")
        self.assertEqual((answer.status, answer.body), (200, self.content))
        self.assertEqual(answer.headers["content-length"], "1024")
        self.assertEqual(answer.headers["content-type"], "application/octet-stream")
        self.assertEqual(answer.headers["accept-ranges"], "bytes")
        self.assertEqual(answer.headers["cache-control"], "no-cache")
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertRegex(answer.headers["etag"], r'^"[^"]+"$')
        self.assertIn("last-modified", answer.headers)

    def test_large(self) -> None:
        """A file of many blocks arrives whole."""
        content = os.urandom(1_000_001)
        self.house.put_file("large.bin", content)
        self.assertEqual(self.get("/large.bin").body, content)

    def test_empty(self) -> None:
        """A file of no bytes is an answer of no bytes."""
        self.house.put_file("empty", b"")
        answer = self.get("/empty")
        self.assertEqual((answer.status, answer.headers["content-length"], answer.body), (200, "0", b""))
        self.assertEqual(self.get("/empty", Range="bytes=0-").status, 416)

    def test_head(self) -> None:
        """HEAD has the headers of GET and no body, and ignores Range."""
        for range_ in ({}, {"Range": "bytes=0-1"}):
            answer = self.house.ask("HEAD", "/a.bin", headers=range_)
            self.assertEqual((answer.status, answer.headers["content-length"], answer.body), (200, "1024", b""))

    def test_one_range(self) -> None:
        """One range is 206 with its place."""
        for header, start, stop in (("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=1000-", 1000, 1024), ("bytes=-4", 1020, 1024), ("bytes=0-99999", 0, 1024)):  # fmt: skip
            answer = self.get("/a.bin", Range=header)
            self.assertEqual((answer.status, answer.body), (206, self.content[start:stop]))
            self.assertEqual(answer.headers["content-range"], f"bytes {start}-{stop - 1}/1024")
            self.assertEqual(answer.headers["content-length"], str(stop - start))
            self.assertIn("etag", answer.headers)
            self.assertIn("last-modified", answer.headers)

    def test_several_ranges(self) -> None:
        """Several ranges are parts of one answer whose length is said at its head."""
        answer = self.get("/a.bin", Range="bytes=0-1,10-11")
        self.assertEqual(answer.status, 206)
        boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
        parts = answer.body.split(b"--" + boundary.encode())
        self.assertEqual(len(parts), 4)
        self.assertIn(b"Content-Range: bytes 0-1/1024\r\n\r\n\x00\x01", parts[1])
        self.assertIn(b"Content-Range: bytes 10-11/1024\r\n\r\n\x0a\x0b", parts[2])
        self.assertEqual(len(answer.body), int(answer.headers["content-length"]))

    def test_ranges_from_memory_or_file(self) -> None:
        """Ranges of a file that was read whole are those that are read from the file, byte by byte."""

        def told(header: str) -> tuple[int, dict[str, str], bytes]:
            answer = self.get("/a.bin", Range=header)
            boundary = answer.headers["content-type"].rpartition("boundary=")[2]
            varying = {"date", "x-request-id", "content-type"}
            fields = {name: value for name, value in answer.headers.items() if name not in varying}
            return answer.status, fields, answer.body.replace(boundary.encode(), b"--")

        headers = ("bytes=0-0", "bytes=5-", "bytes=-1", "bytes=0-1023", "bytes=3-4,1000-1010,1020-", "bytes=9-8")
        small = [told(header) for header in headers]
        self.patch(files, "SMALL", -1)
        self.patch(tree, "SMALL", -1)
        self.assertEqual([told(header) for header in headers], small)

    def test_range_bomb(self) -> None:
        """More ranges than anybody needs, or more bytes than there are, get the whole file, once."""
        for header in (
            "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 400, 2)),
            "bytes=" + ",".join(["0-"] * 200),
        ):
            answer = self.get("/a.bin", Range=header)
            self.assertEqual((answer.status, len(answer.body)), (200, 1024))

    def test_unsatisfiable(self) -> None:
        """A range beyond the end is 416 with the size."""
        answer = self.get("/a.bin", Range="bytes=1024-")
        self.assertEqual((answer.status, answer.headers["content-range"]), (416, "bytes */1024"))

    def test_malformed_ranges(self) -> None:
        """What isn't understood is as if it weren't there."""
        for header in ("bytes=", "bytes=a-b", "bytes=5-1", "lines=1-2", "bytes=1-2,", "bytes 1-2", "bytes=--1"):
            answer = self.get("/a.bin", Range=header)
            self.assertIn((answer.status, len(answer.body)), [(200, 1024), (206, 2)], header)

    def test_not_modified(self) -> None:
        """A client that has the present content gets 304 with its validators."""
        first = self.get("/a.bin")
        for headers in (
            {"If-None-Match": first.headers["etag"]},
            {"If-None-Match": f'"x", W/{first.headers["etag"]}'},
            {"If-None-Match": "*"},
            {"If-Modified-Since": first.headers["last-modified"]},
        ):
            answer = self.house.ask("GET", "/a.bin", headers=headers)
            self.assertEqual((answer.status, answer.body), (304, b""), headers)
            self.assertEqual(answer.headers["etag"], first.headers["etag"])
            self.assertIn("last-modified", answer.headers)
            self.assertNotIn("content-length", answer.headers)

    def test_precondition_failed(self) -> None:
        """A condition that doesn't hold is 412."""
        for headers in ({"If-Match": '"other"'}, {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}):
            answer = self.house.ask("GET", "/a.bin", headers={**headers, "Accept": "application/json"})
            self.assertEqual((answer.status, answer.json["error"]), (412, "precondition"))

    def test_if_range(self) -> None:
        """A range of what has changed since is the whole of what there is now."""
        tag = self.get("/a.bin").headers["etag"]
        self.assertEqual(
            self.house.ask("GET", "/a.bin", headers={"Range": "bytes=0-0", "If-Range": tag}).status, 206
        )
        self.assertEqual(
            self.house.ask("GET", "/a.bin", headers={"Range": "bytes=0-0", "If-Range": '"x"'}).status, 200
        )

    def test_tag_changes_with_the_content(self) -> None:
        """Replacing a file by one of the same size changes its tag."""
        before = self.get("/a.bin").headers["etag"]
        self.house.put_file("new", self.content[::-1])
        os.replace(self.house.path("new"), self.house.path("a.bin"))
        self.assertNotEqual(self.get("/a.bin").headers["etag"], before)

    def test_file_with_a_slash(self) -> None:
        """A file with a `/` behind it is absent."""
        self.assertEqual(self.get("/a.bin/").status, 404)
        self.assertEqual(self.get("/a.bin/b").status, 404)

    def test_download(self) -> None:
        """`?download` offers the file to be saved under its name."""
        self.house.put_file('naïve "q".txt')
        answer = self.get("/na%C3%AFve%20%22q%22.txt?download")
        disposition = answer.headers["content-disposition"]
        self.assertTrue(disposition.startswith("attachment; filename="))
        self.assertIn("filename*=UTF-8''na%C3%AFve%20%22q%22.txt", disposition)

    def test_pages_are_sandboxed(self) -> None:
        """Whatever a browser would run can't act as this server; other files need no policy."""
        for name in ("a.html", "a.HTM", "a.svg", "a.xml", "a.xhtml"):
            self.house.put_file(name)
            policy = self.get(f"/{name}").headers.get("content-security-policy", "")
            self.assertTrue(policy.startswith("sandbox; default-src 'none'"), name)
            self.assertIn("frame-ancestors 'self'", policy)
        self.assertNotIn("content-security-policy", self.get("/a.bin").headers)

    def test_text_says_its_charset(self) -> None:
        """Text is said to be UTF-8."""
        self.house.put_file("a.txt")
        self.assertEqual(self.get("/a.txt").headers["content-type"], "text/plain; charset=utf-8")

    def test_file_that_shrinks(self) -> None:
        """A file that shrinks under a transfer cuts the connection; nothing is padded."""
        path = self.house.put_file("shrinks.bin", bytes(5_000_000))
        channel, wire = self.house.connect()
        channel.dataReceived(b"GET /shrinks.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.producer.pauseProducing()
        os.truncate(path, 10)
        wire.producer.resumeProducing()
        for _ in range(100):
            self.house.clock.advance(0)
        self.assertTrue(wire.aborted)
        self.assertLess(len(wire.value()), 5_000_000)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_client_that_leaves(self) -> None:
        """A client that leaves in the middle of a transfer is no failure, so nothing is logged of it."""
        self.house.put_file("big.bin", bytes(5_000_000))
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        channel, wire = self.house.connect()
        channel.dataReceived(b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.producer.stopProducing()
        channel.connectionLost(Failure(ConnectionLost()))
        self.house.clock.advance(1)
        self.assertEqual([event["log_format"] for event in events], [])


class Coding(Reading):
    """gzip on the fly."""

    def setUp(self) -> None:
        super().setUp()
        self.text = b"all work and no play\n" * 1000
        self.house.put_file("a.txt", self.text)

    def test_coded(self) -> None:
        """Text is coded for who accepts it, with a tag of its own."""
        plain, coded = self.get("/a.txt"), self.get("/a.txt", Accept_Encoding="gzip")
        self.assertEqual(coded.headers["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(coded.body), self.text)
        self.assertLess(len(coded.body), len(self.text) // 10)
        self.assertNotEqual(coded.headers["etag"], plain.headers["etag"])
        for answer in (plain, coded):
            self.assertIn("Accept-Encoding", answer.headers["vary"])

    def test_not_coded(self) -> None:
        """Nobody gets what they don't accept; a range is of the identity form."""
        for accept in ("identity", "gzip;q=0", "br", "*;q=0"):
            self.assertNotIn("content-encoding", self.get("/a.txt", Accept_Encoding=accept).headers, accept)
        answer = self.get("/a.txt", Accept_Encoding="gzip", Range="bytes=0-2")
        self.assertEqual((answer.status, answer.body), (206, b"all"))

    def test_bounds(self) -> None:
        """From 256 bytes up to and including the threshold, and only what gets smaller."""
        for name, size, coded in (
            ("255.txt", 255, False), ("256.txt", 256, True), ("max.txt", 1024 * 1024, True),
            ("above.txt", 1024 * 1024 + 1, False), ("a.jpg", 5000, False), ("a.json", 5000, True), ("a.svg", 5000, True),
        ):  # fmt: skip
            self.house.put_file(name, b"x" * size)
            answer = self.get(f"/{name}", Accept_Encoding="gzip")
            self.assertEqual("content-encoding" in answer.headers, coded, name)

    def test_coded_not_modified(self) -> None:
        """The tag of the coded form is current for who would get that form."""
        tag = self.get("/a.txt", Accept_Encoding="gzip").headers["etag"]
        answer = self.house.ask("GET", "/a.txt", headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
        self.assertEqual((answer.status, answer.headers["etag"]), (304, tag))
        self.assertEqual(self.house.ask("GET", "/a.txt", headers={"If-None-Match": tag}).status, 200)

    def test_head(self) -> None:
        """HEAD of a coded file says so and sends nothing."""
        answer = self.house.ask("HEAD", "/a.txt", headers={"Accept-Encoding": "gzip"})
        self.assertEqual((answer.headers["content-encoding"], answer.body), ("gzip", b""))
        self.assertNotIn("content-length", answer.headers)


class CodingOff(Reading):
    """`--no-gzip`, and a threshold of nothing."""

    def test_off(self) -> None:
        """Nothing is coded."""
        for setting in ({"gzip": False}, {"gzip_threshold": 0}):
            house = House(**setting)
            self.addCleanup(house.close)
            house.put_file("a.txt", b"x" * 5000)
            self.assertNotIn("content-encoding", house.get("/a.txt", Accept_Encoding="gzip").headers)


class FolderTests(Reading):
    """Listings."""

    def test_every_link_of_a_listing_leads_to_its_file(self) -> None:
        """Whatever a file is called, its link gives it back: on the page, in JSON, and as text."""
        for number, name in enumerate(ODD_NAMES):
            self.house.put_file(name, b"%d" % number)
        expected = {b"%d" % number for number in range(len(ODD_NAMES))}
        page = self.get("/", Accept="text/html").body.decode()
        hrefs = {unescape(h) for h in re.findall(r'<a [^>]*?href="([^"]*)"', page)}
        self.assertNotIn("<script>alert", page)
        self.assertNotIn("\u202e", page)
        linked = {self.get(href).body for href in hrefs if not re.search(r"[?#]|/$|/-/static/", href)}
        self.assertLessEqual(expected, linked)
        listed = self.get("/", Accept="application/json").json
        self.assertEqual({self.get(entry["href"]).body for entry in listed["entries"]}, expected)
        lines = self.get("/", Accept="text/plain").body.decode().splitlines()
        self.assertEqual({self.get(line).body for line in lines}, expected)

    def test_json(self) -> None:
        """JSON has what `http.md` says, and no more names than there are."""
        self.house.put_file("b.txt", b"12345")
        os.utime(self.house.path("b.txt"), ns=(0, 1_500_000_000_250_000_000))
        self.house.put_file("sub/x")
        answer = self.get("/", Accept="application/json")
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(answer.json["path"], "/")
        self.assertIsNone(answer.json["next"])
        file, folder = answer.json["entries"]
        self.assertEqual(
            file, {"name": "b.txt", "href": "/b.txt", "type": "file", "size": 5, "mtime": 1_500_000_000.25}
        )
        self.assertEqual((folder["name"], folder["href"], folder["type"]), ("sub", "/sub/", "folder"))
        self.assertIsInstance(folder["mtime"], float)
        self.assertEqual(self.get("/sub/", Accept="application/json").json["entries"][0]["href"], "/sub/x")

    def test_forms(self) -> None:
        """The form follows Accept, and caches know."""
        for accept, kind in (("*/*", "text/html; charset=utf-8"), ("application/json", "application/json"), ("text/plain", "text/plain; charset=utf-8")):  # fmt: skip
            answer = self.get("/", Accept=accept)
            self.assertEqual(answer.headers["content-type"], kind)
            self.assertIn("Accept", answer.headers["vary"])
            self.assertEqual(answer.headers["cache-control"], "no-cache")

    def test_paging(self) -> None:
        """Following `next` gives every entry once, in order, whichever the order is."""
        for number in range(25):
            self.house.put_file(f"{number:02}", b"x" * (number * 7 % 5))
        for query in ("sort=name", "sort=size", "sort=mtime", "sort=name&order=desc", "sort=size&order=desc"):
            seen: list[dict[str, Any]] = []
            target = f"/?limit=4&{query}"
            for _ in range(7):
                answer = self.get(target, Accept="application/json")
                seen += answer.json["entries"]
                following = answer.json["next"]
                if following is None:
                    break
                target = f"/?limit=4&{query}&cursor={following}"
                self.assertIn(f"cursor={following}", answer.headers["link"])
            self.assertEqual(len(seen), 25, query)
            self.assertEqual(len({entry["name"] for entry in seen}), 25, query)
            key = query.partition("&")[0].removeprefix("sort=")
            values = [entry[key] for entry in seen]
            self.assertEqual(values, sorted(values, reverse="desc" in query), query)

    def test_bad_parameters(self) -> None:
        """What isn't understood is refused, not guessed."""
        for query in ("limit=0", "limit=-1", "limit=x", "limit=٣", "limit=1_0", "limit=%2B1", "limit=99999999999999999999", "sort=x", "sort=", "order=up", "order=", "name=", "name=..", "name=" + "x" * 256, "cursor=%00x", "sort=name&sort=size"):  # fmt: skip
            self.assertEqual(self.get(f"/?{query}".encode()).status, 400, query)
        self.assertEqual(self.get("/?limit=100000").status, 200)

    def test_folder_without_slash(self) -> None:
        """A folder's address ends in `/`; without it the client is sent there, the query kept, and not for ever."""
        self.house.put_file("sub/x")
        answer = self.get("/sub?sort=size&x=%20")
        self.assertEqual((answer.status, answer.headers["location"]), (307, "/sub/?sort=size&x=%20"))
        self.assertEqual(answer.headers["cache-control"], "no-store")

    def test_names_of_ours(self) -> None:
        """A stored entry called like one of our own addresses is reached through the prefix."""
        self.house.put_file("api/file", b"stored")
        self.house.put_file("-", b"dash")
        hrefs = {e["name"]: e["href"] for e in self.get("/", Accept="application/json").json["entries"]}
        self.assertEqual(hrefs, {"api": "/-/tree/api/", "-": "/-/tree/-"})
        self.assertEqual(self.get("/-/tree/-").body, b"dash")
        self.assertEqual(self.get("/-/tree/api").headers["location"], "/-/tree/api/")
        self.assertEqual(self.get("/-/tree/api/file").body, b"stored")
        self.assertEqual(self.get("/-/tree/").status, 200)

    def test_head_does_not_walk(self) -> None:
        """HEAD of a folder opens it, and that is all."""
        self.house.put_file("x")
        self.patch(os, "scandir", lambda *_: self.fail("the folder was walked"))
        answer = self.house.ask("HEAD", "/")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_page_needs_no_script(self) -> None:
        """The page has crumbs, sorting links, download links and a form, and nothing inline."""
        self.house.put_file("a/b/c.txt")
        page = self.get("/a/b/").body.decode()
        for part in ('href="/"', 'href="/a/"', "?sort=size", "c.txt?download", 'enctype="multipart/form-data"'):
            self.assertIn(part, page)
        self.assertIsNone(re.search(r"<script(?![^>]*src=)|\son\w+=|style=|javascript:", page))

    def test_page_without_the_right_to_create(self) -> None:
        """Who can't upload isn't offered to."""
        house = House(anonymous="read")
        self.addCleanup(house.close)
        self.assertNotIn("<form", house.get("/").body.decode())


class Hidden(Reading):
    """What nobody may see."""

    def setUp(self) -> None:
        super().setUp()
        outside = os.path.join(self.house.folder, "outside")
        with open(outside, "wb") as file:
            file.write(b"secret")
        os.symlink(outside, self.house.path("leaves"))
        os.symlink("../outside", self.house.path("leaves-too"))
        os.symlink("/etc", self.house.path("etc"))
        os.symlink(".peerstor", self.house.path("inner"))
        os.mkfifo(self.house.path("fifo"))
        self.house.put_file("real/file", b"seen")
        os.symlink("real", self.house.path("inside"))
        os.symlink("loop", self.house.path("loop"))

    def test_all_alike(self) -> None:
        """Absent, hidden, a link that leads out, a special file: one answer, to the byte."""
        absent = self.get("/nothing", Accept="application/json")
        self.assertEqual((absent.status, absent.json["error"]), (404, "not_found"))
        for target in (
            "/leaves", "/leaves-too", "/etc/passwd", "/etc/", "/fifo", "/loop", "/.peerstor", "/.peerstor/",
            "/.peerstor/lock", "/.PeerStor/lock", "/.peerstor-0.part", "/inner/", "/inner/lock", "/inside/../.peerstor/x",
            "/real/.peerstorX",
        ):  # fmt: skip
            answer = self.get(target, Accept="application/json")
            self.assertIn(answer.status, (404, 400), target)
            if answer.status == 404:
                self.assertEqual(answer.body, absent.body, target)

    def test_absent_from_listings(self) -> None:
        """None of it is listed; a link that stays inside is."""
        names = {entry["name"] for entry in self.get("/", Accept="application/json").json["entries"]}
        self.assertEqual(names, {"real", "inside"})
        self.assertEqual(self.get("/inside/file").body, b"seen")

    def test_bad_paths(self) -> None:
        """A path that can't name anything is 400 `bad_path`, in every spelling."""
        for target in (
            b"/..", b"/../x", b"/%2e%2e/x", b"/a/%2E%2e", b"/.", b"//", b"//x", b"/a//b", b"/%00", b"/a%2fb", b"/%", b"/%zz",
            b"/a%2", b"/real/../../outside", b"/-/tree/../x",
        ):  # fmt: skip
            answer = self.get(target, Accept="application/json")
            self.assertEqual((answer.status, answer.json["error"]), (400, "bad_path"), target)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.sampled_from([b"..", b"%2e%2e", b"/", b"%2f", b"%5c", b"\\", b"leaves", b"etc", b"passwd", b"real", b"file", b"inside", b".", b"%00", b"%c0%ae", b".peerstor", b"inner", b"lock"]), max_size=8))  # fmt: skip
    def test_any_path_stays_inside(self, parts: list[bytes]) -> None:
        """No spelling of a path reads anything from outside, or fails as a defect of ours."""
        answer = self.get(b"/" + b"".join(parts))
        self.assertLess(answer.status, 500)
        self.assertNotIn(b"secret", answer.body)
        self.assertNotIn(b"root:", answer.body)


class Surface(Reading):
    """What holds for every address."""

    def test_wrong_host(self) -> None:
        """A name that isn't ours is 421 before anything else is looked at."""
        for target in ("/", "/api/upload/offset", "/-/static/x/y", "/nothing"):
            answer = self.house.ask("GET", target, headers={"Host": "evil.example", "Accept": "application/json"})
            self.assertEqual((answer.status, answer.json["error"]), (421, "wrong_host"))
            self.assertIn("--allow-host", answer.json["message"])
            self.assertNotIn("access-control-allow-origin", answer.headers)

    def test_phrases(self) -> None:
        """Each status has its own name, the later ones too."""
        channel, wire = self.house.connect()
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 421 Misdirected Request\r\n"))
        channel, wire = self.house.connect()
        channel.dataReceived(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n")
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"))
        page = self.house.ask("GET", "/", headers={"Host": "evil.example", "Accept": "text/html"})
        self.assertIn(b"Misdirected Request", page.body)

    def test_options_of_the_server(self) -> None:
        """`OPTIONS *` is answered like any other: after the Host, and by this server's name."""
        answer = self.house.ask("OPTIONS", "*")
        self.assertEqual((answer.status, answer.headers["server"]), (204, "PeerStor"))
        self.assertIn("GET", answer.headers["allow"])
        self.assertEqual(self.house.ask("OPTIONS", "*", headers={"Host": "evil.example"}).status, 421)

    def test_options(self) -> None:
        """OPTIONS is answered from the routes alone, with no look at the storage and before any login."""
        house = House(anonymous="none")
        self.addCleanup(house.close)
        for target, methods in (
            ("/", {"GET", "HEAD", "POST", "OPTIONS"}),
            ("/nothing/at/all/", {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}),
            ("/nothing/at/all", {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}),
            ("/api/upload/offset", {"GET", "HEAD", "OPTIONS"}),
            ("/api/upload/chunk", {"POST", "OPTIONS"}),
        ):
            answer = house.ask("OPTIONS", target)
            self.assertEqual((answer.status, set(answer.headers["allow"].split(", "))), (204, methods))
            self.assertEqual(answer.headers["access-control-allow-methods"], "GET, HEAD, OPTIONS")
            self.assertIn("Range", answer.headers["access-control-allow-headers"])

    def test_cors(self) -> None:
        """Reading is open to pages as `--cors` says; writing never."""
        self.house.put_file("a")
        for setting, origin, allowed in (
            ({}, "http://any.example", "*"),
            ({"cors": "*"}, None, "*"),
            ({"cors": "none"}, "http://any.example", None),
            ({"cors": "http://one.example"}, "http://one.example", "http://one.example"),
            ({"cors": "http://one.example"}, "http://two.example", None),
        ):
            house = House(**setting)
            self.addCleanup(house.close)
            answer = house.ask("GET", "/", headers={"Origin": origin} if origin else {})
            self.assertEqual(answer.headers.get("access-control-allow-origin"), allowed)
            self.assertEqual("access-control-expose-headers" in answer.headers, allowed is not None)
            self.assertNotIn("access-control-allow-credentials", answer.headers)
            self.assertNotIn("access-control-allow-origin", house.ask("POST", "/").headers)

    def test_wrong_method(self) -> None:
        """A known address with a wrong method is 405 with what it takes."""
        self.house.put_file("a")
        for method, target in (("PATCH", "/"), ("TRACE", "/a"), ("DELETE", "/api/upload/offset"), ("GET", "/api/upload/chunk"), ("PUT", "/folder/"), ("POST", "/a"), ("BREW", "/")):  # fmt: skip
            answer = self.house.ask(method, target, body=b"", headers={"Accept": "application/json"})
            self.assertEqual((answer.status, answer.json["error"]), (405, "method"), (method, target))
            self.assertIn("allow", answer.headers)
            self.assertEqual(answer.json["message"], f"Use {answer.headers['allow']}.")

    def test_unknown_addresses_of_ours(self) -> None:
        """What we don't have below our own addresses is absent, as JSON below `/api/`."""
        for target in (
            "/api",
            "/api/",
            "/api/nothing",
            "/api/%ff",
            "/-",
            "/-/x",
            "/-/static/0/style.css",
            "/-/%ff/",
        ):
            answer = self.get(target)
            self.assertEqual(answer.status, 404, target)
            if target.startswith("/api/"):
                self.assertEqual(answer.json["error"], "not_found")

    def test_error_forms(self) -> None:
        """An error is JSON for who asks for it, a small page for browsers, else one line."""
        self.assertEqual(self.get("/nothing").body, b"Nothing here.\n")
        self.assertEqual(self.get("/nothing", Accept="*/*").body, b"Nothing here.\n")
        self.assertEqual(self.get("/nothing", Accept="application/json").json["message"], "Nothing here.")
        page = self.get("/nothing", Accept="text/html,*/*;q=0.8")
        self.assertIn(b"Nothing here.", page.body)
        self.assertIn("frame-ancestors 'none'", page.headers["content-security-policy"])

    def test_too_many_parameters(self) -> None:
        """More than 100 parameters are refused."""
        self.assertEqual(self.get("/?" + "&".join(["a=1"] * 100)).status, 200)
        self.assertEqual(self.get("/?" + "&".join(["a=1"] * 101)).status, 400)

    def test_static_files(self) -> None:
        """The page's own files may be kept for ever, and are gone with their version."""
        page = self.get("/").body.decode()
        addresses = set(re.findall(r"/-/static/[0-9a-f]+/[\w.-]+", page))
        self.assertGreaterEqual(len(addresses), 2)
        for address in addresses:
            answer = self.get(address)
            self.assertEqual(answer.status, 200)
            self.assertIn("immutable", answer.headers["cache-control"])

    def test_internal_error(self) -> None:
        """A defect of ours is 500 with an id that is in the log, and nothing of the machine."""
        self.patch(type(self.house.sandbox), "open", lambda *_: 1 / 0)
        answer = self.get("/x", Accept="application/json")
        self.assertEqual((answer.status, answer.json["error"]), (500, "internal"))
        logged = self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(len(logged), 1)
        self.assertRegex(answer.json["message"], re.escape(answer.json["id"]))
        self.assertNotIn(b"Traceback", answer.body)

    def test_no_one_may_read(self) -> None:
        """Without the right to read, every address of the tree answers alike, absent or not, and asks for no
        login where nobody has one."""
        house = House(anonymous="none")
        self.addCleanup(house.close)
        house.put_file("a")
        for target in ("/", "/a", "/nothing", "/../x"):
            answer = house.get(target, Accept="application/json")
            self.assertEqual((answer.status, answer.json["error"]), (403, "forbidden"))
            self.assertNotIn("www-authenticate", answer.headers)
