"""How much may be uploaded through a share: reserved before it is written, so that many can't exceed it."""

from attrs import define

from peerstor.access.shares.share import Share
from peerstor.access.shares.shares import Shares
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
        present = self._shares.get(share.id) or share
        if present.max_bytes is None:
            return None
        return max(0, present.max_bytes - present.bytes - self._held.get(share.id, 0))

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

    def use(self, reservation: Reservation, used: int) -> None:
        """Count what was used of a reservation; `settle`, which still follows, makes it durable.

        :param used: bytes.
        """
        self._free(reservation, used)
        self._shares.count_bytes(reservation.share_id, used)

    async def settle(self, reservation: Reservation, used: int = 0) -> None:
        """Count, durably, what was used of a reservation, and give the rest back.

        :param used: bytes, beside those that `use` was told of; 0 when nothing more of the upload was kept.
        :raise NoSpace, StorageUnavailable: it is counted, and not written down yet.
        """
        if used:
            self.use(reservation, used)
        self._free(reservation, reservation.held)
        await self._shares.save()

    def _free(self, reservation: Reservation, count: int) -> None:
        reservation.held -= count
        rest = self._held.get(reservation.share_id, 0) - count
        if rest:
            self._held[reservation.share_id] = rest
        else:
            self._held.pop(reservation.share_id, None)
