"""Taking files through an upload-only share: as much as it allows, with word of who sent them."""

from collections.abc import Callable
from typing import Any

from peerstor.access.allowance import Allowance, Reservation
from peerstor.access.share import Delivery, Share
from peerstor.access.shares import Shares
from peerstor.errors import QuotaExceeded
from peerstor.http.formparts import FilePart
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IAudit, IByteSource
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.uploads.digests import Digest
from peerstor.uploads.engine import Engine
from peerstor.uploads.records import Completed
from peerstor.web.forms import Form, Forms
from peerstor.web.metered import Metered

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

    async def receive(
        self,
        share: Share,
        target: TreePath,
        *,
        source: IByteSource,
        length: int | None,
        address: str,
        digests: tuple[Digest, ...] = (),
    ) -> Completed:
        """Take one file.

        :param length: bytes, where that is known: then they are reserved before the first one is read.
        :raise QuotaExceeded, TooLarge: as `Allowance.reserve`; and whatever `Engine.receive` raises.
        """
        reservation, used = self._allowance.reserve(share, length or 0), 0
        try:
            done = await self._engine.receive(
                target,
                source=Metered(source, _extending(self._allowance, share, reservation)),
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

    async def form(self, request: StreamingRequest, share: Share, folder: TreePath) -> Form:
        """Take the files of a form.

        :raise BadType, BadRequest: as `Forms.read`.
        :raise QuotaExceeded: it is sure to be more than may still come.
        """
        left, length = self._allowance.left(share), request.body.length
        if left is not None and (not left or (length or 0) > left + FORM_ALLOWANCE):
            raise QuotaExceeded(left)

        async def keep(part: FilePart) -> dict[str, Any]:
            done = await self.receive(
                share,
                folder.child(part.filename),
                source=IByteSource(part),
                length=None,
                address=request.remote,
            )
            return {"size": done.size, "blake3": done.digest}

        form = Form()
        try:
            await self._forms.read(request, form, keep)
        finally:
            stored = [(one["name"], one["size"]) for one in form.outcomes if "error" not in one]
            if stored:
                fields = {name: value.decode("utf-8", "replace") for name, value in form.fields}
                await self.deliver(
                    request, share, folder, stored, fields.get("sender", ""), fields.get("note", "")
                )
        return form

    async def deliver(
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
            path=folder.joined,
            files=[name for name, _ in delivery.files],
            count=delivery.count,
            sender=delivery.sender,
        )
        await self._shares.deliver(share.id, delivery)


def _extending(allowance: Allowance, share: Share, reservation: Reservation) -> Callable[[int], None]:
    """Approve of pieces as long as their bytes are reserved, or can be."""
    taken = 0

    def approve(count: int) -> None:
        nonlocal taken
        taken += count
        if taken > reservation.held:
            allowance.extend(share, reservation, taken - reservation.held)

    return approve
