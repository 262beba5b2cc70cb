"""All that share links consist of, joined to the keyring that they are kept in."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from peerstor.access.anonymous import anonymous
from peerstor.access.keyring import Keyring
from peerstor.access.passwords import Passwords
from peerstor.access.shares.allowance import Allowance
from peerstor.access.shares.downloads import Downloads
from peerstor.access.shares.makers import Makers
from peerstor.access.shares.shares import Shares
from peerstor.access.shares.tables import ShareBook
from peerstor.access.shares.tickets import Tickets
from peerstor.access.shares.visits import Visits
from peerstor.interfaces import IThreads


@frozen
class ShareLinks:
    """The parts of share links, for the faces that need them."""

    shares: Shares
    makers: Makers
    downloads: Downloads
    allowance: Allowance
    tickets: Tickets
    passwords: Passwords

    @classmethod
    def of(
        cls,
        *,
        keyring: Keyring,
        level: Callable[[], str | None],
        threads: IThreads,
        hashing: IThreads,
        wall: Callable[[], float],
    ) -> ShareLinks:
        """Build them, and have the keyring keep them fresh; before it is opened.

        :param level: tells what somebody without a token may do (`--anonymous`).
        :param threads: the keyring's own.
        :param hashing: where passwords are hashed; its size bounds the memory for that.
        :param wall: the time, seconds since the epoch.
        """
        makers = Makers(
            keyring=keyring,
            everybody=lambda: anonymous(level() or ("none" if keyring.any else "create")),
        )
        shares = Shares(
            book=ShareBook(database=keyring.database, digest=keyring.digest),
            visits=Visits(wall=wall),
            threads=threads,
            wall=wall,
            may=makers.may,
            changed=keyring.changed,
        )
        keyring.include(shares)
        return cls(
            shares=shares,
            makers=makers,
            downloads=Downloads(shares=shares),
            allowance=Allowance(shares=shares),
            tickets=Tickets(digest=keyring.digest, wall=wall),
            passwords=Passwords(threads=hashing),
        )
