"""Shares with all that they need, in a state folder."""

from typing import Any

from attrs import evolve

from peerstor.access.anonymous import anonymous
from peerstor.access.shares.makers import OWNER, Makers
from peerstor.access.shares.share import Mode, Share, new_id
from peerstor.access.shares.shares import Shares
from peerstor.access.shares.tables import ShareBook
from peerstor.access.shares.visits import Visits
from peerstor.interfaces import IThreads
from tests.access.scaffold import START, StateCase
from tests.fakes import ImmediateThreads

BASE = Share(
    id="", parts=(b"folder",), folder=True, mode=Mode.READ, maker=OWNER, made_by="owner", created=START
)  # fmt: skip


def share(**changes: Any) -> Share:
    """Give a share that was just made."""
    return evolve(BASE, **{"id": new_id(), **changes})


class ShareCase(StateCase):
    """Gives each test a keyring with shares (`self.keys`, `self.shares`)."""

    level = "none"

    def setUp(self) -> None:
        super().setUp()
        self.keys, self.shares = self.open()

    def open(self, threads: IThreads | None = None) -> tuple[Any, Shares]:
        """Start as the daemon does."""
        threads = threads or ImmediateThreads()
        keys = self.keyring(secret="owner's", threads=threads)
        makers = Makers(keyring=keys, everybody=lambda: anonymous(self.level))
        shares = Shares(
            book=ShareBook(database=keys.database, digest=keys.digest),
            visits=Visits(wall=lambda: self.now),
            threads=threads,
            wall=lambda: self.now,
            may=makers.may,
            changed=keys.changed,
        )
        keys.include(shares)
        keys.open()
        return keys, shares

    def add(self, **changes: Any) -> Share:
        """Make a share."""
        made = share(**changes)
        self.result(self.shares.add(made))
        return made
