"""Sending spans of open files from the page cache to the socket, none of it through this process."""

from collections.abc import Iterable, Iterator

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IConsumer, IPushProducer, IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES
from zope.interface import implementer

from peerstor.http.blocks import Runs, TransferStopped
from peerstor.http.latch import Latch
from peerstor.http.lent import Lent, lendable
from peerstor.http.request import StreamingRequest
from peerstor.http.residency import Residency, load
from peerstor.http.spans import FileShrank, Span

SLICE = 512 * 1024
"""Bytes sent in one go. Less costs calls. More keeps everybody else waiting, and clients that read ahead of what
comes: each of them is then woken for every few bytes, which takes longer than sending them."""

AHEAD = 8 * 1024 * 1024
"""Bytes that are looked for in memory at once, as long as all of them are there."""

VOUCHED = 1.0
"""Seconds for which a run of a file is taken to stay in memory once it was seen there."""


def fits(consumer: IConsumer) -> bool:
    """Tell whether an answer can be sent this way.

    Its connection has to be plain, its length be told beforehand (else it leaves in chunks), and a body be due.
    """
    return (
        isinstance(consumer, StreamingRequest)
        and consumer.channel.site.lanes
        and not (consumer._disconnected or consumer.startedWriting or consumer.channel.isSecure())
        and consumer.method != b"HEAD"
        and consumer.code not in NO_BODY_CODES
        and consumer.responseHeaders.hasHeader(b"content-length")
        and lendable(consumer.channel.transport)
    )


@implementer(IPushProducer)
class ZeroCopy:
    """Sends the parts of one answer whenever its socket takes bytes: one slice at a time, no slice that is cold.

    What isn't in memory is first brought there in a thread, while the socket isn't watched.
    """

    def __init__(
        self, *, request: StreamingRequest, parts: Iterable[bytes | Span], threads: Runs, clock: IReactorTime
    ) -> None:
        """Make a sender.

        :param request: one that `fits`.
        """
        self._request = request
        self._parts: Iterator[bytes | Span] = iter(parts)
        self._threads = threads
        self._clock = clock
        self._residency = Residency()
        self._ended = Latch()
        self._outcome: Failure | None = None
        self._lent: Lent | None = None
        self._over = self._loading = False
        self._fd, self._position, self._left = -1, 0, 0
        self._vouched_to, self._vouched_at = 0, 0.0

    async def run(self) -> tuple[bytes | Span, ...]:
        """Send the head and the parts.

        :return: what is left and has to go the ordinary way: this kind of file can't be sent so, or there is a
            fault that shows there again, with its proper meaning.
        :raise TransferStopped, FileShrank, CancelledError: see `peerstor.http.sender.send_spans`.
        """
        self._request.registerProducer(self, True)  # type: ignore[no-untyped-call]
        # The loan comes first, so that the head waits for the first bytes of the file.
        self._lent = Lent(self._request.channel.transport, self._writable)
        self._request.write(b"")
        self._begin()
        await self._ended.wait(self._cancelled)
        if self._outcome is not None:
            self._outcome.raiseException()
        left = (Span(self._fd, self._position, self._left),) if self._left else ()
        return (*left, *self._parts)

    def pauseProducing(self) -> None:
        """Need not be told: the socket says when it takes bytes."""

    def resumeProducing(self) -> None:
        """Need not be told either."""

    def stopProducing(self) -> None:
        """Send nothing more, ever: the connection is lost."""
        self._end(Failure(TransferStopped()), registered=False)

    def _cancelled(self) -> None:
        self._end(Failure(CancelledError()))

    def _begin(self) -> None:
        """Send the first slice at once.

        The end is left to the next call all the same: the client's next request may be waiting for it, and would
        otherwise be answered from within this one, and so on.
        """
        self._guarded(last=False)

    def _writable(self) -> None:
        """Send a slice: the socket takes bytes."""
        assert self._lent is not None
        if self._lent.closing:
            self._end(Failure(TransferStopped()))
        elif self._loading:
            self._lent.rest()
        else:
            self._guarded(last=True)

    def _guarded(self, *, last: bool) -> None:
        try:
            if self._send() and last:
                self._end(None)
        except BlockingIOError:
            pass
        except OSError:
            self._end(None)
        except Exception:
            self._end(Failure())

    def _send(self) -> bool:
        """Send up to a slice, as much as the socket takes; tell whether that was the last of it."""
        assert self._lent is not None
        budget = SLICE
        while self._left or self._next_span():
            if budget <= 0:
                return False
            wanted = self._warm(budget)
            if not wanted:
                self._lent.flush(more=False)
                self._load(min(self._left, budget))
                return False
            if not self._lent.flush(more=True):
                return False
            sent = self._lent.sendfile(self._fd, self._position, wanted)
            if not sent:
                raise FileShrank(self._position)
            self._move(sent)
            budget -= sent
            if sent < wanted:
                return False
        return self._lent.flush(more=False)

    def _next_span(self) -> bool:
        """Take up the next span, and put before it the ready bytes that are its due."""
        assert self._lent is not None
        for part in self._parts:
            if isinstance(part, Span):
                self._fd, self._position, self._left = part.fd, part.start, part.length
                self._vouched_to = 0
                if self._left:
                    return True
            elif part:
                self._lent.hold(part)
                self._count(len(part))
        return False

    def _warm(self, budget: int) -> int:
        """Count the bytes, up to `budget`, that are in memory at the present position."""
        now = self._clock.seconds()
        if self._vouched_to <= self._position or now - self._vouched_at > VOUCHED:
            for ahead in (AHEAD, SLICE):
                length = min(self._left, ahead)
                if self._residency.warm(self._fd, self._position, length):
                    break
            else:
                return 0
            self._vouched_to, self._vouched_at = self._position + length, now
        return min(budget, self._left, self._vouched_to - self._position)

    def _load(self, length: int) -> None:
        """Bring the next slice into memory, and go on."""
        assert self._lent is not None
        self._loading = True
        self._lent.rest()
        further = min(self._left - length, SLICE)
        loading = self._threads.run(load, self._fd, self._position, length, further)
        loading.addBoth(self._loaded, self._position + length)

    def _loaded(self, outcome: object, end: int) -> None:
        """Vouch for what was loaded; where that failed, the ordinary way meets the fault again."""
        self._loading = False
        if self._over or self._lent is None:
            self._ended.open()
            return
        if isinstance(outcome, Failure):
            self._end(None)
            return
        self._vouched_to, self._vouched_at = end, self._clock.seconds()
        self._lent.wait()

    def _move(self, sent: int) -> None:
        self._position += sent
        self._left -= sent
        self._count(sent)

    def _count(self, sent: int) -> None:
        self._request.sentLength += sent
        self._request.channel.sent_aside(sent)

    def _end(self, outcome: Failure | None, *, registered: bool = True) -> None:
        """Settle the outcome once, and give back what was borrowed."""
        if self._over:
            return
        self._over = True
        self._outcome = outcome
        if self._lent is not None:
            self._lent.give_back()
        if registered:
            self._request.unregisterProducer()  # type: ignore[no-untyped-call]
        if not self._loading:
            self._ended.open()
