"""Rules of a ledger that comes out of a backup."""

import os
import sqlite3
import time
from contextlib import closing

from peerstor.errors import NoSuchUpload
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.restored import settle_restored
from tests.uploads.scaffold import EngineCase, key
from tests.uploads.test_ledger import VERSION_1


class RestoredTests(EngineCase):
    """The ledger of a moment is put back later, as `peerstor restore` does."""

    @property
    def ledger_path(self) -> bytes:
        """Where the ledger lies."""
        return Ledger.path_in(self.root + b"/.peerstor", self.world.private.instance_id)

    def backup(self) -> bytes:
        """Keep the ledger as it is."""
        self.world.ledger.close()
        with open(self.ledger_path, "rb") as file:
            return file.read()

    def restore(self, kept: bytes, *, parts: bool) -> None:
        """Put a ledger back, on a machine that has the part files or hasn't, and serve."""
        self.world.ledger.close()
        path = self.ledger_path
        with open(path, "wb") as file:
            file.write(kept)
        settle_restored(path, self.world.wall())
        if not parts:
            for name in self.world.part_files():
                os.unlink(self.root + b"/.peerstor/parts/" + os.fsencode(name))
        self.boot()

    def test_without_its_part(self) -> None:
        """An upload whose part file isn't there is none: it begins at 0, and completes only what is sent again."""
        self.append(b"hello")
        self.restore(self.backup(), parts=False)
        self.assertEqual(self.offset(), 0)
        self.failureResultOf(self.later(self.completing(5)), NoSuchUpload)
        self.append(b"HELLO")
        self.complete(5)
        self.assertEqual(self.content(), b"HELLO")

    def test_part_that_has_grown(self) -> None:
        """Of a part file no more counts than was synced when the backup was made, and it goes on from there."""
        self.append(b"hello")
        kept = self.backup()
        self.boot()
        self.append(b", world", offset=5)
        self.restore(kept, parts=True)
        offset = self.offset()
        self.assertLessEqual(offset, 5)
        self.append(b"hello, world"[offset:], offset=offset)
        self.complete(12)
        self.assertEqual(self.content(), b"hello, world")

    def test_nothing_is_said_to_be_published(self) -> None:
        """A publication that was done or under way is not vouched for: the file may not be there."""
        self.append(b"hello")
        self.complete(5)
        kept = self.backup()
        os.unlink(self.root + b"/file.bin")
        self.restore(kept, parts=True)
        self.failureResultOf(self.later(self.completing(5)), NoSuchUpload)
        self.append(b"hello")
        record = self.world.ledger.find(key())
        assert record is not None
        self.world.ledger.intend(record.id, final=b"file.bin", digest="d", offset=5)
        self.restore(self.backup(), parts=False)
        self.failureResultOf(self.later(self.completing(5)), NoSuchUpload)

    def test_spares_parts_of_later(self) -> None:
        """Part files that were begun after the backup are not swept away at once."""
        self.boot(now=time.time() + 60)  # the files' times are the system's
        kept = self.backup()
        self.boot()
        self.append(b"hello")
        (part,) = self.world.part_files()
        self.restore(kept, parts=True)
        self.assertEqual(self.world.part_files(), [part])

    def test_oldest(self) -> None:
        """A ledger of the first version is settled as well, and migrated when it is used."""
        path = self.root + b"/.peerstor/old"
        with closing(sqlite3.connect(path)) as base:
            base.executescript(f"{VERSION_1} INSERT INTO birth VALUES (3.0); PRAGMA user_version = 1")
        settle_restored(path, 5.0)
        ledger = Ledger(path=path)
        self.addCleanup(ledger.close)
        self.assertEqual(ledger.complete_since(), 5.0)
