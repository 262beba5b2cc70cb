"""A whole PeerStor in memory, and the bytes of one connection to it: once open to everybody, once closed by a token."""

from __future__ import annotations

import atexit
import gc
import os
import re
from typing import Any

from twisted.python.failure import Failure

from tests.fuzz.failures import no_failure_logged
from tests.fuzz.splits import split
from tests.web.house import House

WORDS = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi",
    b"POST /?conflict=replace HTTP/1.1\r\n", b"DELETE /a HTTP/1.1\r\n", b"OPTIONS * HTTP/1.1\r\n", b"HEAD /d/ HTTP/1.1\r\n",
    b"/-/tree/", b"/api/upload/offset?name=n", b"/api/upload/chunk?name=n&offset=0", b"/api/upload/complete?name=n&size=2",
    b"/api/upload/abandon?name=n", b"/../outside/canary", b"/link/canary", b"/%2e%2e/outside/canary", b"/.peerstor/canary",
    b"&dir=/link", b"&dir=/../outside", b"&name=../../outside/x", b"?limit=1&sort=name&order=desc&cursor=", b"?download",
    b"Host: localhost\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Expect: 100-continue\r\n", b"Range: bytes=0-1,3-\r\n", b"If-None-Match: *\r\n", b"Accept: application/json\r\n",
    b"Accept: text/html\r\n", b"Accept-Encoding: gzip;q=1\r\n", b"Content-Encoding: gzip\r\n", b"Origin: null\r\n",
    b"Sec-Fetch-Site: cross-site\r\n", b"Content-Type: multipart/form-data; boundary=b\r\n", b"\r\n\r\n", b"\r\n",
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\ncontent\r\n--b--\r\n', b"%00", b"%ff", b"\xff",
    b"Content-Range: bytes 0-1/2\r\n", b"Content-Digest: sha-256=:AA==:\r\n", b"Authorization: Basic Og==\r\n",
    b"Authorization: Bearer x\r\n", b"GET /-/login HTTP/1.1\r\n", b"POST /-/login HTTP/1.1\r\n", b"token=x&next=/d/",
    b"POST /-/logout HTTP/1.1\r\n", b"GET /-/health HTTP/1.1\r\n", b"Sec-Fetch-Mode: navigate\r\n",
    b"Content-Type: application/x-www-form-urlencoded\r\n", b"Cookie: a=b\r\n", b"X-Forwarded-For: 1.2.3.4\r\n", b"Forwarded: for=x;host=y\r\n",
)  # fmt: skip

CANARY = b"nobody may read this"
NAME = b"guess-this-name"
INSIDE = (".peerstor", "a", "api", "d", NAME.decode(), "link", "private")
ROUNDS = 500
"""Inputs for one house: what they store must not pile up."""

_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\0-\x08\x0a-\x1f\x7f]*")


class Fort:
    """A house with something that nobody may see outside of its storage, and in the private folder.

    :param closed: whether a token is set; then nobody may see anything in the storage either, and no name of it.
    """

    def __init__(self, *, closed: bool) -> None:
        self.closed = closed
        self.house = (
            House(token="a secret that no input holds".replace(" ", "-")) if closed else House(anonymous="full")
        )
        self.outside = os.path.join(self.house.folder, "outside")
        os.mkdir(self.outside)
        for path in (
            os.path.join(self.outside, "canary"),
            os.path.join(self.house.storage, ".peerstor", "canary"),
        ):
            with open(path, "wb") as file:
                file.write(CANARY)
        self.house.put_file("a", b"content " * 100)
        self.house.put_file("d/page.html", b"<html>" * 100)
        os.symlink(self.outside, self.house.path("link"))
        os.symlink(b".peerstor", self.house.path("private"))
        if closed:
            for name in ("a", "d/page.html", NAME.decode(), "api/x"):
                self.house.put_file(name, CANARY)
        self.seen: list[Any] = []
        self.house.site._log = self.seen.append
        self.rounds = 0

    def send(self, data: bytes) -> None:
        """Send bytes in pieces, and judge all that comes back."""
        self.seen.clear()
        channel, wire = self.house.connect()
        for piece in split(data):
            channel.dataReceived(piece)
        self.house.settle()
        for _ in range(100):  # wrong secrets are answered late
            if not channel.busy:
                break
            self.house.clock.advance(1)
            self.house.settle()
        channel.readConnectionLost()
        self.house.settle()
        assert wire.disconnecting or wire.aborted or wire.half_closed or wire.disconnected, "left open"
        received = wire.value()
        channel.connectionLost(Failure(ConnectionError()))
        self.house.settle()
        assert CANARY not in received and NAME not in received, received
        _check_answers(received, self.seen, cut=wire.aborted)
        for request in self.seen:
            assert request.code < 500, (request.code, request.uri)
        assert os.listdir(self.outside) == ["canary"], os.listdir(self.outside)
        if self.closed:
            assert self.house.content("a") == CANARY
            assert sorted(os.listdir(self.house.storage)) == [*INSIDE]

    def close(self) -> None:
        """Remove everything; databases are closed when nobody knows them any more."""
        self.house.close()


def _check_answers(received: bytes, seen: list[Any], *, cut: bool) -> None:
    """Each request has one answer with a clean head, in order; after the last comes at most a refusal."""
    answered = [request for request in seen if request.startedWriting]
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        first, *fields = head.split(b"\r\n")
        status = re.fullmatch(rb"HTTP/1\.[01] ([0-9]{3}) [ -~]+", first)
        assert end and status, first
        if status[1] == b"100":
            continue
        assert all(_FIELD.fullmatch(field) for field in fields), fields
        request = answered.pop(0) if answered else None
        assert (request.code if request else 400) // 100 in (2, 3, 4), (status, request)
        if request is None:
            assert status[1] in (b"400", b"408", b"414", b"431"), head
        else:
            assert request.code == int(status[1]), (request.code, head)
        bodiless = request is not None and (request.method == b"HEAD" or status[1] in (b"204", b"304"))
        received = _behind_body(dict(field.lower().split(b": ", 1) for field in fields), received, bodiless, cut)


def _behind_body(fields: dict[bytes, bytes], received: bytes, bodiless: bool, cut: bool) -> bytes:
    if bodiless:
        return received
    if fields.get(b"transfer-encoding") == b"chunked":
        while True:
            line, _, received = received.partition(b"\r\n")
            if cut and not line:
                return b""
            size = int(line, 16)
            if not size:
                return received.removeprefix(b"\r\n")
            received = received[size + 2 :]
    length = int(fields[b"content-length"])
    assert cut or len(received) >= length, fields
    return received[length:]


_forts: list[Fort] = []


def check(data: bytes) -> None:
    """Whatever is sent: no 5xx, no failure in the log, no answer too many, and nothing is shown that may not be."""
    if _forts and _forts[0].rounds >= ROUNDS:
        _clean()
    if not _forts:
        _forts.extend((Fort(closed=False), Fort(closed=True)))
    for fort in _forts:
        fort.rounds += 1
        with no_failure_logged():
            fort.send(data)


@atexit.register
def _clean() -> None:
    while _forts:
        _forts.pop().close()
    gc.collect()
