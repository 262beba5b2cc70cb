"""Making, changing and ending shares, for whoever may: what the API and the pages have in common."""

from collections.abc import Callable
from typing import Any

from peerstor.access.passwords import Passwords
from peerstor.access.rights import Principal, Right
from peerstor.access.shares.makers import Makers
from peerstor.access.shares.share import Delivery, Mode, Share, new_id
from peerstor.access.shares.shares import Shares
from peerstor.errors import BadRequest, Forbidden, NotFound
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IAudit, IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.uploads.tasks import detached
from peerstor.web.guard import Admission, Guard
from peerstor.web.shares.fields import CHANGEABLE, Wish


class Sharing:
    """Does what somebody asks for, as far as they may, and notes it, also for a client that leaves meanwhile."""

    def __init__(
        self,
        *,
        shares: Shares,
        makers: Makers,
        passwords: Passwords,
        guard: Guard,
        sandbox: Sandbox,
        reads: IThreads,
        audit: IAudit,
        wall: Callable[[], float],
    ) -> None:
        self._shares = shares
        self._makers = makers
        self._passwords = passwords
        self._guard = guard
        self._sandbox = sandbox
        self._reads = reads
        self._audit = audit
        self._wall = wall

    def seen_by(self, principal: Principal) -> list[Share]:
        """Give somebody's own shares, and where they are admin everybody's; the newest first."""
        return [share for share in self._shares.all() if self._sees(principal, share)]

    def one(self, principal: Principal, share_id: str) -> Share:
        """Give one of those.

        :raise NotFound: there is none, or it is somebody else's.
        """
        share = self._shares.get(share_id)
        if share is None or not self._sees(principal, share):
            raise NotFound()
        return share

    def holds(self, share: Share) -> bool:
        """Tell whether a share is open at this moment."""
        return self._shares.holds(share)

    async def deliveries(self, share: Share) -> list[Delivery]:
        """Give what was sent through a share, the last first."""
        return await self._shares.deliveries(share.id) if share.mode is Mode.UPLOAD else []

    async def make(self, request: StreamingRequest, admission: Admission, wish: Wish) -> Share:
        """Make a share.

        :raise BadRequest: there is no path, or what is wanted doesn't fit it.
        :raise NotFound, Forbidden: nothing is there, or nothing that they may share.
        """
        if wish.path is None:
            raise BadRequest("{name} is missing.", name="path")
        wish.check(wish.mode)
        principal, maker = admission.principal, self._makers.of(admission.principal)
        if maker is None:  # whose end would be nobody's
            raise Forbidden()
        folder = await self._look(principal, wish.path, wish.mode)
        share = Share(
            id=new_id(),
            parts=wish.path.parts,
            folder=folder,
            mode=wish.mode,
            maker=maker,
            made_by=principal.name,
            created=self._wall(),
            expires=wish.expires,
            password=None if wish.password is None else await self._passwords.hash(wish.password),
            max_downloads=wish.max_downloads,
            max_bytes=wish.max_bytes,
            note=wish.note,
        )

        async def add() -> None:
            await self._shares.add(share)
            self._note("share", request, principal, share)

        await detached(add())
        return share

    async def change(self, request: StreamingRequest, admission: Admission, share: Share, wish: Wish) -> Share:
        """Change a share; the rights to make it are needed anew, since a change can revive it.

        :raise BadRequest, NotFound, Forbidden: as `make`.
        """
        wish.check(share.mode)
        self._floor(admission.principal, TreePath(share.parts, slash=share.folder), share.mode)
        changes: dict[str, Any] = {name: getattr(wish, name) for name in CHANGEABLE if name in wish.given}
        if changes.get("password") is not None:
            changes["password"] = await self._passwords.hash(changes["password"])

        async def change() -> None:
            await self._shares.change(share.id, changes)
            self._note("share_changed", request, admission.principal, share, fields=sorted(changes))

        if changes:
            await detached(change())
        return self.one(admission.principal, share.id)

    async def revoke(self, request: StreamingRequest, admission: Admission, share: Share) -> None:
        """End a share, and what runs by it."""
        self._note("share_revoked", request, admission.principal, share)
        await detached(self._shares.revoke(share.id))

    def _sees(self, principal: Principal, share: Share) -> bool:
        return share.maker == self._makers.of(principal) or principal.may(Right.ADMIN, share.parts)

    async def _look(self, principal: Principal, path: TreePath, mode: Mode) -> bool:
        """Look at what is to be shared, no further than whoever shares it may; tell whether it is a folder."""
        confined = TreePath(path.parts, slash=False, within=self._floor(principal, path, mode))
        opened = await self._reads.run(self._sandbox.open, confined)
        with opened:
            if mode is Mode.UPLOAD and not opened.is_folder:
                raise BadRequest("Only a folder can be uploaded to: mode upload is none for a file.")
            return opened.is_folder

    def _floor(self, principal: Principal, path: TreePath, mode: Mode) -> int:
        floors = [principal.floor(right, path.parts) for right in (Right.SHARE, mode.right)]
        if None in floors:
            raise self._guard.refusal(principal, path)
        return max(floor for floor in floors if floor is not None)

    def _note(
        self, event: str, request: StreamingRequest, principal: Principal, share: Share, **details: Any
    ) -> None:
        self._audit.note(
            event,
            principal=principal.name,
            address=request.remote,
            path=b"/" + b"/".join(share.parts),
            share=share.name,
            mode=share.mode.value,
            **details,
        )
