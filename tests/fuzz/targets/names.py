"""Requests to store a file that are understood at a glance, against the most careful reading of them."""

from __future__ import annotations

from peerstor.http.namerepeats import Named, named
from tests.fuzz.framing import Reading, read

WORDS = (
    b"PUT /a HTTP/1.1\r\n", b"PUT /d/a.bin HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", b"PUT ", b"/d/", b"a", b".", b"..",
    b"%2F", b"?", b"#", b"?x=/a", b"\t", b" ", b"\r", b"\n", b"\0", b"\x7f", b"\xff", b" HTTP/1.0\r\n", b" HTTP/1.1\r\n",
    b"Host: h\r\n", b"Content-Length: 5\r\n", b"Content-Length: 1\r\n", b"Content-Length: 05\r\n", b"content-length: 5\r\n",
    b"Content-Length: 5 \r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n ", b"\r\n\r\n", b"\r\n", b"http://o/", b"//",
)  # fmt: skip


def check(data: bytes) -> None:
    """What is understood is one request, and another name and content in its place make it no other kind of thing."""
    asked = named(data)
    if asked is None:
        return
    other = b"PUT %sother HTTP/1.1\r\n%s3%s\r\n\r\nnew" % (asked.folder, *asked.rest)
    like = named(other)
    assert like is not None and like.key((False, False)) == asked.key((False, False)), (data, other)
    reading, likewise = read(data), read(other)
    assert reading.sound == likewise.sound, (data, other)
    if reading.sound:
        _check_single(reading, asked, data[asked.at :])
        _check_single(likewise, like, b"new")


def _check_single(reading: Reading, asked: Named, content: bytes) -> None:
    [request] = reading.requests
    assert (request.method, request.path, request.body) == (b"PUT", asked.folder + asked.name, content), reading
    assert request.whole, reading
