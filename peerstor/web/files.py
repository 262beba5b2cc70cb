"""Answering with a file: its whole, ranges of it, its coded form, or that it hasn't changed."""

import os

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from peerstor.errors import PreconditionFailed, RangeNotSatisfiable
from peerstor.http.byteranges import frame
from peerstor.http.coding import compressible, negotiate
from peerstor.http.conditional import (
    Verdict,
    coded,
    entity_tag,
    evaluate,
    if_range_holds,
    last_modified,
)
from peerstor.http.media import active, disposition, media_type
from peerstor.http.ranges import ByteRange, UnsatisfiableRange, content_range, parse_range
from peerstor.http.request import StreamingRequest
from peerstor.http.sender import send_spans
from peerstor.http.spans import Span
from peerstor.interfaces import IThreads
from peerstor.tree.sandbox import Opened
from peerstor.web.coded import CodedFiles
from peerstor.web.counts import WebCounts
from peerstor.web.parameters import flag

SMALL = 64 * 1024
"""Bytes up to which a file is read where it is opened, and sent with its head."""

GZIP_AT_LEAST = 256
"""Bytes below which coding costs more than it saves."""

SANDBOXED = (
    b"sandbox; default-src 'none'; img-src 'self' data:; media-src 'self' data:; font-src 'self' data:; "
    b"style-src 'self' 'unsafe-inline'; frame-ancestors 'self'"
)
"""For stored pages: they look as they should, and can't act as this server."""


@frozen
class Reading:
    """An open file, with its first bytes where it is small.

    :param content: the whole of it, or None.
    :param at_once: whether it was opened without a thread.
    """

    opened: Opened
    content: bytes | None
    at_once: bool = False


def read_small(opened: Opened) -> Reading:
    """Read a small file whole. Blocks; call it in the thread that opened it."""
    size = opened.stat.st_size
    if opened.is_folder or size > SMALL:
        return Reading(opened, None)
    content = os.pread(opened.fd, size, 0)
    return Reading(opened, content if len(content) == size else None)


class Files:
    """Sends files.

    :ivar gzip_threshold: see `__init__`; it may change.
    """

    def __init__(
        self,
        *,
        threads: IThreads,
        clock: IReactorTime,
        gzip_threshold: int,
        coded: CodedFiles,
        counts: WebCounts,
    ) -> None:
        """Make a sender of files.

        :param threads: where reads run that may wait for a disk.
        :param gzip_threshold: largest size that is compressed, bytes; 0 compresses nothing.
        :param coded: sends what is compressed.
        """
        self._threads = threads
        self._coded = coded
        self._clock = clock
        self._counts = counts
        self.gzip_threshold = gzip_threshold

    async def answer(self, request: StreamingRequest, name: bytes, reading: Reading) -> bytes:
        """Answer GET or HEAD.

        :param name: the file's name, from which its media type comes.
        :return: what is still to be written of the body.
        :raise PreconditionFailed, RangeNotSatisfiable: as the request's headers have it.
        """
        found = reading.opened.stat
        kind = media_type(name)
        tag = entity_tag(found)
        ranged = request.method == b"GET" and request.requestHeaders.hasHeader(b"range")
        coding = self._coding(request, kind, found.st_size, ranged=ranged)
        self._describe(request, name, kind)
        request.setHeader(b"etag", (coded(tag, "gzip") if coding else tag).encode())
        request.setHeader(b"last-modified", last_modified(found.st_mtime))
        verdict = evaluate(
            request.method,
            request.requestHeaders,
            tag=coded(tag, "gzip") if coding else tag,
            mtime=found.st_mtime,
        )
        if verdict is Verdict.FAILED:
            raise PreconditionFailed()
        if verdict is Verdict.NOT_MODIFIED:
            request.setResponseCode(304)
            request.responseHeaders.removeHeader(b"content-type")
            return b""
        if coding:
            await self._coded.answer(request, reading.opened, reading.content)
            return b""
        ranges = _ranges(request, tag, found) if ranged else None
        if ranges is None:
            return await self._send_whole(request, reading)
        return await self._send_ranges(request, reading, ranges, kind)

    async def send_range(self, request: StreamingRequest, fd: int, wanted: ByteRange) -> None:
        """Send a range of an open file to a request whose answer has a head that says so.

        :raise TransferStopped, FileShrank, OSError, CancelledError: see `peerstor.http.sender.send_spans`.
        """
        await self._send(request, (Span(fd, wanted.start, wanted.length),))

    def _coding(self, request: StreamingRequest, kind: str, size: int, *, ranged: bool) -> bytes | None:
        """Choose the coding, and say that there was a choice."""
        if not GZIP_AT_LEAST <= size <= self.gzip_threshold or not compressible(kind):
            return None
        request.responseHeaders.addRawHeader(b"vary", b"Accept-Encoding")
        accepted = request.requestHeaders.getRawHeaders(b"accept-encoding")
        return None if ranged or accepted is None else negotiate(b",".join(accepted))

    @staticmethod
    def _describe(request: StreamingRequest, name: bytes, kind: str) -> None:
        request.setHeader(b"accept-ranges", b"bytes")
        request.setHeader(b"content-type", kind.encode())
        if active(kind):
            request.setHeader(b"content-security-policy", SANDBOXED)
        else:  # a browser shows it by means of its own, which a policy would only hinder
            request.responseHeaders.removeHeader(b"content-security-policy")
        if flag(request, b"download"):
            request.setHeader(b"content-disposition", disposition(name))

    async def _send_whole(self, request: StreamingRequest, reading: Reading) -> bytes:
        size = reading.opened.stat.st_size
        request.setHeader(b"content-length", b"%d" % size)
        if request.method == b"HEAD" or not size:
            return b""
        if reading.content is not None:
            return reading.content
        return await self._send(request, (Span(reading.opened.fd, 0, size),))

    async def _send_ranges(
        self, request: StreamingRequest, reading: Reading, ranges: tuple[ByteRange, ...], kind: str
    ) -> bytes:
        opened, size = reading.opened, reading.opened.stat.st_size
        request.setResponseCode(206)
        parts: tuple[bytes | Span, ...]
        if len(ranges) == 1:
            request.setHeader(b"content-range", content_range(ranges[0], size))
            request.setHeader(b"content-length", b"%d" % ranges[0].length)
            parts = (Span(opened.fd, ranges[0].start, ranges[0].length),)
        else:
            framed = frame(ranges, fd=opened.fd, size=size, media_type=kind)
            request.setHeader(b"content-type", framed.content_type)
            request.setHeader(b"content-length", b"%d" % framed.length)
            parts = framed.parts
        if reading.content is not None:
            return b"".join(_read(part, reading.content) for part in parts)
        return await self._send(request, parts)

    async def _send(self, request: StreamingRequest, parts: tuple[bytes | Span, ...]) -> bytes:
        with self._counts.transfer():
            await send_spans(request, parts, threads=self._threads, clock=self._clock)
        return b""


def _read(part: bytes | Span, content: bytes) -> bytes:
    return part if isinstance(part, bytes) else content[part.start : part.start + part.length]


def _ranges(request: StreamingRequest, tag: str, found: os.stat_result) -> tuple[ByteRange, ...] | None:
    if not if_range_holds(request.requestHeaders, tag=tag, mtime=found.st_mtime):
        return None
    values = request.requestHeaders.getRawHeaders(b"range", [])
    try:
        return parse_range(values[0], found.st_size) if len(values) == 1 else None
    except UnsatisfiableRange:
        raise RangeNotSatisfiable(found.st_size) from None
