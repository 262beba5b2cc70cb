"""What a ledger that comes out of a backup may no longer claim."""

import sqlite3
from contextlib import closing

from peerstor.uploads.loading import DAMAGED
from peerstor.uploads.records import State


def settle_restored(path: bytes, now: float) -> None:
    """Have a ledger claim only what holds whatever has happened since it was backed up. Blocks.

    - Of an unfinished upload only what was synced counts, and only as far as its part file has it.
    - One that was being published goes on as unfinished: the file may not be there.
    - No answer of a publication is remembered: the file it speaks of may not be there, and whoever asked for it
      would drop its own.
    - Part files that no row speaks of are left until they expire: they may have been begun since.

    :param path: of its file, which nobody uses; of any version.
    :param now: seconds since the epoch.
    :raise sqlite3.Error: it can't be changed.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("BEGIN IMMEDIATE")
        base.execute("DELETE FROM uploads WHERE state = ?", (State.DONE.value,))
        base.execute(
            "UPDATE uploads SET state = ?, final = NULL, digest = NULL, boot_id = ?",
            (State.PARTIAL.value, DAMAGED),
        )
        base.execute("UPDATE birth SET moment = ?", (now,))
        base.execute("COMMIT")
