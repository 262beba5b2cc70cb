"""Visits to threads that are made together: what comes while one is under way goes with the next."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from peerstor.interfaces import IThreads

T = TypeVar("T")
R = TypeVar("R")

AT_MOST = 32
"""Members of one group: each has a file open, of which there are few, and waits for the sync of all."""

PATIENCE = 0.05
"""Seconds for which a visit counts as under way, at least; at most twice that. Longer than a disk takes to sync; a
folder on a disk that hangs doesn't hold up who wants another."""


class Groups(Generic[T, R]):
    """Makes groups. Nobody waits for company: a visit begins at once unless enough are under way.

    Use it in the reactor's thread.
    """

    def __init__(
        self,
        *,
        threads: IThreads,
        clock: IReactorTime,
        visit: Callable[[Sequence[T]], Sequence[R | Exception]],
        abreast: Callable[[], int],
    ) -> None:
        """Make one for one kind of visit.

        :param visit: called in a thread with the members of a group; gives the outcome of each.
        :param abreast: how many may be under way at the same time, as of now. Who waits is spread over those that
            may begin.
        """
        self._threads = threads
        self._clock = clock
        self._visit = visit
        self._abreast = abreast
        self._waiting: list[tuple[T, Deferred[R]]] = []
        self._gathering = False
        self._turning = False
        # The visits that count as under way, and those that did at the last look.
        self._under_way: set[object] = set()
        self._seen: set[object] = set()
        self._look: IDelayedCall | None = None

    def join(self, member: T, *, at_once: bool = True) -> Deferred[R]:
        """Take part in the next visit; gives its outcome.

        :param at_once: whether a visit may begin before others have joined in this turn of the reactor.
        """
        done: Deferred[R] = Deferred()
        self._waiting.append((member, done))
        if at_once:
            self._advance()
        elif not self._turning and self._free() > 0:
            self._turning = True
            self._clock.callLater(0, self._turned)
        return done

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Begin no visit before all have joined who do so in this context."""
        self._gathering = True
        try:
            yield
        finally:
            self._gathering = False
            self._advance()

    def _turned(self) -> None:
        self._turning = False
        self._advance()

    def _free(self) -> int:
        return self._abreast() - len(self._under_way)

    def _advance(self) -> None:
        if self._gathering:
            return
        while self._waiting and (free := self._free()) > 0:
            size = min(AT_MOST, -(-len(self._waiting) // free))
            group, self._waiting = self._waiting[:size], self._waiting[size:]
            self._begin(group)

    def _begin(self, group: list[tuple[T, Deferred[R]]]) -> None:
        visit = object()
        self._under_way.add(visit)
        if self._look is None:
            self._look = self._clock.callLater(PATIENCE, self._look_around)
        outcomes = self._threads.run(self._visit, [member for member, _ in group])
        outcomes.addBoth(self._ended, visit, [done for _, done in group])

    def _ended(self, outcomes: Sequence[R | Exception] | Failure, visit: object, group: list[Deferred[R]]) -> None:
        # The next visit first: the disk works on while the answers to this one are sent.
        if visit in self._under_way:
            self._under_way.remove(visit)
            self._advance()
        if isinstance(outcomes, Failure):
            for done in group:
                done.errback(outcomes)
            return
        for done, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Exception):
                done.errback(outcome)
            else:
                done.callback(outcome)

    def _look_around(self) -> None:
        """Let others begin beside those that were under way at the last look already."""
        self._look = None
        self._under_way -= self._seen
        self._advance()
        self._seen = set(self._under_way)
        if self._under_way and self._look is None:
            self._look = self._clock.callLater(PATIENCE, self._look_around)
