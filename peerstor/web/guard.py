"""The checks that every route goes through before its handler, in the order of `http.md`, section 4."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, cast

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerstor.access.rights import Principal, Right, single
from peerstor.errors import Fault, Forbidden, LoginNeeded, NotFound
from peerstor.http.blocks import TransferStopped
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web.challenge import is_navigation, login_address, set_challenge
from peerstor.web.crosssite import SAFE_METHODS, check_site
from peerstor.web.errors import Errors, what_of
from peerstor.web.links import Links
from peerstor.web.running import Running
from peerstor.web.visitors import Visitor, home_of

_log = Logger()


Place = Callable[[StreamingRequest], TreePath]
"""Tells from a request the path at which a right is needed; raises BadPath and its like."""

ROOT = TreePath((), slash=True)


def somewhere(request: StreamingRequest) -> TreePath:
    """Stand for the place of a route whose right may hold anywhere: the handler has to ask where it does."""
    return ROOT


WRITING = Right.CREATE | Right.CHANGE
"""What a handler that changes something may ask about, beside what its route declared."""


class Access(Protocol):
    """Who knows the principals."""

    @property
    def sign_in_possible(self) -> bool:
        """Whether there is any token to sign in with."""

    async def principal_of(self, request: StreamingRequest) -> Principal:
        """Tell who makes a request; raises LoginNeeded or TooMany for a wrong secret."""

    @property
    def anonymous(self) -> Principal:
        """Who somebody is that came with nothing."""

    def live(self, credential: str) -> bool:
        """Tell whether what a principal came with still holds."""


@frozen
class Admission:
    """Somebody who was let in, and where to.

    :param principal: who.
    :param path: where, with the floor of the rights that they may use there.
    :param visitor: tells what pages need to know of them.
    """

    principal: Principal
    path: TreePath
    _visitor: Callable[[], Visitor]

    @property
    def visitor(self) -> Visitor:
        """The same somebody, as pages need to know them; most requests are for none."""
        return self._visitor()

    def may(self, right: Right) -> bool:
        """Tell whether they have a right at that path."""
        return self.principal.may(right, self.path.parts)

    @property
    def holds_beside(self) -> bool:
        """Whether they have the very same rights at every other name of that folder."""
        return all(len(grant.parts) < len(self.path.parts) for grant in self.principal.grants)

    @property
    def blind(self) -> bool:
        """Whether they may put something there and see nothing of it (a drop folder)."""
        return not self.may(Right.READ)


class Guard:
    """Lets a request through to its handler, or answers it.

    :cvar leads_home: whether somebody who may not see the top is sent to the folder that they may.
    """

    leads_home = True

    def __init__(self, *, access: Access, errors: Errors, links: Links) -> None:
        self._access = access
        self._errors = errors
        self._links = links
        self._running = Running()

    def cut_ended(self) -> None:
        """Cut what runs on the strength of a credential that holds no more."""
        self._running.cut_unless(self._access.live)

    async def run(
        self,
        request: StreamingRequest,
        needs: Right,
        at: Place | None,
        handler: Callable[[Admission], Awaitable[bytes]],
    ) -> bytes:
        """Let a request through to its handler, or answer it in the handler's place."""
        try:
            admission = await self.admit(request, needs, at)
            credential = admission.principal.credential
            if credential is None:  # nothing that could end
                return await handler(admission)
            with self._running.under(credential, request):
                return await handler(admission)
        except CancelledError:
            raise
        except Exception as error:
            return await self.answer(request, error)

    async def admit(self, request: StreamingRequest, needs: Right, at: Place | None) -> Admission:
        """Tell who makes a request, and where they were let in.

        :param needs: the rights that the route declared, one of which is enough; NONE lets everybody in unasked.
        :param at: tells where the right is needed; None for what concerns the server as a whole, `somewhere` where
            the handler has yet to find that out.
        :raise CrossSite: another site's page makes a request that changes something.
        :raise LoginNeeded: nobody is signed in, and that is not enough.
        :raise NotFound: whoever is signed in may not see what is there.
        :raise Forbidden: they may see it, and lack the right.
        :raise BadPath, BadRequest: there can be nothing; told to nobody whom signing in comes first for.
        """
        if request.method not in SAFE_METHODS:
            check_site(request.requestHeaders, authority=request.authority, secure=request.secure)
        # Whatever is open to everybody is so to a browser with a wrong password too: it needs our stylesheet.
        principal = await self._access.principal_of(request) if needs else self._access.anonymous
        wanted = single(needs)
        if wanted and not principal.signed_in and not any(principal.may_somewhere(right) for right in wanted):
            raise self.refusal(principal, None)
        path = ROOT if at is None else at(request)
        if at is somewhere:
            held = [right for right in wanted if principal.may_somewhere(right)]
        else:
            held = [right for right in wanted if principal.may(right, path.parts)]
        if wanted and not held:
            placed = at is not None and at is not somewhere
            home = home_of(principal)
            leads = self.leads_home and placed and principal.signed_in and home.parts
            if leads and not path.parts and is_navigation(request):
                raise _Elsewhere(home)
            raise self.refusal(principal, path if placed else None)
        if request.method in SAFE_METHODS:
            used = held[:1]
        else:
            used = [right for right in single(needs | WRITING) if principal.may(right, path.parts)]
        # Rights of different grants are used together only as far as the narrowest of them reaches.
        floors = [principal.floor(right, path.parts) or 0 for right in used]
        floor = max(floors, default=0)
        confined = path if path.within == floor else path.confined(floor)
        return Admission(principal, confined, partial(self.visitor_of, principal))

    def further(self, admission: Admission, path: TreePath, needs: Right) -> Admission:
        """Let somebody who was admitted to one place go on to another, to change something there.

        :param needs: the rights that they need there, all of them.
        :raise LoginNeeded, NotFound, Forbidden: as in `admit`.
        """
        principal = admission.principal
        if not all(principal.may(right, path.parts) for right in single(needs)):
            raise self.refusal(principal, path)
        used = [right for right in single(needs | WRITING) if principal.may(right, path.parts)]
        floor = max(principal.floor(right, path.parts) or 0 for right in used)
        return Admission(principal, path.confined(floor), admission._visitor)

    def visitor_of(self, principal: Principal) -> Visitor:
        """Describe a principal for the pages."""
        return Visitor.of(principal, self._links, can_sign_in=self._access.sign_in_possible)

    def require(self, admission: Admission, right: Right) -> None:
        """Refuse somebody who was let in and lacks a further right.

        :raise LoginNeeded, NotFound, Forbidden: as in `admit`.
        """
        if not admission.may(right):
            raise self.refusal(admission.principal, admission.path)

    def refusal(self, principal: Principal, path: TreePath | None) -> Fault:
        """Choose how to refuse somebody what they have no right to.

        :param path: where; None for what concerns the server as a whole.
        """
        if not principal.signed_in:
            # Where nobody can sign in, nobody is asked to.
            return LoginNeeded() if self._access.sign_in_possible else Forbidden()
        if path is not None and not principal.may(Right.READ, path.parts):
            return NotFound()
        return Forbidden()

    def failed(self, request: StreamingRequest, failure: Failure) -> bytes:
        """Answer what not even `answer` could."""
        return self._errors.answer(request, cast(Exception, failure.value))

    async def answer(self, request: StreamingRequest, error: Exception) -> bytes:
        """Answer what a handler raised.

        Where nobody is there any more to be told, or the answer has begun, nothing is written: the request ends
        like one that was cancelled.
        """
        # A producer hears of a lost connection before the request does.
        gone = request._disconnected or request.finished or isinstance(error, TransferStopped)
        if gone or request.startedWriting:
            if not isinstance(error, Fault | OSError | CancelledError) and not _is_end_of_transfer(error):
                what = what_of(request)
                _log.failure("{method} {uri} failed after its answer had begun (request {request})", **what)
            elif not gone:
                _log.warn("cut {uri}: {error} (request {request})", error=repr(error), **what_of(request))
            request.cut()
            if not (request._disconnected or request.finished):
                await _until_cancelled()
            raise CancelledError()
        if isinstance(error, _Elsewhere):
            return _lead(request, self._links.to(error.path))
        if isinstance(error, LoginNeeded):
            if is_navigation(request):
                return _lead(request, login_address(request, self._links))
            body = self._errors.answer(request, error)
            set_challenge(request)
            return body
        return self._errors.answer(request, error)


class _Elsewhere(Exception):
    """Whoever asked for the top may not see it, and has a folder that they may."""

    def __init__(self, path: TreePath) -> None:
        super().__init__()
        self.path = path


def _lead(request: StreamingRequest, address: str) -> bytes:
    """Send a person to another page."""
    request.setResponseCode(303)
    request.setHeader(b"location", address.encode())
    request.setHeader(b"cache-control", b"no-store")
    request.responseHeaders.addRawHeader(b"vary", b"Accept, Cookie")
    request.setHeader(b"content-length", b"0")
    return b""


def _is_end_of_transfer(error: Exception) -> bool:
    """Tell whether an error of the plumbing says only that a transfer could not be ended."""
    return type(error).__module__.startswith("peerstor.http.")


async def _until_cancelled() -> None:
    """Wait for the connection, which was cut, to be lost; that cancels the handler."""
    await Deferred()
