"""The face of a share's password: gives a ticket for it."""

import re

from peerstor.access.rights import Right
from peerstor.access.shares.tickets import LASTS, Tickets
from peerstor.errors import BadRequest, PasswordNeeded
from peerstor.http.request import StreamingRequest
from peerstor.web.bodies import fields_of
from peerstor.web.cookies import set_cookie
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.routes import Routes
from peerstor.web.shares.access import COOKIE, ShareAccess
from peerstor.web.shares.guard import ShareGuard
from peerstor.web.shares.view import address_of

_PLAIN = re.compile(r"[!-\[\]-~]*")


class UnlockFace:
    """Takes what the page that asks for a password sends."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: ShareGuard,
        errors: Errors,
        cors: Cors,
        links: Links,
        access: ShareAccess,
        tickets: Tickets,
    ) -> None:
        self.guard: Guard = guard
        self.errors = errors
        self.cors = cors
        self._asking = guard
        self._links = links
        self._access = access
        self._tickets = tickets

    @routes.on("/-/unlock/<share>", "POST", needs=Right.NONE)
    async def unlock(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Give a ticket for a right password, and lead to what was asked for."""
        found = await self._access.share(share)
        address = address_of(self._links, found)
        fields = await fields_of(request)
        target = fields.get("next") or address
        within = target.startswith(address) and target.removeprefix(address)[:1] in ("", "/", "?")
        if not within or not _PLAIN.fullmatch(target):
            raise BadRequest("next must be an address of this share.")
        try:
            await self._access.check(request, found, fields.get("password", "").encode())
        except PasswordNeeded:
            return self._asking.ask(request, share, target, wrong=True)
        set_cookie(request, COOKIE, self._tickets.make(found), path=address, seconds=int(LASTS))
        request.setResponseCode(303)
        request.setHeader(b"location", target.encode("ascii"))
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-length", b"0")
        return b""
