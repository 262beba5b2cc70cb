"""Ways out of the storage and into the private folder, in every spelling, over every route that takes a path."""

from __future__ import annotations

import os
from urllib.parse import quote_from_bytes

from twisted.trial.unittest import SynchronousTestCase

from peerstor.web.uploads import UploadsFace
from tests.web.house import Answer, House

CANARY = b"nobody may read this"

DOTS = (
    b"..", b"%2e%2e", b"%2E%2e", b".%2e", b"%2e.", b"%252e%252e", b"%c0%ae%c0%ae", b"%e0%80%ae%e0%80%ae", b"..%00", b"...",
    b"..;", b"..%20", b"%20..", b"..%09", b"%u002e%u002e", b"%ef%bc%8e%ef%bc%8e", b"..\\", b"..%5c", b".", b"", b"%2e",
)  # fmt: skip
SLASHES = (b"/", b"//", b"%2f", b"%2F", b"%252f", b"%c0%af", b"%5c", b"\\", b"/./", b"%00/", b";/", b"%e2%88%95")
PRIVATE = (
    b".peerstor", b"%2epeerstor", b".PEERSTOR", b".PeerStor", b".peer%c5%bftor", b".peerstor%20", b".peerstor.", b".peerstor::$DATA",
    b".peerstor%00", b"./.peerstor", b"private", b"d/../.peerstor", b"private/.", b".peerstor;x", b"%252epeerstor",
)  # fmt: skip
OUTSIDE = (b"link", b"deep/link", b"d/up/outside", b"loop/loop/link", b"absolute")


def spellings() -> list[bytes]:
    """Give paths without their leading slash, percent-encoded, which all mean to end at a canary."""
    found = [dots + slash + b"outside" + slash + b"canary" for dots in DOTS for slash in SLASHES]
    found += [b"d" + slash + (dots + slash) * 2 + b"outside/canary" for dots in DOTS for slash in SLASHES]
    found += [folder + slash + b"canary" for folder in (*PRIVATE, *OUTSIDE) for slash in SLASHES]
    found += [folder + end for folder in (*PRIVATE, *OUTSIDE) for end in (b"", b"/", b"/.", b"%2f")]
    return found


class Traversal(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House(anonymous="full")
        self.addCleanup(self.house.close)
        self.outside = os.path.join(os.fsencode(self.house.folder), b"outside")
        os.mkdir(self.outside)
        self.canaries = (self.outside + b"/canary", self.house.path(".peerstor", "canary"))
        for path in self.canaries:
            with open(path, "wb") as file:
                file.write(CANARY)
        self.house.put_file("d/file")
        self.house.put_file("deep/file")
        for name, target in {
            b"link": b"../outside",
            b"deep/link": b"../../outside",
            b"d/up": b"../..",
            b"loop": b".",
            b"absolute": self.outside,
            b"private": b".peerstor",
        }.items():
            os.symlink(target, self.house.path(name))
        self.inside = sorted(os.listdir(self.house.path(".peerstor")))

    def judge(self, answer: Answer, *about: object) -> None:
        """No canary in the answer, no fault of ours, and nothing changed where nobody may change anything."""
        whole = answer.body + repr(answer.headers).encode()
        self.assertNotIn(CANARY, whole, about)
        self.assertLess(answer.status, 500, about)
        self.assertNotIn(os.fsencode(self.house.folder), whole, about)
        self.assertEqual(os.listdir(self.outside), [b"canary"], about)
        for path in self.canaries:
            with open(path, "rb") as file:
                self.assertEqual(file.read(), CANARY, about)

    def test_reading(self) -> None:
        """By `/` and by `/-/tree/`, in each spelling: absent or no path at all, and the length isn't told either."""
        for path in spellings():
            for prefix in (b"/", b"/-/tree/", b"//", b"http://localhost/"):
                for method in ("GET", "HEAD"):
                    target = prefix + path
                    answer = self.house.ask(method, target)
                    self.judge(answer, method, target)
                    self.assertGreaterEqual(answer.status, 307, (method, target))
                    self.assertNotEqual(answer.headers.get("content-length"), str(len(CANARY)), target)

    def test_ranges(self) -> None:
        """A range, a condition or a coding opens no way that a plain GET doesn't."""
        for path in (*PRIVATE, *OUTSIDE):
            for fields in ({"Range": "bytes=0-5"}, {"If-None-Match": "*"}, {"Accept-Encoding": "gzip"}):
                answer = self.house.ask("GET", b"/" + path + b"/canary", headers=fields)
                self.judge(answer, path, fields)
                self.assertIn(answer.status, (400, 404), (path, fields))

    def test_changing(self) -> None:
        """PUT, DELETE and POST change nothing there, and don't tell whether something is there."""
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="canary"\r\n\r\nevil\r\n--b--\r\n'
        for path in spellings():
            for target in (b"/" + path, b"/-/tree/" + path):
                self.judge(self.house.ask("PUT", target, b"evil"), "PUT", target)
                self.judge(self.house.ask("POST", target, body, form), "POST", target)
                if path not in OUTSIDE and path != b"private":  # a link itself may be removed
                    self.judge(self.house.ask("DELETE", target), "DELETE", target)
        self.assertEqual(sorted(os.listdir(self.house.path(".peerstor"))), self.inside)

    def test_upload_api(self) -> None:
        """`dir` and `name`, over every call of the upload API: what is published lies inside."""
        calls = [(rule, method) for rule, method in UploadsFace.routes.needs if method in ("GET", "POST")]
        self.assertGreaterEqual(len(calls), 4)
        for path in spellings():
            folder, _, name = path.rpartition(b"/")
            for dir_, name_ in ((b"/" + folder, name or b"x"), (b"/", path)):
                query = b"dir=%s&name=%s&offset=0&size=4" % (dir_.replace(b"\\", b"%5c"), name_)
                for rule, method in calls:
                    target = b"%s?%s" % (rule.encode(), query)
                    self.judge(self.house.ask(method, target, b"evil"), method, target)

    def test_operations(self) -> None:
        """`path`, `from` and `to`: nothing outside is moved, copied, deleted or shown, and nothing is put there."""
        for path in spellings():
            name = path.replace(b"\\", b"%5c")
            for target in (
                b"folder?path=/" + name,
                b"copy?from=/%s&to=/got" % name,
                b"copy?from=/d&to=/" + name,
                b"copy?from=/d/file&to=/" + name,
                b"move?from=/d/file&to=/" + name,
                b"move?from=/%s&to=/got" % name,
                b"delete?path=/" + name,
            ):
                if path.rstrip(b"/") in (*OUTSIDE, b"private") and not target.startswith(b"copy"):
                    continue  # a link itself may be moved
                self.judge(self.house.ask("POST", b"/api/" + target, b""), target)
                if os.path.lexists(self.house.path("got")):
                    # A spelling that is just a strange name has got one of our own files by now.
                    self.assertNotIn(CANARY, self.house.get("/got").body, target)
                    self.assertFalse(os.path.lexists(self.house.path("got", "canary")), target)
                    self.house.ask("POST", b"/api/delete?path=/got", b"")
            self.house.put_file("d/file")
        self.assertEqual(sorted(os.listdir(self.house.path(".peerstor"))), self.inside)

    def test_form_names(self) -> None:
        """The file names of a form: whatever has a separator in it, of whichever system, is refused."""
        names = [
            b"../outside/canary",
            b"..\\outside\\canary",
            b"/etc/x",
            b"C:\\x",
            b".peerstor/canary",
            b".peerstor",
            b"..",
            b".",
        ]
        names += [path for path in spellings() if b'"' not in path]
        for name in names:
            for disposition in (b'filename="%s"' % name, b"filename*=UTF-8''%s" % quote_from_bytes(name).encode()):
                body = (
                    b'--b\r\nContent-Disposition: form-data; name="f"; %s\r\n\r\nevil\r\n--b--\r\n' % disposition
                )
                answer = self.house.ask("POST", "/d/", body, {"Content-Type": "multipart/form-data; boundary=b"})
                self.judge(answer, disposition)
                if b"/" in name or b"\\" in name:
                    self.assertEqual(answer.status, 400, disposition)
        self.assertNotIn(b"canary", os.listdir(self.house.path("d")))

    def test_listings(self) -> None:
        """No listing, in any form or order, shows what leads out, nor the private folder."""
        for folder in (b"/", b"/d/", b"/deep/", b"/-/tree/", b"/loop/", b"/loop/loop/d/"):
            for accept in ("text/html", "application/json", "text/plain"):
                for query in (b"", b"?sort=size&order=desc", b"?sort=mtime"):
                    answer = self.house.ask("GET", folder + query, headers={"Accept": accept})
                    self.assertEqual(answer.status, 200)
                    for name in (b"link", b"/up", b"absolute", b"private", b".peerstor", b"canary"):
                        self.assertNotIn(b'%s"' % name, answer.body, (folder, accept))
                        self.assertNotIn(b"%s/" % name, answer.body, (folder, accept))
