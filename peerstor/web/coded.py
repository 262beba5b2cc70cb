"""Answering with the coded form of a file: made while it is sent, or before; again, from the cache."""

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerstor.cache.draft import Draft
from peerstor.cache.entry import START, Kept
from peerstor.cache.origin import Origin
from peerstor.cache.store import Cache
from peerstor.http.blocks import send
from peerstor.http.coding import Gzip, gzipped, recipe
from peerstor.http.request import StreamingRequest
from peerstor.http.sender import send_spans
from peerstor.http.spans import FileShrank, Span
from peerstor.http.stepped import SteppedBlocks
from peerstor.interfaces import IThreads
from peerstor.tree.faults import fault_of
from peerstor.tree.sandbox import Opened
from peerstor.web.counts import WebCounts

_log = Logger()

MADE_FIRST = 4 * 1024 * 1024
"""Bytes up to which a file is coded into the cache before it is sent, in some 6 ms: all who ask for it meanwhile
get that one result, each at its own pace, and a client that leaves costs the next one nothing. A larger one would
keep its client waiting, and is coded while it is sent."""


class CodedFiles:
    """Sends files in the gzip coding."""

    def __init__(
        self,
        *,
        threads: IThreads,
        coders: IThreads,
        clock: IReactorTime,
        counts: WebCounts,
        cache: Cache | None,
    ) -> None:
        """Make a sender of coded files.

        :param threads: where reads run that may wait for a disk.
        :param coders: where compression runs; its size bounds how much of it goes on at once.
        :param cache: keeps what was coded; None to code everything while it is sent.
        """
        self._threads = threads
        self._coders = coders
        self._clock = clock
        self._counts = counts
        self._cache = cache
        self._recipe = recipe()
        # Those who wait for a result that is being made, by its key.
        self._making: dict[bytes, list[Deferred[None]]] = {}

    async def answer(self, request: StreamingRequest, opened: Opened, content: bytes | None) -> None:
        """Answer GET or HEAD; all of the body is sent here.

        The length is said where it is known beforehand; HEAD makes nothing to find it out.

        :param content: all of the file where it is small: that is coded faster than a kept result is found.
        """
        request.setHeader(b"content-encoding", b"gzip")
        if content is not None:
            await self._send_small(request, content)
        elif self._cache is None:
            await self._send_made(request, opened, None)
        else:
            await self._send_kept(request, opened, self._cache)

    async def _send_small(self, request: StreamingRequest, content: bytes) -> None:
        if request.method == b"HEAD":
            return
        body = await self._coders.run(gzipped, content)
        request.setHeader(b"content-length", b"%d" % len(body))
        request.write(body)

    async def _send_kept(self, request: StreamingRequest, opened: Opened, cache: Cache) -> None:
        """Send what is kept, make it first, or send it while it is made."""
        origin = Origin.of(opened.stat, self._recipe)
        kept = await self._coders.run(cache.open, origin) if cache.knows(origin) else None
        if request.method == b"GET":
            self._counts.coded(again=kept is not None)
            if kept is None and self._made_first(opened, origin, cache):
                await self._make(opened, origin, cache)
                kept = await self._coders.run(cache.open, origin)
        if kept is None:
            await self._send_made(request, opened, partial(cache.begin, origin) if cache.takes(origin) else None)
            return
        try:
            await self._send_span(request, kept)
        finally:
            kept.close()

    def _made_first(self, opened: Opened, origin: Origin, cache: Cache) -> bool:
        return opened.stat.st_size <= MADE_FIRST and (origin.key in self._making or cache.takes(origin))

    async def _send_span(self, request: StreamingRequest, kept: Kept) -> None:
        request.setHeader(b"content-length", b"%d" % kept.length)
        if request.method == b"HEAD":
            return
        span = Span(kept.fd, START, kept.length)
        with self._counts.transfer():
            await send_spans(request, (span,), threads=self._threads, clock=self._clock)

    async def _send_made(
        self, request: StreamingRequest, opened: Opened, copy: Callable[[], Draft | None] | None
    ) -> None:
        if request.method == b"HEAD":
            return
        gzip = _gzip(opened, copy)
        with self._counts.transfer():
            await send(request, SteppedBlocks(gzip, threads=self._coders), clock=self._clock)

    async def _make(self, opened: Opened, origin: Origin, cache: Cache) -> None:
        """Have a result made, or wait for it if it is being made; whether it was, the cache knows."""
        turn: Deferred[None] = Deferred()
        if origin.key in self._making:
            self._making[origin.key].append(turn)
        else:
            gzip = _gzip(opened, partial(cache.begin, origin))
            self._making[origin.key] = [turn]
            self._coders.run(_make_all, gzip).addBoth(self._made, origin.key)
        await turn

    def _made(self, outcome: object, key: bytes) -> None:
        # A file that can't be read says so again, to whom it concerns, when it is sent.
        if isinstance(outcome, Failure) and not outcome.check(OSError, FileShrank):
            _log.failure("A file could not be compressed", failure=outcome)
        for turn in self._making.pop(key):
            turn.callback(None)


def _gzip(opened: Opened, copy: Callable[[], Draft | None] | None) -> Gzip:
    """Begin to code a file. Raises Overloaded where the process has no descriptor left for it."""
    try:
        return Gzip(fd=opened.fd, length=opened.stat.st_size, copy=copy)
    except OSError as error:
        raise fault_of(error) from error


def _make_all(gzip: Gzip) -> None:
    """Code a whole file, for as long as the result is being kept. Blocks."""
    try:
        while gzip.step() and gzip.copying:
            pass
    finally:
        gzip.close()
