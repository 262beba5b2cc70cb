"""One piece of work for all who ask for the same before it begins."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Coalesced(Generic[K, T]):
    """Does for many at once what each of them asks for.

    Whoever asks while the same is being done for others waits for the next time, which all have in common who have
    asked by then: what anybody is told was found out after they had asked. For the reactor's thread.
    """

    def __init__(self, work: Callable[[K], Awaitable[T]]) -> None:
        """Do nothing yet.

        :param work: what is done for a key; never twice at once for the same.
        """
        self._work = work
        # Who waits for the next time, by what is being done.
        self._behind: dict[K, list[Deferred[T]]] = {}

    def ask(self, key: K) -> Deferred[T]:
        """Have the work done for a key.

        :return: with what came of it. Whoever cancels it leaves the work to the others.
        """
        waiting: Deferred[T] = Deferred()
        behind = self._behind.get(key)
        if behind is None:
            self._begin(key, [waiting])
        else:
            behind.append(waiting)
        return waiting

    def _begin(self, key: K, waiting: list[Deferred[T]]) -> None:
        self._behind[key] = []
        Deferred.fromCoroutine(self._done(key)).addBoth(self._tell, key, waiting)

    async def _done(self, key: K) -> T:
        return await self._work(key)

    def _tell(self, outcome: T | Failure, key: K, waiting: list[Deferred[T]]) -> None:
        behind = [each for each in self._behind.pop(key) if not each.called]
        if behind:  # a thread is at it while these are told
            self._begin(key, behind)
        for each in waiting:
            each.callback(outcome)
