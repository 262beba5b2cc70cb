"""Taking files through an upload-only share: as much as it allows, with word of who sent them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from peerstor.access.shares.allowance import Allowance, Reservation
from peerstor.access.shares.share import Delivery, Share
from peerstor.access.shares.shares import Shares
from peerstor.errors import QuotaExceeded
from peerstor.http.formparts import FilePart
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IAudit, IByteSource
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.uploads.digests import Digest
from peerstor.uploads.engine import Engine
from peerstor.uploads.records import Completed
from peerstor.uploads.tasks import detached
from peerstor.web.forms import Form, Forms
from peerstor.web.shares.metered import Metered

SENDER, NOTE = 200, 4000
"""Characters that are kept of who somebody says they are, and of what they say."""

NAMED = 100
"""Files of one delivery that are named in it; of the others only the number is kept."""

FORM_ALLOWANCE = 1024 * 1024
"""Bytes that a form may be longer than what may still come: its fields and what stands between its files."""


class ShareUploads:
    """Receives the files of shares."""

    def __init__(
        self,
        *,
        engine: Engine,
        forms: Forms,
        shares: Shares,
        allowance: Allowance,
        audit: IAudit,
        wall: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._forms = forms
        self._shares = shares
        self._allowance = allowance
        self._audit = audit
        self._wall = wall

    async def put(
        self,
        request: StreamingRequest,
        share: Share,
        target: TreePath,
        *,
        digests: Sequence[Digest],
        sender: str,
        note: str,
    ) -> None:
        """Take the body of a request as one file.

        :raise QuotaExceeded, TooLarge: as `Allowance.reserve`; and whatever `Engine.receive` raises.
        """

        async def put() -> None:
            source, length = IByteSource(request.body), request.body.length
            done = await self._receive(share, target, source, length, request.remote, digests)
            files = [(target.name.decode("utf-8", "replace"), done.size)]
            await self._deliver(request, share, target.parent, files, sender, note)

        # A client that leaves with its last byte sent cancels us, and the file is stored all the same.
        await detached(put())

    async def form(self, request: StreamingRequest, share: Share, folder: TreePath) -> Form:
        """Take the files of a form.

        :raise BadType, BadRequest: as `Forms.read`.
        :raise QuotaExceeded: it is sure to be more than may still come.
        """
        left, length = self._allowance.left(share), request.body.length
        if left is not None and (not left or (length or 0) > left + FORM_ALLOWANCE):
            raise QuotaExceeded(left)
        return await detached(self._form(request, share, folder))

    async def append(
        self,
        share: Share,
        *,
        source: IByteSource,
        length: int | None,
        append: Callable[[IByteSource, Callable[[int], None]], Awaitable[int]],
    ) -> int:
        """Take the next bytes of a resumable upload.

        :param append: takes them from a source, tells how many are kept, also where it fails, and gives the offset
            behind them.
        :raise QuotaExceeded, TooLarge: as `Allowance.reserve`; and whatever `append` raises.
        """
        return await detached(self._append(share, source, length, append))

    async def complete(
        self,
        request: StreamingRequest,
        share: Share,
        target: TreePath,
        *,
        complete: Callable[[], Awaitable[Completed]],
        sender: str,
        note: str,
    ) -> Completed:
        """Publish a resumable upload; word of it is kept once, also for a client that leaves meanwhile.

        :param complete: does the first, and may raise whatever `Engine.complete` raises.
        """

        async def publish() -> Completed:
            done = await complete()
            if done.stat is not None:  # it wasn't before
                files = [(target.name.decode("utf-8", "replace"), done.size)]
                await self._deliver(request, share, target.parent, files, sender, note)
            return done

        return await detached(publish())

    async def give_back(self, share: Share, abandon: Callable[[], Awaitable[int | None]]) -> bool:
        """Abandon a resumable upload, and let its bytes be sent again.

        :param abandon: does the first, and tells how many bytes there were; None where there was no upload.
        """

        async def give_back() -> bool:
            dropped = await abandon()
            if dropped:
                self._shares.count_bytes(share.id, -dropped)
                await self._shares.save()
            return dropped is not None

        return await detached(give_back())

    async def _receive(
        self,
        share: Share,
        target: TreePath,
        source: IByteSource,
        length: int | None,
        address: str,
        digests: Sequence[Digest] = (),
    ) -> Completed:
        """Take one file; where its length is known, that is reserved before the first byte is read."""
        reservation, used = self._allowance.reserve(share, length or 0), 0
        try:
            done = await self._engine.receive(
                target,
                source=_Counted(self._allowance, share, reservation).metered(source),
                length=length,
                conflict=Conflict.RENAME,  # what is there already is nothing that a visitor is told of
                may_replace=False,
                by=share.name,
                address=address,
                digests=digests,
            )
            used = done.size
        finally:
            await self._allowance.settle(reservation, used)
        return done

    async def _form(self, request: StreamingRequest, share: Share, folder: TreePath) -> Form:
        async def keep(part: FilePart) -> dict[str, Any]:
            target = folder.child(part.filename)
            done = await self._receive(share, target, IByteSource(part), None, request.remote)
            return {"size": done.size, "blake3": done.digest}

        form = Form()
        try:
            await self._forms.read(request, form, keep)
        finally:
            stored = [(one["name"], one["size"]) for one in form.outcomes if "error" not in one]
            if stored:
                fields = {name: value.decode("utf-8", "replace") for name, value in form.fields}
                sender, note = fields.get("sender", ""), fields.get("note", "")
                await self._deliver(request, share, folder, stored, sender, note)
        return form

    async def _append(
        self,
        share: Share,
        source: IByteSource,
        length: int | None,
        append: Callable[[IByteSource, Callable[[int], None]], Awaitable[int]],
    ) -> int:
        reservation = self._allowance.reserve(share, length or 0)
        metered = _Counted(self._allowance, share, reservation).metered(source)
        try:
            # Counted at that very moment: whoever abandons the upload next is given back what was counted.
            return await append(metered, lambda kept: self._allowance.use(reservation, kept))
        finally:
            await self._allowance.settle(reservation)

    async def _deliver(
        self,
        request: StreamingRequest,
        share: Share,
        folder: TreePath,
        files: list[tuple[str, int]],
        sender: str,
        note: str,
    ) -> None:
        """Keep word of what somebody has sent.

        :param files: name and size of each, bytes.
        """
        delivery = Delivery(
            at=self._wall(),
            address=request.remote,
            sender=sender.strip()[:SENDER],
            note=note.strip()[:NOTE],
            files=tuple(files[:NAMED]),
            count=len(files),
        )
        self._audit.note(
            "delivery",
            principal=share.name,
            address=request.remote,
            path=b"/" + folder.joined,
            files=[name for name, _ in delivery.files],
            count=delivery.count,
            sender=delivery.sender,
        )
        await self._shares.deliver(share.id, delivery)


class _Counted:
    """Counts the bytes of one upload, and reserves those that weren't foreseen."""

    def __init__(self, allowance: Allowance, share: Share, reservation: Reservation) -> None:
        self.taken = 0
        self._allowance = allowance
        self._share = share
        self._reservation = reservation

    def metered(self, source: IByteSource) -> IByteSource:
        return IByteSource(Metered(source, self._approve))

    def _approve(self, count: int) -> None:
        missing = self.taken + count - self._reservation.held
        if missing > 0:
            self._allowance.extend(self._share, self._reservation, missing)
        self.taken += count
