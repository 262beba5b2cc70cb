"""Work for a client that goes on, and is told of, when the client has left."""

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerstor.errors import Fault
from peerstor.tree.copying import Unwanted

T = TypeVar("T")

_log = Logger()


def outliving(
    work: Deferred[T], *, told: Callable[[T], None] = lambda _: None, left: Callable[[], None] = lambda: None
) -> Deferred[T]:
    """Give something to wait for that can be cancelled without the work being so.

    What has changed on the disk has changed, whether or not somebody still waits for the answer: the audit log and
    whoever listens must hear of it.

    :param told: called with what came of the work, also when nobody waits any more.
    :param left: called when whoever waited has left; it may ask the work to end early.
    """
    waiting: Deferred[T] = Deferred(lambda _: left())

    def succeeded(outcome: T) -> None:
        told(outcome)
        if not waiting.called:
            waiting.callback(outcome)

    def failed(failure: Failure) -> None:
        if not waiting.called:
            waiting.errback(failure)
        elif not failure.check(Fault, OSError, Unwanted):
            _log.failure("Work for a client that has left failed", failure=failure)

    work.addCallback(succeeded)
    work.addErrback(failed)
    return waiting
