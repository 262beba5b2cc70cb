"""Every kind of download over real sockets, by the way past this process and by the ordinary one: byte for byte."""

import os
import re
import secrets
import socket
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from peerstor.http import request as http_request
from peerstor.http import zerocopy
from tests.http.loopback import Loopback
from tests.web.house import House

SIZES = {"empty": 0, "one": 1, "edge": 64 * 1024, "above": 64 * 1024 + 1, "large.bin": 3 * 1024 * 1024}

LARGE = SIZES["large.bin"]

UNSATISFIABLE = (f"bytes={LARGE}-", "bytes=-0")

RANGES = (
    *UNSATISFIABLE,
    "bytes=0-0",
    "bytes=1-70000",
    "bytes=-1",
    "bytes=-100000",
    "bytes=-99999999",
    f"bytes={LARGE - 1}-",
    f"bytes=0-{LARGE - 1}",
    f"bytes=5-{LARGE * 9}",
    "bytes=" + ",".join(f"{first}-{first + 99_000}" for first in range(0, 16 * 150_000, 150_000)),
    "bytes=" + ",".join(f"{first}-{first + 9}" for first in range(0, 17 * 100, 100)),
    "bytes=0-9,-9,70000-200000",
    "bytes=900000-1000000,0-9,99999999-",
    "bytes=nonsense",
    "bytes=9-5",
)

OWN = re.compile(rb"\r\nDate: [^\r]*", re.IGNORECASE)
"""What changes with the time; all that is random is fixed by the test."""


class Downloads(SynchronousTestCase):
    """One house, asked by both ways."""

    family = socket.AF_INET

    def setUp(self) -> None:
        self.house = House(fast_lanes=True)
        self.addCleanup(self.house.close)
        for name, size in SIZES.items():
            self.house.put_file(name, os.urandom(size))
        self.sockets = Loopback(self, self.house.site, family=self.family)
        self.patch(secrets, "token_hex", lambda count: "ab" * count)  # what stands between parts
        self.patch(http_request, "new_request_id", lambda: "ab" * 8)
        self.runs = mock.Mock(wraps=zerocopy.ZeroCopy.run)
        self.patch(zerocopy.ZeroCopy, "run", lambda sender: self.runs(sender))

    def ask(self, *requests: str, lanes: bool) -> bytes:
        """Send requests in one packet and give all that is answered until the server closes."""
        self.house.site.lanes = lanes
        client = self.sockets.connect()
        client.socket.setblocking(True)
        client.socket.sendall("".join(requests).encode())
        client.socket.setblocking(False)
        self.sockets.until(lambda: client.ended, client)
        self.assertEqual(client.ended, "closed")
        return OWN.sub(b"", bytes(client.received))

    def both(self, *requests: str, aside: int | None) -> bytes:
        """Ask by both ways, insist on one answer, and give it.

        :param aside: how many answers have to leave past this process; None where that is all one.
        """
        self.runs.reset_mock()
        ordinary = self.ask(*requests, lanes=False)
        self.assertEqual(self.runs.call_count, 0)
        fast = self.ask(*requests, lanes=True)
        if aside is not None:
            self.assertEqual(self.runs.call_count, aside, requests)
        self.assertEqual(fast.partition(b"\r\n\r\n")[0], ordinary.partition(b"\r\n\r\n")[0], requests)
        self.assertTrue(fast == ordinary, requests)
        return fast

    def test_whole_files(self) -> None:
        """Files of every size; those up to 64 KiB leave with their heads."""
        for name, size in SIZES.items():
            with self.subTest(name=name):
                whole = self.both(get(name, "Connection: close"), aside=int(size > 64 * 1024))
                self.assertEqual(whole.partition(b"\r\n\r\n")[2], self.house.content(name))
                head = self.both(get(name, "Connection: close", method="HEAD"), aside=0)
                self.assertEqual(head, whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    def test_ranges(self) -> None:
        """Single ranges, suffixes, several, too many, none that can be satisfied, and nonsense."""
        for wanted in RANGES:
            with self.subTest(range=wanted):
                fields = (f"Range: {wanted}", "Connection: close")
                refused = wanted in UNSATISFIABLE
                answer = self.both(get("large.bin", *fields), aside=int(not refused))
                self.assertEqual(answer.startswith(b"HTTP/1.1 416"), refused)
                self.both(get("one", *fields), aside=None)

    def test_conditions(self) -> None:
        """If-Range that holds and that doesn't, 304, and 412."""
        known = self.ask(get("large.bin", "Connection: close", method="HEAD"), lanes=False).decode("latin-1")
        tag = known.lower().partition("etag: ")[2].partition("\r")[0]
        when = known.partition("Last-Modified: ")[2].partition("\r")[0]
        for condition, aside in (
            (f"If-Range: {tag}\r\nRange: bytes=3-99999", 1),
            ('If-Range: "other"\r\nRange: bytes=3-99999', 1),
            (f"If-Range: {when}\r\nRange: bytes=3-99999", 1),
            (f"If-None-Match: {tag}", 0),
            (f"If-Modified-Since: {when}", 0),
            ('If-Match: "other"', 0),
            (f"If-Match: {tag}", 1),
        ):
            with self.subTest(condition=condition):
                self.both(get("large.bin", condition, "Connection: close"), aside=aside)

    def test_pipelined(self) -> None:
        """Small, large, HEAD, small, and a range with `Connection: close`, all in one packet."""
        self.both(
            get("one"),
            get("large.bin"),
            get("large.bin", method="HEAD"),
            get("edge"),
            get("nothing"),
            get("large.bin", "Range: bytes=7-2000000", "Connection: close"),
            aside=2,
        )

    def test_two_large_ones(self) -> None:
        """Two large files asked for in one packet."""
        self.both(get("large.bin"), get("large.bin?x", "Connection: close"), aside=2)

    def test_old_client(self) -> None:
        """HTTP/1.0, whose answers end with the connection."""
        self.both("GET /large.bin HTTP/1.0\r\nHost: localhost\r\n\r\n", aside=1)


class DownloadsByUnixSocket(Downloads):
    """The same over a UNIX socket."""

    family = socket.AF_UNIX


def get(name: str, *fields: str, method: str = "GET") -> str:
    """Write a request."""
    return "\r\n".join((f"{method} /{name} HTTP/1.1", "Host: localhost", *fields, "", ""))
