"""Storing another file for whoever stored one as somebody did before (`peerstor.http.namerepeats`)."""

from __future__ import annotations

from attrs import frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerstor.daemon.requestcontext import REQUEST_ID
from peerstor.errors import Fault
from peerstor.http.request import StreamingRequest
from peerstor.uploads.engine import Engine
from peerstor.uploads.records import Completed
from peerstor.uploads.terms import Terms
from peerstor.web.completion import complete, finish, is_over
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import OWN_NAMES
from peerstor.web.putting import Putting
from peerstor.web.repeating import is_anybody

_log = Logger()


@frozen
class FolderNames:
    """A folder in which any other name may be put.

    :param name: the one that was.
    :param terms: on which.
    """

    again: NamesAgain
    name: bytes
    admission: Admission
    terms: Terms

    def takes(self, name: bytes) -> bool:
        """See `peerstor.http.namerepeats.NameSource`."""
        return len(self.terms.target.parts) > 1 or name not in OWN_NAMES

    def store(self, request: StreamingRequest, name: bytes, content: bytes) -> None:
        """See `peerstor.http.namerepeats.NameSource`."""
        self.again.store(request, self.admission, self.terms.beside(name, len(content)), content)


class NamesAgain:
    """Stores files as the tree's face does, with what that has decided before."""

    def __init__(self, *, engine: Engine, putting: Putting, guard: Guard) -> None:
        """Make one.

        :param putting: sets answers up.
        :param guard: answers what goes wrong.
        """
        self._engine = engine
        self._putting = putting
        self._guard = guard

    def offer(self, request: StreamingRequest, admission: Admission) -> None:
        """Say of a request that other names of the same folder may be put by another like it."""
        plain = is_anybody(request, admission) and not request.expects_continue
        if plain and request.code in (201, 204) and admission.holds_beside:
            terms = self._putting.terms(request, admission)
            request.names = FolderNames(self, admission.path.name, admission, terms)

    def store(self, request: StreamingRequest, admission: Admission, terms: Terms, content: bytes) -> None:
        """Store a file and end the answer.

        :param admission: to the folder.
        """
        before = REQUEST_ID.set(request.request_id)
        try:
            done = self._engine.store(terms, content, request.remote)
        finally:
            REQUEST_ID.reset(before)
        done.addCallback(self._stored, request, admission)
        done.addErrback(self._failed, request)

    def _stored(self, done: Completed, request: StreamingRequest, admission: Admission) -> None:
        finish(self._putting.told(request, admission, done), request)

    def _failed(self, failure: Failure, request: StreamingRequest) -> None:
        if is_over(request):
            if not isinstance(failure.value, Fault):
                _log.failure("Work for a client that has left failed", failure=failure)
            return
        before = REQUEST_ID.set(request.request_id)
        try:
            complete(self._refused(failure, request), request, self._guard.failed)
        finally:
            REQUEST_ID.reset(before)

    async def _refused(self, failure: Failure, request: StreamingRequest) -> bytes:
        try:
            failure.raiseException()
        except Exception as error:  # raised, so that a log has its traceback
            return await self._guard.answer(request, error)
