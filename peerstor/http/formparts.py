"""One file of a form: bytes that can be taken once, while the rest of the form waits."""

from collections.abc import Callable
from typing import cast

from attrs import define
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.http.body import DeliveryStopped, ViewConsumer


@define(eq=False)
class PartTaken(Exception):
    """The bytes of a part were asked for a second time, or after the reader had moved on."""


@implementer(IPushProducer)
class FilePart:
    """One file of a form. It is offered to a handler and fed by the reader of the form.

    :ivar field: name of the form's field.
    :ivar filename: the file's name as it was sent, UTF-8 unless the client meant otherwise; never empty unless
        the client sent bytes without a name. Nothing is stripped from it.
    :ivar content_type: what the client says of it, in lower case and without parameters; None when it says
        nothing.
    :ivar ended: whether all of it is here already; that is never known.
    """

    ended = False

    def __init__(
        self, *, field: str, filename: bytes, content_type: str | None, changed: Callable[[], None]
    ) -> None:
        self.field = field
        self.filename = filename
        self.content_type = content_type
        self._changed = changed
        self._delivered: Deferred[int] | None = None
        self._consumer: IConsumer | None = None
        self._paused = False
        self._discarded = False
        self._count = 0

    def deliver(self, consumer: IConsumer) -> Deferred[int]:
        """Push the file's bytes into `consumer`.

        The consumer gets `registerProducer` once, `write` any number of times and `unregisterProducer` once,
        however the delivery ends. After it paused us, nothing arrives until it resumes.

        :return: a Deferred with the count of bytes at the file's true end. It fails with `FormBroken` or the fault
            of the body when the form ends before that, `DeliveryStopped` when the consumer wants no more,
            `PartTaken` when it is not the first call or comes too late.
        """
        if self._delivered is not None or self._discarded:
            return fail(PartTaken())
        delivered: Deferred[int] = Deferred(lambda _: self._close(Failure(DeliveryStopped())))
        self._delivered = delivered
        self._consumer = consumer
        try:
            consumer.registerProducer(self, True)
        except Exception:
            self._consumer = None
            raise
        self._changed()
        return delivered

    def pauseProducing(self) -> None:
        """Write nothing until resumed; the whole form waits."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._paused = False
        self._changed()

    def stopProducing(self) -> None:
        """Write nothing more; what is left of the file is read and dropped."""
        self._close(Failure(DeliveryStopped()))

    # The reader's side.

    @property
    def ready(self) -> bool:
        """Whether bytes may be written now."""
        return self._discarded or (self._consumer is not None and not self._paused)

    def write(self, data: bytes, *, through: bool = False) -> None:
        """Pass bytes on, or drop them where nobody wants them.

        :param through: whether they go as a view to a consumer that welcomes one.
        """
        if self._consumer is None:
            return
        self._count += len(data)
        try:
            if through and getattr(self._consumer, "direct", False):
                cast(ViewConsumer, self._consumer).write_through(memoryview(data))
            else:
                self._consumer.write(data)
        except Exception:
            self._close(Failure())

    def finish(self) -> None:
        """The file's true end is reached."""
        self._close(None)

    def fail(self, reason: Failure) -> None:
        """The form ended in the middle of the file."""
        self._close(reason)

    def discard(self) -> None:
        """Nobody will take the bytes any more, unless somebody does already."""
        if self._consumer is None:
            self._close(None)

    def _close(self, reason: Failure | None) -> None:
        """Settle the delivery once, and drop whatever still comes."""
        if self._discarded:
            return
        self._discarded = True
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.unregisterProducer()
        if self._delivered is not None and not self._delivered.called:
            if reason is None:
                self._delivered.callback(self._count)
            else:
                self._delivered.errback(reason)
        self._changed()
