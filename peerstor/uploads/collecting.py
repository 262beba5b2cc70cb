"""Small bodies in memory: taken from a source, and given on as one."""

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.errors import BodyCut, Fault, TooLarge
from peerstor.interfaces import IByteSource
from peerstor.uploads.sink import SMALL


@implementer(IConsumer)
class Collector:
    """Keeps what one source delivers, as a `Sink` writes it: for bodies that are known to be small.

    :ivar written: bytes of it that are in a file: none.
    """

    written = 0

    def __init__(self, *, limit: int | None) -> None:
        """Make one.

        :param limit: the largest size that is taken, bytes.
        """
        self._limit = limit
        self._pieces: list[bytes | bytearray] = []
        self._count = 0
        self._producer: IPushProducer | None = None
        self._reason: Exception | None = None
        self._ended: Deferred[Any] = Deferred()

    async def take(self, source: IByteSource, length: int | None) -> bytes:
        """Take all bytes of a source.

        :param length: bytes that it should have, where that is known.
        :raise TooLarge: it had more than the limit.
        :raise BodyCut: it ended before its end.
        :raise Exception: the reason given to `cut`.
        """
        if self._reason is not None:
            raise self._reason
        maybeDeferred(source.deliver, self).addBoth(self._delivered)
        try:
            await self._ended
        except Exception as error:
            if self._reason is not None:
                raise self._reason from error
            if isinstance(error, Fault):
                raise
            raise BodyCut() from error
        if length is not None and self._count != length:
            raise BodyCut()
        first = self._pieces[0] if len(self._pieces) == 1 else b""
        return first if isinstance(first, bytes) and first else b"".join(self._pieces)

    def cut(self, reason: Exception) -> None:
        """End the delivery at once. Does nothing after its end.

        :param reason: what `take` raises then.
        """
        if self._reason is not None or self._ended.called:
            return
        self._reason = reason
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        if not self._ended.called:
            self._ended.errback(Failure(reason))

    @property
    def silence(self) -> float:
        """Nobody else wants its place, however long the client is silent."""
        return 0.0

    @property
    def over(self) -> bool:
        """Whether the delivery has ended."""
        return self._ended.called

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See `IConsumer`."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """See `IConsumer`."""
        self._producer = None

    def write(self, data: bytes) -> None:
        """See `IConsumer`."""
        if self._reason is not None or not data:
            return
        self._count += len(data)
        if self._limit is not None and self._count > self._limit:
            self.cut(TooLarge(self._limit))
            return
        if len(data) >= SMALL:
            self._pieces.append(data)
        elif self._pieces and isinstance(self._pieces[-1], bytearray):
            self._pieces[-1] += data
        else:
            self._pieces.append(bytearray(data))

    def _delivered(self, outcome: Any) -> None:
        self._producer = None
        if not self._ended.called:
            self._ended.callback(outcome)  # a failure too


@implementer(IByteSource, IPushProducer)
class Kept:
    """Bytes that were collected, as a source of their own.

    :ivar ended: see `IByteSource`.
    """

    ended = True

    def __init__(self, data: bytes) -> None:
        self._data = data

    def deliver(self, consumer: IConsumer) -> Deferred[int]:
        """See `IByteSource`; they come in one piece."""
        consumer.registerProducer(self, True)
        consumer.write(self._data)
        consumer.unregisterProducer()
        return succeed(len(self._data))

    def pauseProducing(self) -> None:
        """See `IPushProducer`; all has been given."""

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""

    def stopProducing(self) -> None:
        """See `IPushProducer`."""
