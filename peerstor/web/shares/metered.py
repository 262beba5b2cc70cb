"""A source of bytes of which somebody has to approve piece by piece, before it goes on."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IProducer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.errors import Fault
from peerstor.interfaces import IByteSource


@implementer(IByteSource)
class Metered:
    """Passes on what another source delivers, until a piece of it is refused.

    :param approve: called with the count of bytes of each piece before it is passed on; raises a Fault to refuse
        it, which then is what the delivery fails with.
    """

    def __init__(self, source: IByteSource, approve: Callable[[int], None]) -> None:
        self._source = source
        self._approve = approve

    @property
    def ended(self) -> bool:
        """See `IByteSource`."""
        return self._source.ended

    def deliver(self, consumer: IConsumer) -> Deferred[int]:
        """See `IByteSource`."""
        meter = _Meter(consumer, self._approve)
        done: Deferred[int] = self._source.deliver(meter)
        return done.addErrback(meter.reason)


@implementer(IConsumer)
class _Meter:
    def __init__(self, consumer: IConsumer, approve: Callable[[int], None]) -> None:
        self._consumer = consumer
        self._approve = approve
        self._producer: IPushProducer | None = None
        self._refused: Failure | None = None

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See `IConsumer`."""
        self._producer = IPushProducer(producer)
        self._consumer.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See `IConsumer`."""
        self._producer = None
        self._consumer.unregisterProducer()

    def write(self, data: bytes) -> None:
        """See `IConsumer`."""
        if self._refused is not None:
            return
        try:
            self._approve(len(data))
        except Fault:
            self._refused = Failure()
            if self._producer is not None:
                self._producer.stopProducing()
            return
        self._consumer.write(data)

    def reason(self, failure: Failure) -> Failure:
        """Give why a delivery failed."""
        return self._refused or failure
