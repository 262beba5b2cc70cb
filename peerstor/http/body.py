"""A request's body as a push producer that begins paused."""

from enum import Enum, auto
from typing import Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer


class BodyCut(Exception):
    """The body ended before its end: the connection was lost, or the framing is broken."""


class BodyTaken(Exception):
    """The body was asked for a second time; it can be taken once."""


class DeliveryStopped(Exception):
    """The consumer wanted no more, or the request was answered before its body had ended."""


class BodyTooLarge(Exception):
    """The body is larger than its taker allows."""

    def __init__(self, maximum: int) -> None:
        super().__init__(maximum)
        self.maximum = maximum


class ViewConsumer(Protocol):
    """What a consumer may have beside `IConsumer`: it takes bytes without an object being made of them."""

    @property
    def direct(self) -> bool:
        """Whether views are welcome at this moment."""

    def write_through(self, data: memoryview) -> None:
        """Take the next bytes, as `write` does; the view is good only during the call."""


class Hold(Enum):
    """The reasons for which the socket is not read."""

    UNHEARD = auto()  # nobody listens yet
    CONSUMER = auto()  # whoever listens is full
    WRITING = auto()  # the transport has more to write than it can: a client that doesn't read may not send


class Flow(Protocol):
    """What a body asks of its connection."""

    def body_wanted(self) -> None:
        """The body is listened to for the first time: tell a client that waits for a 100."""

    def body_held(self) -> None:
        """Stop reading the socket, at the latest when bytes arrive that would have to be kept."""

    def body_released(self) -> None:
        """Read the socket again."""


@implementer(IPushProducer)
class BodyStream:
    """The bytes of one request's body, delivered to one consumer as they arrive.

    The socket is read only while there is no hold. A hold isn't instant: one read (64 KiB on TCP, a TLS record
    set; 1 MiB where views are welcome) may still arrive, and is kept until somebody listens. After its end the
    stream never touches the connection, which may by then be reading the next pipelined request.
    """

    def __init__(self, flow: Flow | None, *, length: int | None) -> None:
        """Make a stream.

        :param flow: the connection, or None where there is no body at all (the stream is at its end at once).
        :param length: bytes, as declared; None when the transfer is chunked.
        """
        self.length = length
        self.received = 0
        self.ended = flow is None
        self._flow = flow
        self._holds = {Hold.UNHEARD} if flow is not None else set()
        self._early: list[bytes] = []
        self._failure: Failure | None = None
        self._consumer: IConsumer | None = None
        self._views: ViewConsumer | None = None
        self._done: Deferred[int] | None = None
        self._taken = False
        self._discarding = False
        self._maximum: int | None = None
        self._delivered = 0

    @property
    def open(self) -> bool:
        """Whether bytes may still arrive."""
        return self._flow is not None

    @property
    def held(self) -> bool:
        """Whether there is a reason not to read the socket."""
        return bool(self._holds)

    @property
    def remaining(self) -> int | None:
        """Bytes that are still to arrive; None when that is unknown."""
        if self.ended:
            return 0
        return None if self.length is None else self.length - self.received

    @property
    def takes_views(self) -> bool:
        """Whether its consumer is one that takes views at all, and its length is known."""
        return self._views is not None and self.length is not None

    @property
    def direct(self) -> bool:
        """Whether views are welcome at this moment."""
        return self._views is not None and self._views.direct and self._flow is not None

    # For whoever wants the body.

    def deliver(self, consumer: IConsumer, maximum: int | None = None) -> Deferred[int]:
        """Push the body into `consumer`: `registerProducer`, any number of `write`, `unregisterProducer`.

        :param maximum: the largest number of bytes to take.
        :return: a Deferred that fires with the count of bytes at a true end. It fails with `BodyCut` when the body
            breaks off (what was written until then is a prefix), with `BodyTooLarge` above `maximum`, with
            `DeliveryStopped` after `stopProducing`. Cancelling it stops the delivery.
        :raise BodyTaken: when the body was delivered or discarded before.
        """
        if self._taken:
            raise BodyTaken
        self._taken = True
        self._maximum = maximum
        done: Deferred[int] = Deferred(lambda _: self._finish(Failure(DeliveryStopped())))
        self._done = done
        if maximum is not None and self.length is not None and self.length > maximum:
            self._finish(Failure(BodyTooLarge(maximum)))
            return done
        self._consumer = consumer
        self._views = cast(ViewConsumer, consumer) if hasattr(consumer, "write_through") else None
        consumer.registerProducer(self, True)
        early, self._early = self._early, []
        for piece in early:
            self._pass_on(piece)
        if self._consumer is None:  # the consumer stopped, or it was too much
            return done
        if self.ended:
            self._finish(None)
        elif self._failure is not None:
            self._finish(self._failure)
        elif self._flow is not None:
            self._flow.body_wanted()
            self.release(Hold.UNHEARD)
        return done

    def discard(self) -> None:
        """Read the rest and throw it away; a delivery that is under way fails with `DeliveryStopped`."""
        self._taken = True
        self._discarding = True
        self._early = []
        self._finish(Failure(DeliveryStopped()))
        for hold in (Hold.UNHEARD, Hold.CONSUMER):
            self.release(hold)

    # IPushProducer, for the consumer.

    def pauseProducing(self) -> None:
        """Hold: the consumer is full."""
        self.hold(Hold.CONSUMER)

    def resumeProducing(self) -> None:
        """Go on: the consumer has room."""
        self.release(Hold.CONSUMER)

    def stopProducing(self) -> None:
        """End the delivery: the consumer wants no more. The rest stays unread until the request is answered."""
        self._finish(Failure(DeliveryStopped()))

    # For the connection.

    def hold(self, reason: Hold) -> None:
        """Add a reason not to read the socket."""
        if self._flow is None:
            return
        first = not self._holds
        self._holds.add(reason)
        if first:
            self._flow.body_held()

    def release(self, reason: Hold) -> None:
        """Take a reason away; the socket is read when none is left."""
        if self._flow is None or reason not in self._holds:
            return
        self._holds.discard(reason)
        if not self._holds:
            self._flow.body_released()

    def data(self, piece: bytes | memoryview) -> None:
        """Take bytes that arrived.

        :param piece: a view, good only during the call, where `direct` says so; else bytes.
        """
        self.received += len(piece)
        if self._discarding:
            return
        if self._consumer is None:
            if not self._taken:
                self._early.append(bytes(piece))
            return
        self._pass_on(piece)

    def end(self) -> None:
        """Take note of the true end; from here on the connection is no business of this stream."""
        self._leave()
        self.ended = True
        self._finish(None)

    def fail(self, reason: Failure) -> None:
        """Take note that no more will arrive though the end was not reached."""
        if self.ended:
            return
        self._leave()
        self._failure = reason
        self._finish(reason)

    def _leave(self) -> None:
        self._flow = None
        self._holds.clear()

    def _pass_on(self, piece: bytes | memoryview) -> None:
        if self._consumer is None:
            return
        self._delivered += len(piece)
        if self._maximum is not None and self._delivered > self._maximum:
            self._finish(Failure(BodyTooLarge(self._maximum)))
            return
        if self._views is not None and isinstance(piece, memoryview):
            self._views.write_through(piece)
        else:
            self._consumer.write(bytes(piece))

    def _finish(self, failure: Failure | None) -> None:
        """End the delivery, if one is under way."""
        if self._done is None:
            return
        done, self._done = self._done, None
        consumer, self._consumer, self._views = self._consumer, None, None
        # Nobody listens any more; the answer decides what becomes of the rest.
        self.hold(Hold.UNHEARD)
        if consumer is not None:
            consumer.unregisterProducer()
        if failure is None:
            done.callback(self._delivered)
        else:
            done.errback(failure)
