"""Tickets: what the cookie of somebody who was let into a share holds; and who a visit is."""

import secrets
from collections.abc import Callable
from hmac import compare_digest

from peerstor.access.digests import SecretDigest
from peerstor.access.shares.share import Share

LASTS = 30 * 86400.0
"""Seconds that a ticket is good for."""

# What the digests are for (`SecretDigest.of`).
_TICKET, _VISIT = b"peerstor ticket", b"peerstor visit"

VISIT_BYTES = 16


class Tickets:
    """Makes tickets that nobody else can make, each for one share and its present password."""

    def __init__(self, *, digest: SecretDigest, wall: Callable[[], float]) -> None:
        """Use this key.

        :param wall: the time, seconds since the epoch.
        """
        self._digest = digest
        self._wall = wall

    def make(self, share: Share) -> str:
        """Make a ticket for whoever was let into a share: characters that a cookie may hold."""
        body = f"{int(self._wall()):x}.{secrets.token_urlsafe(16)}"
        return f"{body}.{self._seal(share, body).hex()}"

    def is_good(self, share: Share, ticket: bytes) -> bool:
        """Tell whether a ticket is one for this share, not too old, and from after its password was changed."""
        body, _, seal = ticket.decode("latin-1").rpartition(".")
        if not compare_digest(self._seal(share, body).hex().encode(), seal.encode("latin-1")):
            return False
        return self._wall() - int(body.partition(".")[0], 16) < LASTS

    def visit_with(self, ticket: bytes) -> bytes:
        """Give the visit of whoever has a ticket."""
        return self._of(b"ticket\0" + ticket, _VISIT)[:VISIT_BYTES]

    def visit_from(self, address: str, agent: bytes) -> bytes:
        """Give the visit of somebody without one.

        :param address: of the client.
        :param agent: what they say their program is.
        """
        return self._of(b"\0".join((b"client", address.encode(), agent)), _VISIT)[:VISIT_BYTES]

    def _seal(self, share: Share, body: str) -> bytes:
        # The id has a fixed length, and no hash has a blank.
        sealed = " ".join((share.id, share.password or "", body))
        return self._of(sealed.encode("latin-1"), _TICKET)

    def _of(self, text: bytes, purpose: bytes) -> bytes:
        digest = self._digest.of(text, purpose)
        if digest is None:  # the first share has made one
            raise RuntimeError("there are shares, and no key")
        return digest
