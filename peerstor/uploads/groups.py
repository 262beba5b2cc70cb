"""Visits to a thread that are made together: what comes while one is under way goes with the next."""

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
"""Seconds for which a visit keeps the next from beginning, at least; at most twice that. Longer than a disk takes
to sync; a folder on a disk that hangs doesn't hold up who wants another."""


class Groups(Generic[T, R]):
    """Makes groups. Nobody waits for company: a visit begins at once where none is under way.

    Use it in the reactor's thread.
    """

    def __init__(
        self,
        *,
        threads: IThreads,
        clock: IReactorTime,
        visit: Callable[[Sequence[T]], Sequence[R | Exception]],
    ) -> None:
        """Make one for one kind of visit.

        :param visit: called in a thread with the members of a group; gives the outcome of each.
        """
        self._threads = threads
        self._clock = clock
        self._visit = visit
        self._waiting: list[tuple[T, Deferred[R]]] = []
        self._gathering = False
        self._turning = False
        # The visit that keeps the next from beginning, and the one that did at the last look.
        self._under_way: object | None = None
        self._seen: object | None = None
        self._look: IDelayedCall | None = None

    def join(self, member: T, *, at_once: bool = True) -> Deferred[R]:
        """Take part in the next visit; gives its outcome.

        :param at_once: whether a visit may begin before others have joined in this turn of the reactor.
        """
        done: Deferred[R] = Deferred()
        self._waiting.append((member, done))
        if at_once:
            self._advance()
        elif not self._turning and self._under_way is None:
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

    def _advance(self) -> None:
        if self._gathering or not self._waiting or self._under_way is not None:
            return
        group, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
        visit = self._under_way = object()
        if self._look is None:
            self._look = self._clock.callLater(PATIENCE, self._look_around)
        outcomes = self._threads.run(self._visit, [member for member, _ in group])
        outcomes.addBoth(self._ended, visit, [done for _, done in group])

    def _ended(self, outcomes: Sequence[R | Exception] | Failure, visit: object, group: list[Deferred[R]]) -> None:
        # The next visit first: the disk works on while the answers to this one are sent.
        if self._under_way is visit:
            self._under_way = None
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
        """Let the next visit begin beside one that was under way at the last look already."""
        self._look = None
        if self._under_way is not None and self._under_way is self._seen:
            self._under_way = None
            self._advance()
        self._seen = self._under_way
        if self._under_way is not None and self._look is None:
            self._look = self._clock.callLater(PATIENCE, self._look_around)
