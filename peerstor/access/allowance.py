"""How much may be uploaded through a share: reserved before it is written, so that many can't exceed it."""

from attrs import define

from peerstor.access.share import Share
from peerstor.access.shares import Shares
from peerstor.errors import QuotaExceeded, TooLarge


@define(eq=False)
class Reservation:
    """Bytes that one upload may write; to be settled.

    :ivar share_id: of whose share.
    :ivar held: bytes reserved so far.
    """

    share_id: str
    held: int = 0


class Allowance:
    """Gives out the bytes of shares that have a maximum. All in the reactor's thread: there is no race to lose."""

    def __init__(self, *, shares: Shares) -> None:
        """Give out the bytes of these shares, which keep the counts."""
        self._shares = shares
        self._held: dict[str, int] = {}

    def left(self, share: Share) -> int | None:
        """Tell how many bytes may still come, beside those that are reserved; None for any amount."""
        if share.max_bytes is None:
            return None
        present = self._shares.get(share.id) or share
        return max(0, (present.max_bytes or 0) - present.bytes - self._held.get(share.id, 0))

    def reserve(self, share: Share, count: int) -> Reservation:
        """Reserve bytes for one upload; `settle` follows.

        :param count: bytes that are sure to come.
        :raise TooLarge: more than the share takes in all.
        :raise QuotaExceeded: more than is left of it.
        """
        if share.max_bytes is not None and count > share.max_bytes:
            raise TooLarge(share.max_bytes)
        reservation = Reservation(share.id)
        self.extend(share, reservation, count)
        return reservation

    def extend(self, share: Share, reservation: Reservation, count: int) -> None:
        """Reserve more bytes.

        :raise QuotaExceeded: it is more than is left.
        """
        left = self.left(share)
        if left is not None and count > left:
            raise QuotaExceeded(left)
        reservation.held += count
        self._held[share.id] = self._held.get(share.id, 0) + count

    async def settle(self, reservation: Reservation, used: int) -> None:
        """Count, durably, what was used of a reservation, and give the rest back.

        :param used: bytes; 0 when nothing of the upload was kept.
        :raise NoSpace, StorageUnavailable: it is counted, and not written down yet.
        """
        held, reservation.held = reservation.held, 0
        rest = self._held[reservation.share_id] - held
        if rest:
            self._held[reservation.share_id] = rest
        else:
            del self._held[reservation.share_id]
        if used:
            self._shares.count_bytes(reservation.share_id, used)
            await self._shares.save()
