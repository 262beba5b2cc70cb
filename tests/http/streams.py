"""Streams that tests drive by hand: consumers that fill, producers that obey, sources of every kind."""

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer


class FillingTransport(StringTransport):
    """A transport that pauses its producer within `write` once `mark` bytes wait, as the real ones do."""

    def __init__(self, mark: int = 64 * 1024) -> None:
        super().__init__()
        self.mark = mark
        self.received = b""
        self.writes: list[int] = []
        self.registered = 0
        self.unregistered = 0

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Count it."""
        self.registered += 1
        super().registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Count it."""
        self.unregistered += 1
        super().unregisterProducer()

    def write(self, data: bytes) -> None:
        """Buffer, and pause at the mark."""
        super().write(data)
        self.writes.append(len(data))
        if self.producer is not None and len(self.value()) >= self.mark:
            self.producer.pauseProducing()

    def drain(self) -> bytes:
        """Take what waits, as the client does, and let the producer go on."""
        data = self.value()
        self.received += data
        self.clear()
        if self.producer is not None:
            self.producer.resumeProducing()
        return data

    def lose(self) -> None:
        """Lose the connection, as abstract.FileDescriptor does."""
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()


class ListSource:
    """Blocks from a list; a Deferred or an exception in it is handed out or raised as it is."""

    def __init__(self, blocks: Iterable[bytes | Deferred[bytes] | Exception]) -> None:
        self.blocks = list(blocks)
        self.asked = 0
        self.closed = 0

    def next_block(self) -> bytes | Deferred[bytes]:
        """Hand out the next one."""
        self.asked += 1
        block = self.blocks.pop(0) if self.blocks else b""
        if isinstance(block, Exception):
            raise block
        return block

    def close(self) -> None:
        """Count it."""
        self.closed += 1


class SourceStopped(Exception):
    """The consumer stopped the source."""


@implementer(IPushProducer)
class PushedSource:
    """Bytes that the test pushes, as a connection would; it insists that pauses are kept to one read."""

    def __init__(self) -> None:
        self.consumer: IConsumer | None = None
        self.paused = False
        self.stopped = False
        self.pauses = 0
        self.sent = 0
        self.done: Deferred[int] = Deferred()

    def deliver(self, consumer: IConsumer) -> Deferred[int]:
        """Begin."""
        self.consumer = consumer
        consumer.registerProducer(self, True)
        return self.done

    def push(self, data: bytes) -> None:
        """One read of the connection."""
        assert self.consumer is not None
        self.sent += len(data)
        self.consumer.write(data)

    def push_while_wanted(self, data: bytes, size: int) -> int:
        """Push pieces of `size` bytes until paused, stopped or at the end; return how many bytes went."""
        sent = 0
        while sent < len(data) and not self.paused and not self.stopped:
            self.push(data[sent : sent + size])
            sent += size
        return min(sent, len(data))

    def end(self) -> None:
        """The true end of the bytes."""
        assert self.consumer is not None
        self.consumer.unregisterProducer()
        self.done.callback(self.sent)

    def cut(self, error: Exception) -> None:
        """The connection is lost."""
        assert self.consumer is not None
        self.consumer.unregisterProducer()
        self.done.errback(Failure(error))

    def pauseProducing(self) -> None:
        """Note it."""
        self.paused = True
        self.pauses += 1

    def resumeProducing(self) -> None:
        """Note it."""
        self.paused = False

    def stopProducing(self) -> None:
        """Fail, as a body does."""
        self.stopped = True
        if not self.done.called:
            self.done.errback(Failure(SourceStopped()))
