"""Settings that change while the server runs take effect with the next request."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import House

TEXT = b"text " * 200


class LiveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.close)
        self.house.put_file("a.txt", TEXT)

    def change(self, **settings: Any) -> None:
        """Let other settings hold."""
        self.house.live.change(evolve(self.house.live.now, **settings))

    def test_gzip(self) -> None:
        """Compression ends and begins again."""
        for settings, coding in (
            ({}, "gzip"),
            ({"gzip": False}, None),
            ({"gzip": True, "gzip_threshold": len(TEXT) - 1}, None),
            ({"gzip_threshold": len(TEXT)}, "gzip"),
        ):
            with self.subTest(settings=settings):
                self.change(**settings)
                self.assertEqual(
                    self.house.get("/a.txt", Accept_Encoding="gzip").headers.get("content-encoding"), coding
                )

    def test_allow_host(self) -> None:
        """A name is answered as long as it is allowed."""
        for names, status in (((), 421), (("files.example.org",), 200), ((".example.org",), 200), ((), 421)):
            with self.subTest(names=names):
                self.change(allow_host=names)
                self.assertEqual(self.house.get("/a.txt", Host="files.example.org").status, status)
                self.assertEqual(self.house.get("/a.txt").status, 200)

    def test_anonymous(self) -> None:
        """Everybody may do what holds now."""
        for level, read, added, deleted in (
            ("none", 403, 403, 403),
            ("read", 200, 403, 403),
            ("full", 200, 201, 204),
        ):
            with self.subTest(level=level):
                self.change(anonymous=level)
                self.assertEqual(self.house.get("/a.txt").status, read)
                self.assertEqual(self.house.ask("PUT", "/b", b"b").status, added)
                self.assertEqual(self.house.ask("DELETE", "/b").status, deleted)

    def test_cors_and_hsts(self) -> None:
        """Answers say what holds now."""
        self.change(cors="none", trusted_proxy=("unix", "0.0.0.0/0"))
        self.assertNotIn("access-control-allow-origin", self.house.get("/a.txt").headers)
        self.change(cors="*")
        self.assertEqual(self.house.get("/a.txt").headers["access-control-allow-origin"], "*")

    def test_max_request(self) -> None:
        """What gets through a proxy at once is told beside the offset as it is now; nothing is refused for it."""
        offset = "/api/upload/offset?name=c"
        for most, told in ((None, {}), (65536, {"maxChunk": 65536}), ("1MB", {"maxChunk": 1_000_000}), (None, {})):
            with self.subTest(most=most):
                self.change(max_request=most)
                self.assertEqual(self.house.get(offset).json, {"offset": 0, **told})
        self.change(max_request=65536)
        self.assertEqual(self.house.ask("POST", "/api/upload/chunk?name=c&offset=0", b"." * 65537).status, 200)

    def test_max_upload(self) -> None:
        """A larger file is refused by each way of uploading; a part that is there stays."""
        chunk = "/api/upload/chunk?dir=/&name=c&offset="
        self.assertEqual(self.house.ask("POST", chunk + "0", b"1234").status, 200)
        self.change(max_upload=5)
        self.assertEqual(self.house.ask("PUT", "/p", b"123456").status, 413)
        self.assertEqual(self.house.ask("POST", chunk + "4", b"56").status, 413)
        self.assertEqual(self.house.get("/api/upload/offset?dir=/&name=c").json, {"offset": 4})
        self.assertEqual(self.house.ask("POST", chunk + "4", b"5").status, 200)
        self.change(max_upload=None)
        self.assertEqual(self.house.ask("POST", chunk + "5", b"6").status, 200)
        self.assertEqual(self.house.ask("PUT", "/p", b"123456").status, 201)
