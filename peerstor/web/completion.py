"""Ending an answer: with what a handler gave, or with what became of it."""

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerstor.http.request import StreamingRequest

_log = Logger()

Failed = Callable[[StreamingRequest, Failure], bytes]
"""Sets up the answer to what a handler raised, and gives its body."""


def finish(body: bytes, request: Any) -> None:
    """Write what is left of the answer, and end it."""
    if not is_over(request):
        request.write(body)
        request.finish()


def is_over(request: Any) -> bool:
    """Tell whether nobody waits for an answer any more."""
    return bool(request.finished or request._disconnected)


def told(failure: Failure, request: StreamingRequest, failed: Failed) -> bytes:
    """Set up the answer to what a handler raised, where somebody is there to be told."""
    if is_over(request):
        if not failure.check(CancelledError):
            _log.failure("a handler failed after its answer", failure=failure)
        return b""
    return failed(request, failure)


def complete(coroutine: Coroutine[Deferred[Any], Any, bytes], request: StreamingRequest, failed: Failed) -> None:
    """End an answer when its handler has; cancel that when the client leaves.

    :param coroutine: the handler. Beginning it a second time is harmless where it waits for a Deferred: as long as
        that has no result, it only asks for it again.
    """
    outcome = Deferred.fromCoroutine(coroutine)
    request.notifyFinish().addErrback(lambda _: outcome.cancel())
    outcome.addErrback(told, request, failed)
    outcome.addCallback(finish, request)
    outcome.addErrback(lambda failure: _log.failure("an answer could not be written", failure=failure))
