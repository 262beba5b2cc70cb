"""The ids of what is in the trash, and the names that are made of them."""

import re
import secrets
from datetime import UTC, datetime
from typing import Self

from attrs import frozen

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_ID = re.compile(r"(?P<id>(?P<stamp>\d{8}T\d{6}\.\d{6}Z)-[0-9a-f]{16})(\.json|\.dropping)?\Z")


@frozen
class Kept:
    """One thing in the trash.

    :ivar id: by which its folder, its note and, where it could not be moved, its hidden name are called.
    :ivar when: seconds since the epoch.
    """

    id: str
    when: float

    @classmethod
    def new(cls, when: float) -> Self:
        """Give something an id that nothing else has.

        :param when: seconds since the epoch.
        """
        stamp = datetime.fromtimestamp(when, UTC).strftime(_STAMP)
        return cls(id=f"{stamp}-{secrets.token_hex(8)}", when=when)

    @property
    def note(self) -> str:
        """Name of the note about it."""
        return f"{self.id}.json"

    @property
    def doomed(self) -> str:
        """Name of the note once the thing is being dropped for good: it may be in pieces from then on."""
        return f"{self.id}.dropping"

    @property
    def beside(self) -> bytes:
        """Its name in the folder that it came from, where it stayed there."""
        return b".peerstor-%s.trash" % self.id.encode()


def kept_as(name: str) -> Kept | None:
    """What a name in the trash stands for; None where it isn't one that is given here."""
    match = _ID.match(name)
    if match is None:
        return None
    try:
        when = datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:  # 31 February: made by hand
        return None
    return Kept(id=match["id"], when=when)
