"""Pushing blocks of bytes to a consumer: never more than one ahead, never while it is full."""

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IDelayedCall, IPushProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.http.latch import Latch

P = ParamSpec("P")
T = TypeVar("T")

#: Bytes handed over in one turn of the reactor. Less costs a timer more often; more lets a source that is always
#: ready (a file in the page cache, a consumer that never fills) keep everyone else waiting.
BYTES_PER_TURN = 1024 * 1024

#: What a block counts at least towards its turn, bytes: a source of tiny blocks costs calls, not bytes.
LEAST_COST = 16 * 1024


class Runs(Protocol):
    """Somewhere to run what may block, off the reactor's thread."""

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Call `function` in a thread; the Deferred fires in the reactor's thread with its outcome."""


class BlockSource(Protocol):
    """Blocks of bytes, one at a time."""

    def next_block(self) -> bytes | Deferred[bytes]:
        """Return the next block, at once or later; `b""` is the end.

        It is not called again before the last one has been answered.
        """

    def close(self) -> None:
        """Let go of what the source holds. Called once, when no block is under way."""


@define(eq=False)
class TransferStopped(Exception):
    """The consumer ended the transfer before its end: its connection is gone."""


@implementer(IPushProducer)
class BlockProducer:
    """Pushes the blocks of one source to one consumer.

    At most one block is under way or held back, and none is asked for while the consumer is full: the memory of a
    slow reader is one block and what its transport buffers.

    :param clock: where a turn that has lasted long enough is continued.
    """

    def __init__(self, *, consumer: IConsumer, source: BlockSource, clock: IReactorTime) -> None:
        self._consumer = consumer
        self._source = source
        self._clock = clock
        self._ended = Latch()
        self._outcome: Failure | None = None
        self._over = False
        self._paused = False
        self._pumping = False
        self._in_flight = False
        self._held: bytes | None = None
        self._cost = 0
        self._next_turn: IDelayedCall | None = None

    async def run(self) -> None:
        """Push everything, and return when nothing of it is under way any more.

        :raise TransferStopped: when the consumer stopped it.
        :raise Exception: whatever the source or the consumer raised. The consumer is unregistered, and what it got
            is a prefix.
        """
        try:
            self._consumer.registerProducer(self, True)
        except Exception:
            self._source.close()
            raise
        self._pump()
        await self._ended.wait(self._cancelled)
        if self._outcome is not None:
            self._outcome.raiseException()

    def pauseProducing(self) -> None:
        """Write nothing more until resumed; a block that is under way is held back when it arrives."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on, first with what was held back."""
        self._paused = False
        self._pump()

    def stopProducing(self) -> None:
        """Write nothing more, ever: the consumer is gone and is not touched again."""
        self._end(Failure(TransferStopped()), registered=False)

    def _cancelled(self) -> None:
        """Whoever waits has lost interest, while the consumer may well be there."""
        self._end(Failure(CancelledError()))

    def _pump(self) -> None:
        """Move blocks until something makes us wait. Calls from within a write or a source do nothing."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while not (self._over or self._paused or self._in_flight or self._next_turn):
                self._step()
        except Exception:
            self._end(Failure())
        finally:
            self._pumping = False

    def _step(self) -> None:
        """Write the block held back, or end the turn, or ask for the next block."""
        if self._held is not None:
            block, self._held = self._held, None
            self._write(block)
        elif self._cost >= BYTES_PER_TURN:
            self._next_turn = self._clock.callLater(0, self._turn)
        else:
            self._ask()

    def _turn(self) -> None:
        self._next_turn = None
        self._cost = 0
        self._pump()

    def _ask(self) -> None:
        block = self._source.next_block()
        if isinstance(block, Deferred):
            self._in_flight = True
            block.addCallbacks(self._arrived, self._failed)
        else:
            self._held = block

    def _arrived(self, block: bytes) -> None:
        self._in_flight = False
        if self._over:
            self._close()
        else:
            self._held = block
            self._pump()

    def _failed(self, reason: Failure) -> None:
        self._in_flight = False
        if self._over:
            self._close()
        else:
            self._end(reason)

    def _write(self, block: bytes) -> None:
        if not block:
            self._end(None)
            return
        self._cost += max(len(block), LEAST_COST)
        self._consumer.write(block)

    def _end(self, outcome: Failure | None, *, registered: bool = True) -> None:
        """Settle the outcome once; the source is closed when its last block is back."""
        if self._over:
            return
        self._over = True
        self._outcome = outcome
        self._held = None
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        if registered:
            self._consumer.unregisterProducer()
        if not self._in_flight:
            self._close()

    def _close(self) -> None:
        self._source.close()
        self._ended.open()


def send(consumer: IConsumer, source: BlockSource, *, clock: IReactorTime) -> Deferred[None]:
    """Push all blocks of `source` to `consumer`, and close the source.

    :return: a Deferred that fires when the last block is written and the consumer unregistered, or fails as
        `BlockProducer.run` says. Cancelling it ends the transfer; it fires when nothing is under way any more.
    """
    return Deferred.fromCoroutine(BlockProducer(consumer=consumer, source=source, clock=clock).run())
