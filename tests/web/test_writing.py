"""PUT, DELETE and forms through the whole of the web room."""

import json
import os
import re
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import Answer, House
from tests.web.test_reading import ODD_NAMES

JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Writing(SynchronousTestCase):
    level = "create"

    def setUp(self) -> None:
        self.house = House(anonymous=self.level)
        self.addCleanup(self.house.close)
        self.ask = self.house.ask

    def left_over(self) -> list[str]:
        """What lies in the private folder for unfinished uploads."""
        return os.listdir(self.house.path(".peerstor", "parts"))

    def trashed(self) -> list[bytes]:
        """The contents of everything in the trash."""
        contents = []
        for folder, _, names in os.walk(self.house.path(".peerstor", "trash")):
            for name in names:
                if not name.endswith(b".json"):
                    with open(os.path.join(folder, name), "rb") as file:
                        contents.append(file.read())
        return contents


class PutTests(Writing):
    """PUT by a guest who may create and not change."""

    def test_create(self) -> None:
        """A new name is 201 with its tag; the bytes are there."""
        answer = self.ask("PUT", "/new.txt", b"hello")
        self.assertEqual((answer.status, answer.headers["location"]), (201, "/new.txt"))
        self.assertEqual(self.house.content("new.txt"), b"hello")
        self.assertEqual(self.house.get("/new.txt").headers["etag"], answer.headers["etag"])
        self.assertEqual(self.left_over(), [])

    def test_empty(self) -> None:
        """A file of no bytes is a file."""
        self.assertEqual(self.ask("PUT", "/empty", b"").status, 201)
        self.assertEqual(self.house.content("empty"), b"")

    def test_no_length(self) -> None:
        """A PUT that says nothing of its content is refused: it would pass for an empty file."""
        for version in (b"1.0", b"1.1"):
            answer = self.house.send(b"PUT /x HTTP/%s\r\nHost: localhost\r\n\r\n" % version)
            self.assertEqual(answer.status, 411)
        self.assertFalse(os.path.exists(self.house.path("x")))

    def test_chunked(self) -> None:
        """A body of unknown length is taken too."""
        answer = self.house.send(
            b"PUT /c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        self.assertEqual((answer.status, self.house.content("c")), (201, b"abcde"))

    def test_odd_names(self) -> None:
        """Any name that may be given round-trips."""
        for name in ODD_NAMES:
            if re.search(rb"[\x00-\x1f]", name):
                continue
            target = b"/-/tree/" + b"".join(b"%%%02x" % byte for byte in name)
            with self.subTest(name=name):
                self.assertEqual(self.ask("PUT", target, name).status, 201)
                self.assertEqual(self.house.content(name), name)
                self.assertEqual(self.house.get(target).body, name)

    def test_bad_names(self) -> None:
        """Names with control characters or of more than 255 bytes are refused."""
        for name in (b"new%0aline", b"tab%09", b"%7f", b"%c2%85", b"x" * 256):
            answer = self.ask("PUT", b"/" + name, b"", JSON)
            self.assertEqual((answer.status, answer.json["error"]), (400, "bad_name"), name)

    def test_private_names(self) -> None:
        """What is private can't be written, and isn't told apart from what is absent."""
        for target in ("/.peerstor", "/.peerstor/x", "/.peerstor/trash/x", "/.PEERSTORx", "/a/.peerstor-1.part"):
            self.assertIn(self.ask("PUT", target, b"x").status, (400, 404, 409), target)
        self.assertFalse(os.path.exists(self.house.path(".peerstor", "x")))

    def test_no_parent(self) -> None:
        """The folder must exist."""
        self.house.put_file("file")
        for target in ("/no/such/folder/x", "/file/x"):
            answer = self.ask("PUT", target, b"x", JSON)
            self.assertEqual((answer.status, answer.json["error"]), (409, "no_parent"))

    def test_guest_cannot_replace(self) -> None:
        """Who may only create can't replace, and is told before the body is taken."""
        self.house.put_file("there", b"old")
        head = b"PUT /there HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        channel, wire = self.house.connect()
        channel.dataReceived(head)
        self.house.settle()
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 403 "), wire.value()[:50])
        self.assertEqual(self.house.content("there"), b"old")

    def test_content_coding(self) -> None:
        """A coded body is refused: nothing is ever inflated."""
        answer = self.ask("PUT", "/x", b"x", {"Content-Encoding": "gzip", **JSON})
        self.assertEqual((answer.status, answer.json["error"]), (415, "bad_type"))

    def test_content_range(self) -> None:
        """A part of a file isn't mistaken for the whole of it."""
        self.assertEqual(self.ask("PUT", "/x", b"x", {"Content-Range": "bytes 0-0/5"}).status, 400)

    def test_too_large(self) -> None:
        """More than `--max-upload` is 413, whether its length was said or not."""
        house = House(max_upload=10)
        self.addCleanup(house.close)
        answer = house.ask("PUT", "/x", b"x" * 11, JSON)
        self.assertEqual((answer.status, answer.json["error"], answer.json["limit"]), (413, "too_large", 10))
        chunked = (
            b"PUT /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"6\r\n012345\r\n" * 3
        )
        self.assertEqual(house.send(chunked).status, 413)
        self.assertFalse(os.path.exists(house.path("x")))
        self.assertEqual(house.ask("PUT", "/x", b"x" * 10).status, 201)

    def test_cut(self) -> None:
        """A body that breaks off leaves nothing."""
        channel, _ = self.house.connect()
        channel.dataReceived(b"PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n01234")
        channel.connectionLost(Failure(ConnectionError()))
        self.assertFalse(os.path.exists(self.house.path("x")))
        self.assertEqual(self.left_over(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_cross_site(self) -> None:
        """A page of another site can't change anything, and is refused before its body."""
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            for method, target in (("PUT", "/x"), ("DELETE", "/x"), ("POST", "/"), ("POST", "/api/upload/chunk?name=x&offset=0")):  # fmt: skip
                answer = self.ask(method, target, b"x", {**headers, **JSON})
                self.assertEqual((answer.status, answer.json["error"]), (403, "cross_site"))
        self.assertEqual(self.ask("PUT", "/x", b"x", {"Origin": "http://localhost"}).status, 201)

    def test_no_right_to_create(self) -> None:
        """Who may only read can't write."""
        house = House(anonymous="read")
        self.addCleanup(house.close)
        for method, target in (("PUT", "/x"), ("POST", "/"), ("POST", "/api/upload/chunk?name=x&offset=0")):
            self.assertEqual(house.ask(method, target, b"x").status, 403)


class Replacing(Writing):
    """PUT and DELETE by who may change."""

    level = "full"

    def setUp(self) -> None:
        super().setUp()
        self.house.put_file("there", b"old")
        self.tag = self.house.get("/there").headers["etag"]

    def test_replace(self) -> None:
        """Replacing is 204; the old file is in the trash."""
        answer = self.ask("PUT", "/there", b"new")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(self.house.content("there"), b"new")
        self.assertEqual(self.trashed(), [b"old"])

    def test_folder(self) -> None:
        """A folder isn't replaced by a file."""
        self.house.put_file("sub/x")
        self.assertEqual(self.ask("PUT", "/sub", b"x").status, 409)
        self.assertEqual(self.ask("PUT", "/sub/", b"x").status, 405)

    def test_conditions(self) -> None:
        """If-Match and If-None-Match hold for PUT and DELETE; the tag of any coding of the content will do."""
        coded = self.tag[:-1] + '-gzip"'
        for method, headers, refused in (
            ("PUT", {"If-None-Match": "*"}, True),
            ("PUT", {"If-Match": '"other"'}, True),
            ("DELETE", {"If-Match": '"other"'}, True),
            ("DELETE", {"If-None-Match": self.tag}, True),
            ("PUT", {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, True),
            ("PUT", {"If-Match": coded}, False),
        ):
            answer = self.ask(method, "/there", b"new", headers)
            self.assertEqual(answer.status == 412, refused, (method, headers))
        self.assertEqual(self.ask("PUT", "/absent", b"x", {"If-Match": "*"}).status, 412)
        self.assertEqual(self.ask("PUT", "/absent", b"x", {"If-None-Match": "*"}).status, 201)

    def test_delete(self) -> None:
        """Deleting is 204; the file is in the trash, and its address is absent."""
        self.assertEqual(self.ask("DELETE", "/there").status, 204)
        self.assertEqual(self.house.get("/there").status, 404)
        self.assertEqual(self.trashed(), [b"old"])
        self.assertEqual(self.ask("DELETE", "/there").status, 404)

    def test_delete_folder(self) -> None:
        """A folder goes to the trash whole, by its own address; the root doesn't."""
        self.house.put_file("sub/x", b"inside")
        self.assertEqual(self.ask("DELETE", "/sub", headers=JSON).json["error"], "is_folder")
        self.assertEqual(self.ask("DELETE", "/sub/").status, 204)
        self.assertEqual(self.trashed(), [b"inside"])
        self.assertEqual(self.ask("DELETE", "/").status, 403)
        self.assertEqual(self.ask("DELETE", "/there/").status, 404)

    def test_guest_cannot_delete(self) -> None:
        """Who may only create can't delete."""
        house = House()
        self.addCleanup(house.close)
        house.put_file("a")
        self.assertEqual(house.ask("DELETE", "/a").status, 403)
        self.assertEqual(house.content("a"), b"content")


def form(*parts: tuple[str | bytes, bytes], field: str = "file") -> tuple[bytes, dict[str, str]]:
    """Write a form with files of the given names and contents."""
    body = b""
    for name, content in parts:
        encoded = name.encode() if isinstance(name, str) else name
        body += b'--b0undary\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n' % (
            field.encode(),
            encoded.replace(b'"', b"%22"),
        )
        body += content + b"\r\n"
    return body + b"--b0undary--\r\n", {"Content-Type": "multipart/form-data; boundary=b0undary"}


class FormTests(Writing):
    """Forms."""

    def post(self, target: str, *parts: tuple[str | bytes, bytes], **headers: str) -> Answer:
        body, fields = form(*parts)
        return self.ask("POST", target, body, {**fields, **headers})

    def test_several_files(self) -> None:
        """Every file of a form is stored in the folder that it was sent to."""
        self.house.put_file("sub/x")
        answer = self.post("/sub/", ("a.txt", b"one"), ("b b.txt", b"two"), ("c", b""))
        self.assertEqual(answer.status, 201)
        self.assertEqual(
            [outcome["path"] for outcome in answer.json["files"]], ["/sub/a.txt", "/sub/b b.txt", "/sub/c"]
        )
        self.assertEqual(
            [self.house.content(f"sub/{n}") for n in ("a.txt", "b b.txt", "c")], [b"one", b"two", b""]
        )
        self.assertEqual(self.left_over(), [])

    def test_browser_is_sent_back(self) -> None:
        """A browser sees the listing again."""
        answer = self.post("/", ("a.txt", b"one"), **BROWSER)
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/"))

    def test_browser_is_told_what_failed(self) -> None:
        """A browser sees which file was refused, and why."""
        answer = self.post("/", ("a.txt", b"one"), ("../b", b"two"), **BROWSER)
        self.assertEqual(answer.status, 201)
        self.assertIn(b"../b", answer.body)
        self.assertIn(b"This name cannot be used.", answer.body)

    def test_bad_names(self) -> None:
        """A name that leads elsewhere is refused; the other files stand."""
        for name in ("../up", "a/b", "C:\\x", "new\u0007bell", ".peerstor", "..", "x" * 256):
            answer = self.post("/", (name, b"bad"), ("good", b"good"))
            bad, good = answer.json["files"]
            self.assertEqual((answer.status, bad["error"], bad["status"]), (201, "bad_name", 400), name)
            self.assertNotIn("error", good)
        self.assertEqual(self.post("/", ("a/b", b"bad")).status, 400)

    def test_content_without_a_usable_name(self) -> None:
        """A file of which no name can be read is not lost in silence beside another that was stored."""
        body, fields = form(("unread", b"bytes"), ("good", b"good"))
        for name in (b"", b'"quoted".txt'):
            answer = self.ask("POST", "/", body.replace(b"unread", name), fields)
            bad, good = answer.json["files"]
            self.assertEqual((answer.status, bad["error"]), (201, "bad_name"), name)
            self.assertNotIn("error", good)

    def test_name_that_exists(self) -> None:
        """A taken name is numbered by default; nothing is lost silently."""
        for expected in ("/a.txt", "/a (2).txt", "/a (3).txt"):
            self.assertEqual(self.post("/", ("a.txt", expected.encode())).json["files"][0]["path"], expected)
        self.assertEqual(self.house.content("a.txt"), b"/a.txt")
        refused = self.post("/?conflict=refuse", ("a.txt", b"x")).json["files"][0]
        self.assertEqual((refused["status"], refused["error"]), (409, "exists"))
        refused = self.post("/?conflict=replace", ("a.txt", b"x")).json["files"][0]
        self.assertEqual(refused["error"], "forbidden")
        self.assertEqual(self.post("/?conflict=maybe", ("a.txt", b"x")).status, 400)
        self.assertEqual(self.house.content("a.txt"), b"/a.txt")

    def test_long_name_that_exists(self) -> None:
        """A numbered name is shortened at a character, and stays within 255 bytes."""
        name = "ü" * 125 + ".txt"
        for _ in range(2):
            answer = self.post("/", (name, b"x"))
        got = answer.json["files"][0]["path"]
        self.assertLessEqual(len(got[1:].encode()), 255)
        self.assertTrue(got.endswith("ü (2).txt"), got)

    def test_nothing_chosen(self) -> None:
        """A form without a file is refused in words."""
        answer = self.post("/", ("", b""))
        self.assertEqual((answer.status, answer.body), (400, b"No file was chosen.\n"))

    def test_no_form(self) -> None:
        """Anything but a form is 415."""
        for kind in (
            "application/x-www-form-urlencoded",
            "text/plain",
            "multipart/form-data",
            "multipart/mixed; boundary=x",
        ):
            self.assertEqual(self.ask("POST", "/", b"x", {"Content-Type": kind}).status, 415, kind)

    def test_truncated(self) -> None:
        """A form that ends before its end is refused; whole files before that stand."""
        body, fields = form(("a", b"one"), ("b", b"two"))
        answer = self.ask("POST", "/", body[:-25], fields)
        self.assertEqual(answer.status, 400)
        self.assertEqual(self.house.content("a"), b"one")
        self.assertFalse(os.path.exists(self.house.path("b")))
        self.assertEqual(self.left_over(), [])

    def test_too_large(self) -> None:
        """A file of more than `--max-upload` is refused; the next one stands."""
        house = House(max_upload=10)
        self.addCleanup(house.close)
        body, fields = form(("large", b"x" * 11), ("small", b"x" * 10))
        large, small = house.ask("POST", "/", body, fields).json["files"]
        self.assertEqual((large["status"], large["error"], small["size"]), (413, "too_large", 10))
        self.assertFalse(os.path.exists(house.path("large")))

    def test_no_such_folder(self) -> None:
        """A form to nowhere is 404; to a folder without its slash, it is sent on with its method."""
        self.assertEqual(self.post("/nowhere/", ("a", b"x")).status, 404)
        self.house.put_file("sub/x")
        self.assertEqual(self.post("/sub", ("a", b"x")).status, 307)
        self.assertEqual(self.post("/sub/x", ("a", b"x")).status, 405)

    def test_outcome_is_told_without_html_in_json(self) -> None:
        """What a client sent comes back as data."""
        answer = self.post("/", ("<b>.txt", b"x"))
        told: Any = json.loads(answer.body)
        self.assertEqual(told["files"][0]["name"], "<b>.txt")
        self.assertEqual(answer.headers["content-type"], "application/json")
