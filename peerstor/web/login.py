"""The face of signing in and out with a browser."""

import re
from urllib.parse import unquote

from peerstor.access.rights import Right
from peerstor.errors import BadRequest, LoginNeeded
from peerstor.http.request import StreamingRequest
from peerstor.web.authentication import Authentication
from peerstor.web.bodies import fields_of
from peerstor.web.challenge import set_challenge
from peerstor.web.cookies import clear_cookie, set_cookie
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.parameters import text
from peerstor.web.routes import Routes
from peerstor.web.visitors import home_of

_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""An address on this server: one that begins with `//` or `/\\` is another server's to a browser."""


class LoginFace:
    """Gives a session for a token, and takes it back."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        pages: Pages,
        links: Links,
        authentication: Authentication,
    ) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._pages = pages
        self._links = links
        self._authentication = authentication

    @routes.on("/-/login", "GET", needs=Right.NONE)
    async def page(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with the page that asks for a token."""
        target = (text(request, b"next") or b"").decode("latin-1")
        return self._page(request, admission, self._checked(target))

    @routes.on("/-/login", "POST", needs=Right.NONE)
    async def sign_in(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Begin a session for a right token; any older one of this browser ends."""
        fields = await fields_of(request)
        target = self._checked(fields.get("next", ""))
        try:
            secret = fields.get("token", "").strip().encode()
            principal, cookie = await self._authentication.sign_in(request, secret)
        except LoginNeeded:
            request.setResponseCode(401)
            set_challenge(request, page=True)
            return self._page(request, admission, target, wrong=True)
        set_cookie(
            request,
            self._authentication.cookie,
            cookie,
            path=self._authentication.cookie_path,
            seconds=self._authentication.session_seconds,
        )
        return _go(request, target or self._links.to(home_of(principal)))

    @routes.on("/-/logout", "POST", needs=Right.NONE)
    async def sign_out(self, request: StreamingRequest, admission: Admission) -> bytes:
        """End the session of this browser."""
        await self._authentication.sign_out(request)
        self.guard.cut_ended()
        clear_cookie(request, self._authentication.cookie, path=self._authentication.cookie_path)
        return _go(request, self._links.own("/-/login"))

    def _page(self, request: StreamingRequest, admission: Admission, target: str, *, wrong: bool = False) -> bytes:
        request.setHeader(b"cache-control", b"no-store")
        return self._pages.answer(
            request,
            "login.html",
            visitor=admission.visitor,
            action=self._links.own("/-/login"),
            target=target,
            wrong=wrong,
            secure=request.secure,
        )

    def _checked(self, target: str) -> str:
        """Let an address pass that leads to this server.

        :raise BadRequest: it doesn't.
        """
        inside = _LOCAL.fullmatch(target) and target.startswith(f"{self._links.base}/") and not _steps(target)
        if target and not inside:
            raise BadRequest("next must be an address of this server.")
        return target


def _steps(address: str) -> bool:
    """Tell whether a browser would step up on the way, out of the base perhaps; it takes escaped dots for dots."""
    path = re.split(r"[?#]", address)[0]
    return any(unquote(segment) in (".", "..") for segment in path.split("/"))


def _go(request: StreamingRequest, address: str) -> bytes:
    request.setResponseCode(303)
    request.setHeader(b"location", address.encode("latin-1"))
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"content-length", b"0")
    return b""
