"""The checks that every route goes through before its handler, in the order of `http.md`, section 4."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from peerstor.access.anonymous import Anonymous
from peerstor.access.rights import Principal, Right
from peerstor.errors import Fault, Forbidden, LoginNeeded
from peerstor.http.blocks import TransferStopped
from peerstor.http.request import StreamingRequest
from peerstor.web.crosssite import SAFE_METHODS, check_site
from peerstor.web.errors import Errors

_log = Logger()


class Guard:
    """Lets a request through to its handler, or answers it."""

    def __init__(self, *, access: Anonymous, errors: Errors) -> None:
        self._access = access
        self._errors = errors

    def admit(self, request: StreamingRequest, needs: Right) -> Principal:
        """Tell who makes a request.

        :param needs: the right that the route declared.
        :raise CrossSite: another site's page makes a request that changes something.
        :raise LoginNeeded: nobody is signed in, and that is not enough.
        :raise Forbidden: whoever is signed in lacks the right.
        """
        if request.method not in SAFE_METHODS:
            check_site(request.requestHeaders)
        principal = self._access.principal_of(request.requestHeaders)
        self.require(principal, needs)
        return principal

    @staticmethod
    def require(principal: Principal, right: Right) -> None:
        """Refuse a principal that lacks a right.

        :raise LoginNeeded, Forbidden: as in `admit`.
        """
        if not principal.may(right):
            raise Forbidden() if principal.signed_in else LoginNeeded()

    async def answer(self, request: StreamingRequest, error: Exception) -> bytes:
        """Answer what a handler raised.

        Where nobody is there any more to be told, or the answer has begun, nothing is written: the request ends
        like one that was cancelled.
        """
        # A producer hears of a lost connection before the request does.
        gone = request._disconnected or request.finished or isinstance(error, TransferStopped)
        if gone or request.startedWriting:
            if not isinstance(error, Fault | OSError | CancelledError) and not _is_end_of_transfer(error):
                _log.failure("a handler failed after its answer had begun")
            elif not gone:
                _log.warn(
                    "cut {uri}: {error}", uri=request.path.decode("ascii", "backslashreplace"), error=repr(error)
                )
            request.cut()
            if not (request._disconnected or request.finished):
                await _until_cancelled()
            raise CancelledError()
        return self._errors.answer(request, error)


def _is_end_of_transfer(error: Exception) -> bool:
    """Tell whether an error of the plumbing says only that a transfer could not be ended."""
    return type(error).__module__.startswith("peerstor.http.")


async def _until_cancelled() -> None:
    """Wait for the connection, which was cut, to be lost; that cancels the handler."""
    await Deferred()
