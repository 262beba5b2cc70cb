"""Who opens a share: whoever has its address and, where it has one, its password."""

from typing import Any

from twisted.internet.task import deferLater

from peerstor.access.keyring import Keyring
from peerstor.access.rights import Principal
from peerstor.access.shares.links import ShareLinks
from peerstor.access.shares.share import Share
from peerstor.access.throttle import Throttle
from peerstor.errors import NotFound, PasswordNeeded
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IAudit, IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.web.cookies import cookie_of
from peerstor.web.credentials import credentials_of
from peerstor.web.links import Links
from peerstor.web.shares.view import Visit, address_of, id_of, keep_visit, view_of

COOKIE = "peerstor-share"
"""Name of the cookie; its path holds the share's id, so no two of them meet."""


class ShareAccess:
    """Tells the principals of shares; tokens and sessions mean nothing here."""

    sign_in_possible = False
    anonymous = Principal("anonymous", ())

    def __init__(
        self,
        *,
        keyring: Keyring,
        share_links: ShareLinks,
        links: Links,
        sandbox: Sandbox,
        reads: IThreads,
        throttle: Throttle,
        audit: IAudit,
        clock: Any,
    ) -> None:
        """Know the shares.

        :param throttle: slows down who guesses passwords.
        :param clock: provides `IReactorTime`.
        """
        self._keyring = keyring
        self._shares = share_links.shares
        self._tickets = share_links.tickets
        self._passwords = share_links.passwords
        self._makers = share_links.makers
        self._sandbox = sandbox
        self._reads = reads
        self._links = links
        self._throttle = throttle
        self._audit = audit
        self._clock = clock

    def live(self, credential: str) -> bool:
        """Tell whether a share still holds."""
        return self._keyring.live(credential)

    async def principal_of(self, request: StreamingRequest) -> Principal:
        """Tell who opens a share, and keep the visit with the request.

        :raise NotFound: there is no such share, or not any more.
        :raise PasswordNeeded: no right password came, nor a ticket for one.
        :raise TooMany: so many others guess that this one was not even answered.
        """
        share = await self.share(id_of(request))
        address = address_of(self._links, share)
        ticket = cookie_of(request, COOKIE, path=address)
        known = ticket is not None and self._tickets.is_good(share, ticket)
        if share.password is not None and not known:
            secret = credentials_of(request, COOKIE, path=address).secret
            if secret is None:
                raise PasswordNeeded()
            await self.check(request, share, secret)
        await self._check_place(share)
        share = self._unchanged(share)
        if ticket is not None and known:
            visitor = self._tickets.visit_with(ticket)
        else:
            visitor = self._tickets.visit_from(request.remote, request.getHeader(b"user-agent") or b"")
        keep_visit(request, Visit(share, visitor, known, view_of(self._links, share)))
        return share.principal

    async def share(self, share_id: str) -> Share:
        """Find a share.

        :raise NotFound: there is none that holds.
        """
        await self._keyring.refresh()
        share = self._shares.find(share_id)
        if share is None:
            raise NotFound()
        return share

    async def _check_place(self, share: Share) -> None:
        """Refuse a share whose place has become a link to where its maker has no rights.

        :raise NotFound: as if it were absent, as for its maker.
        """
        floor = self._makers.floor(share.maker, share.mode.right, share.parts)
        if floor is not None and 0 < floor < len(share.parts):
            path = TreePath(share.parts, slash=share.folder, within=floor)
            (await self._reads.run(self._sandbox.open, path)).close()

    def _unchanged(self, share: Share) -> Share:
        """Look again whether a share holds: it may have ended or got a new password while we waited."""
        found = self._shares.find(share.id)
        if found is None:
            raise NotFound()
        if found.password != share.password:
            raise PasswordNeeded()
        return found

    async def check(self, request: StreamingRequest, share: Share, password: bytes) -> None:
        """Let a right password pass; whoever comes with a wrong one waits.

        :raise PasswordNeeded: it is wrong.
        :raise TooMany: as in `principal_of`.
        """
        if share.password is None:
            return
        self._throttle.check(request.remote, share.identity)
        if await self._passwords.right(share.password, password.decode("utf-8", "replace")):
            self._throttle.proved(request.remote, share.identity)
            return
        delay = self._throttle.begin(request.remote, (share.identity,), secret=password)
        try:
            self._audit.note("share_password_failed", principal=share.name, address=request.remote)
            if delay:
                await deferLater(self._clock, delay)
        finally:
            self._throttle.end(request.remote)
        raise PasswordNeeded()
