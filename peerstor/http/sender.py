"""Sending spans of open files to a client, with no read of the reactor's thread ever waiting for a disk."""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IReactorTime

from peerstor.http import spans
from peerstor.http.blocks import BlockProducer, Runs, TransferStopped
from peerstor.http.request import StreamingRequest
from peerstor.http.spans import BLOCK, FileShrank, Span
from peerstor.http.zerocopy import ZeroCopy, fits

__all__ = ["FileShrank", "Span", "SpanSource", "TransferStopped", "send_spans"]


class SpanSource:
    """Blocks of a sequence of ready bytes and spans of files (see `peerstor.http.blocks.BlockSource`)."""

    def __init__(
        self, parts: Iterable[bytes | Span], *, threads: Runs, size: Callable[[], int] = lambda: BLOCK
    ) -> None:
        """Make a source.

        :param size: tells how many bytes of a span a block is to have.
        """
        self._parts: Iterator[bytes | Span] = iter(parts)
        self._threads = threads
        self._cache = spans.CacheReader()
        self._fd = -1
        self._position = 0
        self._left = 0
        self._size = size

    def next_block(self) -> bytes | Deferred[bytes]:
        """Return some bytes of a span, or one piece of ready bytes as it is; `b""` after the last.

        What the page cache holds comes at once, the rest through a thread, which may fail with `FileShrank`.
        """
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return b""
            if not isinstance(part, Span):
                if part:
                    return part
                continue
            self._fd, self._position, self._left = part.fd, part.start, part.length
        wanted = min(self._size(), self._left)
        cached = self._cache.read(self._fd, self._position, wanted)
        if cached:
            return self._taken(cached)
        return self._threads.run(spans.read, self._fd, self._position, wanted).addCallback(self._taken)

    def close(self) -> None:
        """Forget what is left; the descriptors are the caller's."""
        self._parts = iter(())
        self._left = 0

    def _taken(self, data: bytes) -> bytes:
        self._position += len(data)
        self._left -= len(data)
        return data


def send_spans(
    consumer: IConsumer, parts: Iterable[bytes | Span], *, threads: Runs, clock: IReactorTime
) -> Deferred[None]:
    """Send ready bytes and spans of files to `consumer`, in order.

    A request over a plain connection gets them without a copy (`peerstor.http.zerocopy`), unless that way is
    switched off; any other consumer has blocks of them pushed to it.

    :param parts: what to send; pieces of ready bytes should be at most 64 KiB each.
    :param threads: where reads run that may wait for a disk.
    :param clock: see `peerstor.http.blocks.BlockProducer`.
    :return: a Deferred that fires when all is written and the consumer unregistered. It fails with `FileShrank`
        when a file ended early (cut the connection), `TransferStopped` when the consumer went away, `OSError`
        when a read failed. Once it has fired, no read is under way: close the descriptors then, not before, even
        where it was cancelled.
    """
    return Deferred.fromCoroutine(_send(consumer, parts, threads, clock))


async def _send(consumer: IConsumer, parts: Iterable[bytes | Span], threads: Runs, clock: IReactorTime) -> None:
    """Send what can be sent without a copy, and the rest in blocks."""
    if fits(consumer):
        request = cast(StreamingRequest, consumer)
        parts = await ZeroCopy(request=request, parts=parts, threads=threads, clock=clock).run()
        if not parts:
            return
    source = SpanSource(parts, threads=threads, size=lambda: _block_size(consumer))
    await BlockProducer(consumer=consumer, source=source, clock=clock).run()


def _block_size(consumer: IConsumer) -> int:
    """Ask the connection, where it knows."""
    transport = consumer.channel.transport if isinstance(consumer, StreamingRequest) else None
    return getattr(transport, "block_size", BLOCK)
