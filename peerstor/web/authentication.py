"""Who makes a request: what it came with, and whom that stands for."""

from collections.abc import Callable
from typing import Any

from twisted.internet.task import deferLater

from peerstor.access.anonymous import anonymous
from peerstor.access.keyring import Keyring
from peerstor.access.rights import EVERY, Grant, Principal
from peerstor.access.sessions import IDLE
from peerstor.access.throttle import HEARD, Throttle
from peerstor.errors import LoginNeeded
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IAudit
from peerstor.web.cookies import cookie_of
from peerstor.web.credentials import credentials_of

_SIGN_IN = "sign-in"
"""What tokens are to open, to the throttle."""


class Authentication:
    """Tells principals by what their requests came with.

    :ivar cookie: name of the session's cookie, of this server alone: another one on the same host has another.
    :ivar cookie_path: below which a browser sends it back.
    :ivar session_seconds: how long a browser keeps it.
    """

    session_seconds = int(IDLE)

    def __init__(
        self,
        *,
        keyring: Keyring,
        level: Callable[[], str | None],
        throttle: Throttle,
        audit: IAudit,
        instance_id: str,
        base: str,
        clock: Any,
        wall: Callable[[], float],
    ) -> None:
        """Know everybody.

        :param level: tells what somebody without a token may do; None is `create` while there is no token, then
            `none`.
        :param throttle: slows down who comes with wrong secrets.
        :param instance_id: of the storage.
        :param base: the path below which everything stands; empty for none.
        :param clock: provides `IReactorTime`.
        :param wall: the time, seconds since the epoch.
        """
        self._keyring = keyring
        self._level = level
        self._throttle = throttle
        self._audit = audit
        self._clock = clock
        self._wall = wall
        self.cookie = f"peerstor-{instance_id[:12]}"
        self.cookie_path = base or "/"

    @property
    def sign_in_possible(self) -> bool:
        """Whether there is any token to sign in with."""
        return self._keyring.any

    @property
    def anonymous(self) -> Principal:
        """Who somebody is that came with nothing."""
        return anonymous(self._level() or ("none" if self._keyring.any else "create"))

    def live(self, credential: str) -> bool:
        """Tell whether what a principal came with still holds."""
        return self._keyring.live(credential)

    def again(self, principal: Principal) -> Principal | None:
        """Tell who somebody is by now who was let in before; None where what they came with has ended.

        This counts as no use of a session.
        """
        if principal.credential is None:
            return self.anonymous
        return self._principal(self._keyring.behind(principal.credential), principal.credential)

    def expires(self, principal: Principal) -> float | None:
        """Tell when what somebody came with ends by itself, seconds since the epoch; None is never."""
        identity = None if principal.credential is None else self._keyring.behind(principal.credential)
        token = None if identity is None else self._keyring.tokens.get(identity)
        return None if token is None else token.expires

    async def principal_of(self, request: StreamingRequest) -> Principal:
        """Tell who makes a request.

        A session that has ended is nothing at all: what is open to everybody stays open to a browser that was
        signed in once. A wrong secret is meant, and so it is refused.

        :raise LoginNeeded: it came with a wrong secret.
        :raise TooMany: so many others did that this one was not even answered.
        """
        shown = credentials_of(request, self.cookie, path=self.cookie_path)
        await self._keyring.refresh()
        if shown.secret is not None:
            return await self._known(request, shown.secret)
        if shown.session is not None:
            identity = self._keyring.sessions.find(shown.session)
            principal = self._principal(identity, self._keyring.sessions.credential(shown.session))
            if principal is not None:
                return principal
        return self.anonymous

    async def sign_in(self, request: StreamingRequest, secret: bytes) -> tuple[Principal, str]:
        """Begin a session for a right secret; the one that the browser had before ends.

        :return: who it is, and the value of the session's cookie.
        :raise LoginNeeded, TooMany: as in `principal_of`.
        """
        await self._keyring.refresh()
        principal = await self._known(request, secret)
        await self._end(request)
        cookie = await self._keyring.sessions.begin(str(principal.credential), self._wall())
        self._audit.note("login", principal=principal.name, address=request.remote)
        return principal, cookie

    async def sign_out(self, request: StreamingRequest) -> None:
        """End the session that a request came with, if any."""
        await self._end(request)

    async def _end(self, request: StreamingRequest) -> None:
        cookie = cookie_of(request, self.cookie, path=self.cookie_path)
        if cookie is None:
            return
        principal = self._principal(self._keyring.sessions.find(cookie), None)
        if principal is not None:
            await self._keyring.sessions.end(cookie)
            self._audit.note("logout", principal=principal.name, address=request.remote)

    async def _known(self, request: StreamingRequest, secret: bytes) -> Principal:
        """Tell whose secret it is; whoever comes with a wrong one waits."""
        token = self._keyring.tokens.find(secret)
        identity = self._owner(request, secret) if token is None else token.identity
        principal = self._principal(identity, identity)
        if principal is not None:
            return principal
        delay = self._throttle.begin(request.remote, (_SIGN_IN,), secret=secret)
        try:
            self._audit.note("login_failed", principal="-", address=request.remote)
            if delay:
                await deferLater(self._clock, delay)
        finally:
            self._throttle.end(request.remote)
        raise LoginNeeded()

    def _owner(self, request: StreamingRequest, secret: bytes) -> str | None:
        """Tell whether it is the owner's secret: the only one that somebody chose, and so that can be guessed."""
        owner = self._keyring.owner
        if not owner.wanted:
            return None
        self._throttle.check(request.remote, _SIGN_IN, heard=HEARD)
        if not owner.has(secret):
            return None
        self._throttle.proved(request.remote, _SIGN_IN)
        return owner.identity

    def _principal(self, identity: str | None, credential: str | None) -> Principal | None:
        """Give who holds a credential; signing in takes nothing away that everybody has."""
        if identity is None:
            return None
        if identity == self._keyring.owner.identity:
            return Principal("owner", (Grant((), EVERY),), signed_in=True, credential=credential)
        token = self._keyring.tokens.get(identity)
        if token is None:
            return None
        grants = (token.grant, *self.anonymous.grants)
        return Principal(token.name, grants, signed_in=True, credential=credential)
