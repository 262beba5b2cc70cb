"""What is remembered of requests for ranges."""

from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from peerstor.http.likeness import LINES_AT_MOST
from peerstor.http.rangerepeats import REMEMBERED, RangeRepeats
from peerstor.http.ranges import ByteRange

HERE = (False, False)


def asking(value: str, target: str = "/f") -> bytes:
    """Write a request for a range."""
    return f"GET {target} HTTP/1.1\r\nHost: a\r\nRange: bytes={value}\r\n\r\n".encode()


class File:
    """A source of which the test says whether it can be opened again."""

    def __init__(self) -> None:
        self.fd: int | None = 7

    def open(self) -> int | None:
        return self.fd

    def answer(self, request: Any, fd: int, wanted: ByteRange) -> None:
        raise AssertionError("nobody asks for it here")


class RangeRepeatsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ready = True
        self.kept = RangeRepeats(ready=lambda: self.ready)
        self.file = File()

    def keep(self, raw: bytes, *, told: str = "bytes 5-9/100", **more: list[str]) -> None:
        request = mock.Mock(ranges=self.file)
        self.kept.keep(raw, HERE, request, Headers({"Content-Range": [told], **more}))

    def found(self, raw: bytes, place: tuple[bool, bool] = HERE) -> tuple[int, ByteRange] | None:
        found = self.kept.find(raw, place)
        return None if found is None else found[1:]

    def test_numbers(self) -> None:
        """They are read anew, and cut at the end of the file."""
        self.keep(asking("5-9"))
        for value, wanted in (("5-9", ByteRange(5, 5)), ("0-0", ByteRange(0, 1)), ("99-400", ByteRange(99, 1))):
            self.assertEqual(self.found(asking(value)), (7, wanted))
        for value in ("100-100", "9-5", "5-", "-5", "5-9,11-12", "1234567890123456789-1234567890123456789"):
            self.assertIsNone(self.found(asking(value)), value)

    def test_rest_of_the_request(self) -> None:
        """All else has to be the same, to the byte, and the connection of the same kind."""
        self.keep(asking("5-9"))
        self.assertIsNone(self.found(asking("5-9", "/g")))
        self.assertIsNone(self.found(asking("5-9").replace(b"Range", b"range")))
        self.assertIsNone(self.found(asking("5-9") + b"GET"))
        self.assertIsNone(self.found(asking("5-9"), (True, False)))

    def test_not_kept(self) -> None:
        """Neither answers of several parts or with a cookie, nor requests of many lines or another spelling."""
        self.keep(asking("5-9"), told="bytes */100")
        self.keep(asking("1-2,5-6"))
        self.keep(asking("5-9", "/c"), **{"Set-Cookie": ["a=b"]})
        self.kept.keep(asking("5-9", "/d"), HERE, mock.Mock(ranges=self.file), Headers())
        self.keep(asking("-5", "/e"))
        many = asking("5-9", "/m").replace(b"\r\n\r\n", b"\r\nA: b" * LINES_AT_MOST + b"\r\n\r\n")
        self.keep(many)
        self.assertIsNone(self.found(many))
        for raw in (asking("1-2,5-6"), asking("5-9", "/c"), asking("5-9", "/d"), asking("-5", "/e")):
            self.assertIsNone(self.found(raw))

    def test_changed(self) -> None:
        """A file that can't be opened as it was is forgotten."""
        self.keep(asking("5-9"))
        self.file.fd = None
        self.assertIsNone(self.found(asking("5-9")))
        self.file.fd = 7
        self.assertIsNone(self.found(asking("5-9")))

    def test_not_ready(self) -> None:
        """While the rules may have changed nothing is opened; it is again afterwards."""
        self.keep(asking("5-9"))
        self.ready = False
        with mock.patch.object(self.file, "open") as opening:
            self.assertIsNone(self.found(asking("5-9")))
        opening.assert_not_called()
        self.ready = True
        self.assertIsNotNone(self.found(asking("5-9")))

    def test_forget(self) -> None:
        """After a change of the rules nothing is left."""
        self.keep(asking("5-9"))
        self.kept.forget()
        self.assertIsNone(self.found(asking("5-9")))

    def test_bounded(self) -> None:
        """The least recently used ones make room."""
        for number in range(REMEMBERED):
            self.keep(asking("5-9", f"/{number}"))
        self.found(asking("1-2", "/0"))
        self.keep(asking("5-9", "/new"))
        self.assertIsNotNone(self.found(asking("5-9", "/0")))
        self.assertIsNone(self.found(asking("5-9", "/1")))

    def test_decided_anew(self) -> None:
        """One that is decided on anew is as recent as any."""
        for number in [*range(REMEMBERED), 0, REMEMBERED]:
            self.keep(asking("5-9", f"/{number}"))
        self.assertIsNotNone(self.found(asking("5-9", "/0")))
        self.assertIsNone(self.found(asking("5-9", "/1")))
