"""From a push producer to a part file: bounded memory, one write batch at a time in a borrowed thread."""

import errno
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.errors import BodyCut, Fault, TooLarge
from peerstor.interfaces import IByteSource, IThreads, IViewConsumer
from peerstor.uploads.pace import Pace

_log = Logger()

HIGH = 1024 * 1024
"""Bytes held (waiting or being written) at which the producer is paused: the memory that one upload may cost."""

LOW_SHARE = 4
"""It is resumed at so small a part of that: one batch, so that the socket is read while the last is written."""

BATCH = 256 * 1024
"""Bytes per visit to a thread: fewer would spend the time on hops, more would leave the socket idle."""

SMALL = 4096
"""Pieces shorter than this, bytes, are joined as they come: a million chunks of one byte would cost fifty times
their size as objects."""

LINGER = 0.25
"""Seconds that less than a batch waits for more. Well under the two seconds after which a writer is stale, so that
a stale one has nothing in memory."""


class Hasher(Protocol):
    """A running digest, or several."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take the next bytes."""


class Writes(Protocol):
    """Where the bytes go: a part file.

    :ivar local: whether its file system is on this machine.
    """

    local: bool

    def write(self, data: memoryview, position: int) -> int:
        """Write at an explicit position; answers with how many bytes were taken. Blocks. Raises OSError."""


def _write(
    part: Writes, data: bytes | bytearray | memoryview, position: int, hasher: Hasher | None
) -> tuple[int, OSError | None]:
    """Write a batch, as far as it goes, and take into the digest exactly what was written. Blocks."""
    view, done, error = memoryview(data), 0, None
    try:
        while done < len(data):
            taken = part.write(view[done:], position + done)
            if taken == 0:
                raise OSError(errno.EIO, "a write took nothing")
            done += taken
    except OSError as failed:
        error = failed
    if hasher is not None and done:
        hasher.update(data if done == len(data) else data[:done])
    return done, error


@implementer(IViewConsumer)
class Sink:
    """Writes what one source delivers behind what a part file already holds.

    Views are written where they come, in the reactor's thread, for as long as that is quick; everything else is
    kept and written in threads.

    Every byte that it has written is part of a prefix, however the delivery ends: a full disk, a cut connection,
    another writer.

    :ivar written: the file's offset behind the last byte that is in it, bytes.
    """

    def __init__(
        self,
        *,
        part: Writes,
        position: int,
        threads: IThreads,
        clock: IReactorTime,
        hasher: Hasher | None = None,
        limit: int | None = None,
        pace: Pace | None = None,
        progress: Callable[[int], Deferred[None] | None] = lambda offset: None,
    ) -> None:
        """Make a sink.

        :param position: offset in the file of the first byte to come.
        :param hasher: updated, in the thread, with what was written; None where the digest is made up for later.
        :param limit: the largest size, in bytes, that the file may reach: whatever lies beyond it is refused.
        :param pace: shared with the other sinks; one of its own by default.
        :param progress: told of `written` after each batch; where it answers with a Deferred, the next batch waits
            for it.
        """
        self.written = position
        self._part = part
        self._threads = threads
        self._clock = clock
        self._hasher = hasher
        self._limit = limit
        self._pace = Pace(clock=clock) if pace is None else pace
        self._progress = progress
        self._quick = part.local
        self._accepted = position
        self._waiting: deque[bytes | bytearray] = deque()
        self._sending = 0
        self._busy = False
        self._flushing: list[Deferred[None]] = []
        self._lingering: IDelayedCall | None = None
        self._producer: IPushProducer | None = None
        self._paused = False
        self._reason: Exception | None = None
        self._error: OSError | None = None
        self._ended: Deferred[int] = Deferred()
        self._heard = clock.seconds()

    async def take(self, source: IByteSource, length: int | None = None) -> int:
        """Take all bytes of a source and write them.

        Returns and raises only once everything that arrived is in the file, so that `written` is final.

        :param length: bytes that the source should have, where that is known.
        :return: how many bytes it delivered.
        :raises OSError: the disk took no more.
        :raises TooLarge: the source had more than `limit` allows.
        :raises BodyCut: the source ended before its end.
        :raises Exception: the reason given to `cut`.
        """
        begin = self.written
        self._heard = self._clock.seconds()
        outcome: Exception | None = None
        with self._pace.taking():
            if self._reason is None:
                maybeDeferred(source.deliver, self).addBoth(self._delivered)
            try:
                await self._ended
            except Exception as error:
                outcome = error
            await self.flush()
        if self._error is not None:
            raise self._error
        if self._reason is not None:
            raise self._reason
        if isinstance(outcome, Fault):
            raise outcome
        if outcome is not None:
            raise BodyCut() from outcome
        if length is not None and self.written - begin != length:
            raise BodyCut()
        return self.written - begin

    def cut(self, reason: Exception) -> None:
        """End the delivery at once; what has arrived is still written. Does nothing after the delivery's end.

        :param reason: what `take` raises then.
        """
        if self._reason is not None or (self._ended.called and self._producer is None):
            return
        self._reason = reason
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        if not self._ended.called:
            self._ended.errback(Failure(reason))

    @property
    def silence(self) -> float:
        """Seconds since the client last gave anything; 0 while the wait is for the disk and not for the client."""
        return 0.0 if self._held or self._paused else self._clock.seconds() - self._heard

    @property
    def over(self) -> bool:
        """Whether the delivery has ended, so that only the flush is left."""
        return self._ended.called

    # IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See `IConsumer`; a producer that comes after the end is stopped at once."""
        if self._reason is not None:
            producer.stopProducing()
            return
        self._producer = producer

    def unregisterProducer(self) -> None:
        """See `IConsumer`."""
        self._producer = None

    def write(self, data: bytes) -> None:
        """See `IConsumer`."""
        if self._reason is not None or not data:
            return
        self._heard = self._clock.seconds()
        if self._too_large(len(data)):
            assert self._limit is not None
            self._keep(data[: max(0, self._limit - self._accepted)])
            self.cut(TooLarge(self._limit))
            return
        self._keep(data)

    def _too_large(self, length: int) -> bool:
        return self._limit is not None and self._accepted + length > self._limit

    # IViewConsumer

    @property
    def direct(self) -> bool:
        """Whether views are written at once: the disk is quick, and nothing is on its way to it by a thread."""
        return self._quick and self._reason is None and not self._busy and self._pace.quick

    def write_through(self, data: memoryview) -> None:
        """See `IViewConsumer`."""
        if not self.direct or not data or self._too_large(len(data)):
            self.write(bytes(data))
            return
        self._stop_lingering()
        self._accepted += len(data)
        error = self._write_here([*self._waiting, data])
        self._waiting.clear()
        if error is not None:
            self._fail(error)
            return
        waiting = self._progress(self.written)
        if waiting is not None:
            self._busy = True
            self._pause()
            Deferred.fromCoroutine(self._follow(waiting)).addErrback(self._broke)

    def _write_here(self, pieces: Sequence[bytes | bytearray | memoryview]) -> OSError | None:
        """Write in the reactor's thread, and note how long that took."""
        ended, error = self._pace.timed(), None
        for piece in pieces:
            count, error = _write(self._part, piece, self.written, self._hasher)
            self.written += count
            if error is not None:
                break
        self._heard = self._clock.seconds()
        self._quick = ended()
        return error

    # The buffer

    @property
    def _held(self) -> int:
        return self._accepted - self.written if self._error is None else 0

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        last = self._waiting[-1] if self._waiting else None
        if len(data) < SMALL and isinstance(last, bytearray) and len(last) < BATCH:
            last += data
        else:
            self._waiting.append(bytearray(data) if len(data) < SMALL else data)
        self._accepted += len(data)
        if self._held >= self._high:
            self._pause()
        self._advance()

    @property
    def _high(self) -> int:
        return min(HIGH, self._pace.share)

    @property
    def _batch(self) -> int:
        return min(BATCH, self._high)

    def _pause(self) -> None:
        if not self._paused and self._producer is not None:
            self._paused = True
            self._producer.pauseProducing()

    def _advance(self) -> None:
        """Begin the next batch, if one is due and none is under way."""
        if self._busy or self._error is not None:
            return
        if self._waiting and (self._flushing or self._held - self._sending >= self._batch):
            self._begin()
        elif self._waiting and self._lingering is None:
            self._lingering = self._clock.callLater(LINGER, self._lingered)

    def _lingered(self) -> None:
        self._lingering = None
        if self._waiting and not self._busy and self._error is None:
            self._begin()

    def _begin(self) -> None:
        self._stop_lingering()
        self._busy = True
        pieces = []
        while self._waiting and self._sending < BATCH:
            pieces.append(self._waiting.popleft())
            self._sending += len(pieces[-1])
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        Deferred.fromCoroutine(self._put(data)).addErrback(self._broke)

    async def _put(self, data: bytes | bytearray) -> None:
        try:
            count, error = await self._threads.run(_write, self._part, data, self.written, self._hasher)
            self.written += count
            self._sending = 0
            if error is not None:
                raise error
            await self._follow(self._progress(self.written))
        except OSError as failed:
            self._fail(failed)
            self._settle()

    async def _follow(self, progress: Deferred[None] | None) -> None:
        """Go on once nothing speaks against it any more."""
        try:
            if progress is not None:
                await progress
        except OSError as failed:
            self._fail(failed)
        self._settle()

    def _broke(self, failure: Failure) -> None:
        """A defect of ours in mid-write: it ends the upload, instead of leaving it to wait for ever."""
        _log.failure("Writing an upload failed", failure=failure)
        self._fail(OSError(errno.EIO, str(failure.value)))
        self._settle()

    def _settle(self) -> None:
        self._busy = False
        if self._paused and self._held <= self._high // LOW_SHARE and self._reason is None:
            self._paused = False
            if self._producer is not None:
                self._producer.resumeProducing()
        self._advance()
        if self._flushed:
            waiting, self._flushing = self._flushing, []
            for done in waiting:
                done.callback(None)

    def _fail(self, error: OSError) -> None:
        self._error = error
        self._waiting.clear()
        self._stop_lingering()
        self.cut(error)

    @property
    def _flushed(self) -> bool:
        return not self._busy and (self._error is not None or not self._waiting)

    async def flush(self) -> None:
        """Wait until all that arrived is in the file, or the disk has refused it."""
        if not self._flushed:
            done: Deferred[None] = Deferred()
            self._flushing.append(done)
            self._advance()
            await done

    def _stop_lingering(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _delivered(self, outcome: Any) -> None:
        self._producer = None
        if self._ended.called:
            return
        if isinstance(outcome, Failure):
            self._ended.errback(outcome)
        else:
            self._ended.callback(outcome)
