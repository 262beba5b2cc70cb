"""Counting downloads: by visits, at most once a day each, from the bytes that were really sent."""

from collections import OrderedDict

from attrs import define

from peerstor.access.shares.share import Share
from peerstor.access.shares.shares import Shares
from peerstor.errors import NotFound, TooMany

PROGRESSES = 20_000
"""Files of visits whose bytes are added up; beyond, the one that moved longest ago begins anew."""

RETRY = 30
"""Seconds after which somebody may ask again who found as many visits under way as there are downloads left."""


@define(eq=False)
class Claim:
    """One of the downloads that are left, held by the transfers of one visit until it is counted or they end."""

    visit: bytes
    transfers: int = 0


@define(eq=False)
class Transfer:
    """One answer on its way; to be given back to `Downloads.end`."""

    share_id: str
    claim: Claim | None


class Downloads:
    """Lets visits download as often as their shares allow.

    A visit counts when the bytes sent to it of one file have reached that file's size, whether at once or in
    pieces. From then on it is free for a day. Before that it holds a claim while anything is being sent to it;
    there are never more claims than downloads left, so visits at the same time can't exceed a maximum together.
    """

    def __init__(self, *, shares: Shares) -> None:
        """Count for these shares, which keep the counts."""
        self._shares = shares
        self._claims: dict[str, dict[bytes, Claim]] = {}
        self._sent: OrderedDict[tuple[str, bytes, bytes], int] = OrderedDict()

    def check(self, share: Share, visit: bytes) -> None:
        """Refuse to show a share to a visit that could download nothing any more.

        :param share: as it was at any time; what counts is how it is now.
        :raise NotFound: it is revoked, or used up and this visit isn't one of those that were counted today.
        """
        if self._left(share) <= 0 and not self._is_free(share, visit):
            raise NotFound()

    def begin(self, share: Share, visit: bytes) -> Transfer:
        """Let a visit have bytes; `end` follows.

        :raise NotFound: as in `check`.
        :raise TooMany: as many other visits are under way as there are downloads left.
        """
        self.check(share, visit)
        if self._shares.visits.counted(share.id, visit):
            return Transfer(share.id, None)
        claims = self._claims.setdefault(share.id, {})
        if visit not in claims and len(claims) >= self._left(share):
            raise TooMany(retry_after=RETRY)
        claim = claims.setdefault(visit, Claim(visit))
        claim.transfers += 1
        return Transfer(share.id, claim)

    def end(self, transfer: Transfer, *, file: bytes, size: int, sent: int) -> None:
        """Take note of what was sent, and that no more is.

        :param file: tells a state of a file from every other.
        :param size: of the file, bytes.
        :param sent: bytes of it; None where nothing of the file was to be sent.
        """
        claim = transfer.claim
        if claim is None:
            return
        if self._is_held(transfer, claim) and self._adds_up(transfer, claim, file, size, sent):
            self._release(transfer, claim)
            self._shares.count_download(transfer.share_id, claim.visit)
        self.leave(transfer)

    def leave(self, transfer: Transfer) -> None:
        """Take note that nothing more is sent, and that nothing of a file was."""
        claim, transfer.claim = transfer.claim, None
        if claim is None:
            return
        claim.transfers -= 1
        if not claim.transfers and self._is_held(transfer, claim):
            self._release(transfer, claim)

    def _left(self, share: Share) -> float:
        # While a request waited for the disk, others may have come to their end.
        present = self._shares.get(share.id)
        if present is None:
            raise NotFound()
        return float("inf") if present.max_downloads is None else present.max_downloads - present.downloads

    def _is_free(self, share: Share, visit: bytes) -> bool:
        # Of a visit that holds one of the last downloads, other transfers are part of the same.
        return self._shares.visits.counted(share.id, visit) or visit in self._claims.get(share.id, {})

    def _is_held(self, transfer: Transfer, claim: Claim) -> bool:
        return self._claims.get(transfer.share_id, {}).get(claim.visit) is claim

    def _release(self, transfer: Transfer, claim: Claim) -> None:
        claims = self._claims[transfer.share_id]
        del claims[claim.visit]
        if not claims:
            del self._claims[transfer.share_id]

    def _adds_up(self, transfer: Transfer, claim: Claim, file: bytes, size: int, sent: int) -> bool:
        """Add up what was sent of a file, and tell whether that is all of it."""
        key = (transfer.share_id, claim.visit, file)
        total = self._sent.pop(key, 0) + sent
        if total >= size:
            return True
        self._sent[key] = total
        while len(self._sent) > PROGRESSES:
            self._sent.popitem(last=False)
        return False
