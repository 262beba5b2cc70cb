"""Work that outlives the client who asked for it."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerstor.errors import BodyCut, Fault

T = TypeVar("T")

_log = Logger()


def detached(work: Coroutine[Deferred[Any], Any, T], cancelled: Callable[[], None] = lambda: None) -> Deferred[T]:
    """Run a coroutine so that cancelling its Deferred never reaches into it.

    A client that leaves cancels the handler, and the handler whatever it awaits. What touches a record must still
    come to its end: the prefix flushed, the offset recorded, the hold released.

    :param work: the coroutine; it starts at once.
    :param cancelled: called when the returned Deferred is cancelled, so that the work can hurry up.
    :return: the outcome of `work`, or CancelledError as soon as it is cancelled. A fault that comes after that has
        nobody to be told; anything else is logged.
    """

    def cancel(_: Deferred[T]) -> None:
        # First of all: hurrying up may bring the work to its end inside the call.
        outer.errback(CancelledError())
        cancelled()

    outer: Deferred[T] = Deferred(cancel)

    def succeeded(result: T) -> None:
        if not outer.called:
            outer.callback(result)

    def failed(failure: Failure) -> None:
        if not outer.called:
            outer.errback(failure)
        elif failure.check(Fault) is None:
            _log.failure("Work for a client that has left failed", failure=failure)

    Deferred.fromCoroutine(work).addCallbacks(succeeded, failed)
    return outer


class Cuttable(Protocol):
    """Work that can be told to hurry up."""

    def cut(self, reason: Exception) -> None:
        """End soon, because of `reason`."""


class _Uncuttable:
    """What is about to end by itself."""

    def cut(self, reason: Exception) -> None:
        """Do nothing."""


_UNCUTTABLE = _Uncuttable()


class Running:
    """Everything that is under way for clients, so that it can be ended in good order."""

    def __init__(self) -> None:
        """Make an empty set."""
        self._reason: Exception | None = None
        self._under_way: dict[object, Cuttable] = {}
        self._waiting: list[Deferred[None]] = []

    def run(self, work: Coroutine[Deferred[Any], Any, T], holder: Cuttable) -> Deferred[T]:
        """Run a coroutine as `detached` does; it is cut with BodyCut when the client leaves.

        :raise Exception: the reason given to `stop`, after that; the work isn't begun then.
        """
        try:
            self.check()
        except BaseException:
            work.close()
            raise
        return detached(self._counted(work, holder), lambda: holder.cut(BodyCut()))

    def check(self) -> None:
        """Raise the reason given to `stop`, after that."""
        if self._reason is not None:
            raise self._reason

    def count(self, work: Deferred[Any]) -> None:
        """Have `stop` wait for work that comes to its end without its client's doing."""
        token = object()
        self._under_way[token] = _UNCUTTABLE
        work.addBoth(self._ended, token)

    def _ended(self, outcome: T, token: object) -> T:
        del self._under_way[token]
        if not self._under_way:
            waiting, self._waiting = self._waiting, []
            for done in waiting:
                done.callback(None)
        return outcome

    async def stop(self, reason: Exception) -> None:
        """Cut whatever runs, begin nothing more, and wait until all has come to its end."""
        self._reason = reason
        for holder in [*self._under_way.values()]:
            holder.cut(reason)
        if self._under_way:
            done: Deferred[None] = Deferred()
            self._waiting.append(done)
            await done

    async def _counted(self, work: Coroutine[Deferred[Any], Any, T], holder: Cuttable) -> T:
        token = object()
        self._under_way[token] = holder
        try:
            return await work
        finally:
            self._ended(None, token)
