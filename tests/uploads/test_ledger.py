"""The ledger's rows, and what becomes of them when the disk fails."""

import errno
import math
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import NoSpace, StartupError, StorageUnavailable
from peerstor.uploads import ledger as ledger_module
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.parts import new_id
from peerstor.uploads.records import Record, State, Stated, UploadKey
from tests.uploads.scaffold import mount_tmpfs

# What the first version made, and some servers still have.
VERSION_1 = """
CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    principal TEXT NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL,
    size INTEGER, fingerprint TEXT, session TEXT,
    offset INTEGER NOT NULL, synced INTEGER NOT NULL, boot_id TEXT NOT NULL,
    created REAL NOT NULL, touched REAL NOT NULL, beside INTEGER NOT NULL,
    state TEXT NOT NULL, digest TEXT, final BLOB, replaced INTEGER NOT NULL,
    UNIQUE (principal, folder, name)
) WITHOUT ROWID;
CREATE INDEX uploads_touched ON uploads (state, touched);
CREATE TABLE strays (id TEXT NOT NULL PRIMARY KEY, folder BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE birth (moment REAL NOT NULL);
"""


def record(name: bytes = b"file", touched: float = 5.0) -> Record:
    """A new upload's row."""
    return Record(
        id=new_id(),
        key=UploadKey("guest", b"folder", name),
        stated=Stated(10, "print", "session"),
        boot_id="boot",
        created=5.0,
        touched=touched,
        beside=True,
    )


class LedgerTests(SynchronousTestCase):
    """On a real file."""

    def setUp(self) -> None:
        self.base = os.fsencode(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.folder = self.base + b"/storage"
        os.mkdir(self.folder)
        self.ledger = Ledger(path=self.folder + b"/uploads.db")
        self.addCleanup(lambda: self.ledger.close())

    def test_a_row_comes_back_as_it_was(self) -> None:
        """Every field survives, also names that are no text and whatever state."""
        row = record(b"\xff\n'")
        self.ledger.begin(row)
        self.ledger.close()
        self.assertEqual(self.ledger.find(row.key), row)
        self.ledger.note(row.id, offset=7, touched=9.0)
        self.ledger.mark(row.id, 4)
        self.ledger.intend(row.id, final=b"other", digest="d", offset=10)
        found = self.ledger.find(row.key)
        self.assertEqual(
            found,
            evolve(row, offset=10, touched=9.0, synced=4, state=State.PUBLISHING, final=b"other", digest="d"),
        )
        self.assertEqual(self.ledger.publishing(), (row.key,))
        done = evolve(found, state=State.DONE, replaced=True, touched=11.0, checked="sha-256:00")
        self.ledger.finish(done)
        self.assertEqual(self.ledger.find(row.key), done)

    def test_reopen_takes_an_intent_back(self) -> None:
        """An intent that came to nothing leaves a partial upload."""
        row = record()
        self.ledger.begin(row)
        self.ledger.intend(row.id, final=b"x", digest="d", offset=10, checked="sha-256:00")
        changed = evolve(row, boot_id="next", offset=3, synced=3, stated=Stated(11, "other", None))
        self.ledger.reopen(changed)
        self.assertEqual(self.ledger.find(row.key), changed)

    def test_a_new_upload_takes_the_row(self) -> None:
        """A key has one row: the newest."""
        self.ledger.begin(record())
        newer = record()
        self.ledger.begin(newer)
        self.assertEqual(self.ledger.find(newer.key), newer)
        self.assertEqual(self.ledger.part_ids(), {newer.id})

    def test_old_rows(self) -> None:
        """Partial uploads expire oldest first; finished ones are forgotten apart."""
        old, older, young, done = record(b"1", 2.0), record(b"2", 1.0), record(b"3", 9.0), record(b"4", 1.0)
        for row in (old, older, young, done):
            self.ledger.begin(row)
        self.ledger.finish(evolve(done, state=State.DONE, final=b"x", digest="d"))
        self.assertEqual(self.ledger.expired(5.0), (older.key, old.key))
        self.assertEqual(self.ledger.expired(5.0, limit=1), (older.key,))
        self.assertEqual(self.ledger.part_ids(), {old.id, older.id, young.id})
        self.ledger.forget_done(5.0)
        self.assertIsNone(self.ledger.find(done.key))

    def test_path(self) -> None:
        """Storages that share a state folder have a ledger each; the name tells which is whose."""
        path = Ledger.path_in(b"/var/lib", "0123456789abcdef" * 2)
        self.assertEqual(path, b"/var/lib/uploads-0123456789abcdef.sqlite")

    def test_birth(self) -> None:
        """It remembers when it was made, and knows whether that was by this process."""
        self.ledger = Ledger(path=self.folder + b"/born.db", wall=lambda: 5.0)
        for _ in range(2):
            self.assertEqual(self.ledger.complete_since(), math.inf)
            self.ledger.close()
        self.ledger = Ledger(path=self.folder + b"/born.db", wall=lambda: 9.0)
        self.assertEqual(self.ledger.complete_since(), 5.0)

    def test_strays(self) -> None:
        """Parts beside their target that have no row are remembered until they are gone."""
        self.ledger.note_stray("id", b"folder")
        self.ledger.close()
        self.assertEqual(self.ledger.strays(), (("id", b"folder"),))
        self.ledger.forget_stray("id")
        self.assertEqual(self.ledger.strays(), ())

    def test_strays_are_durable(self) -> None:
        """They are on the disk before the part may be: nothing else would ever find it."""
        said: list[str] = []
        real = sqlite3.connect

        def connect(*args: Any, **rest: Any) -> sqlite3.Connection:
            base = real(*args, **rest)
            base.set_trace_callback(said.append)
            return base

        self.patch(sqlite3, "connect", connect)
        self.ledger.note_stray("id", b"folder")
        self.assertEqual(said[-2], "PRAGMA synchronous = FULL")
        self.assertIn("strays", said[-1])

    def test_storage_gone_and_back(self) -> None:
        """While the folder is away calls fail clearly; when it is back its rows are there."""
        row = record()
        self.ledger.begin(row)
        os.rename(self.folder, self.folder + b"-away")
        with self.assertRaises(StorageUnavailable):
            self.ledger.find(row.key)
        with self.assertRaises(StorageUnavailable):
            self.ledger.begin(record())
        os.rename(self.folder + b"-away", self.folder)
        self.assertEqual(self.ledger.find(row.key), row)

    def test_file_removed(self) -> None:
        """A file that somebody removed is made anew instead of being written unseen."""
        self.ledger.begin(record())
        for name in os.listdir(self.folder):
            os.unlink(self.folder + b"/" + name)
        row = record()
        self.ledger.begin(row)
        self.ledger.close()
        self.assertEqual(self.ledger.find(row.key), row)

    def test_not_a_ledger(self) -> None:
        """A file that is something else, or a newer one's, is left alone."""
        self.ledger.open()
        self.ledger.close()
        base = sqlite3.connect(self.folder + b"/uploads.db")
        base.execute("PRAGMA user_version = 99")
        base.close()
        with self.assertRaises(StorageUnavailable):
            self.ledger.open()
        with open(self.folder + b"/uploads.db", "wb") as file:
            file.write(b"something else entirely" * 500)
        with self.assertRaises(StorageUnavailable):
            self.ledger.find(record().key)

    def test_older_ledger(self) -> None:
        """An older version's ledger is brought up to date, and its uploads go on."""
        row = record()
        self.ledger.begin(row)
        self.ledger.close()
        base = sqlite3.connect(self.folder + b"/uploads.db")
        for statement in ("DROP COLUMN counted", "DROP COLUMN checked"):
            base.execute(f"ALTER TABLE uploads {statement}")
        base.execute("PRAGMA user_version = 1")
        base.close()
        self.assertEqual(self.ledger.find(row.key), row)
        self.ledger.count(row.id, 3)
        self.ledger.close()
        self.assertEqual(self.ledger.find(row.key), evolve(row, counted=3))

    def test_oldest_ledger(self) -> None:
        """A file that version 1 made goes on, every row of it, and a copy of it is kept as it was."""
        path = self.folder + b"/uploads.db"
        with closing(sqlite3.connect(path)) as base:
            base.executescript(f"PRAGMA journal_mode = WAL; {VERSION_1} PRAGMA user_version = 1")
            base.execute(
                "INSERT INTO uploads VALUES ('f0', 'guest', ?, ?, 10, 'print', NULL, 7, 4, 'boot', 5.0, 6.0, 0,"
                " 'partial', NULL, NULL, 0)",
                (b"folder", b"\xff"),
            )
            base.execute("INSERT INTO strays VALUES ('f1', ?)", (b"other",))
            base.execute("INSERT INTO birth VALUES (3.0)")
            base.commit()
        found = self.ledger.find(UploadKey("guest", b"folder", b"\xff"))
        assert found is not None
        self.assertEqual((found.id, found.offset, found.synced, found.counted), ("f0", 7, 4, None))
        self.assertEqual(self.ledger.strays(), (("f1", b"other"),))
        self.assertEqual(self.ledger.complete_since(), 3.0)
        self.ledger.begin(record())
        with closing(sqlite3.connect(path + b".before-1")) as base:
            self.assertEqual(base.execute("PRAGMA user_version").fetchall(), [(1,)])
            self.assertEqual(base.execute("SELECT id, offset FROM uploads").fetchall(), [("f0", 7)])

    def test_no_room_to_keep_it(self) -> None:
        """Where the copy can't be made nothing is migrated."""
        path = self.folder + b"/uploads.db"
        with closing(sqlite3.connect(path)) as base:
            base.executescript(f"{VERSION_1} PRAGMA user_version = 1")

        def full(*arguments: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(ledger_module, "keep_before", full)
        self.assertRaises(NoSpace, self.ledger.open)
        with closing(sqlite3.connect(path)) as base:
            self.assertEqual(base.execute("PRAGMA user_version").fetchall(), [(1,)])

    def test_check(self) -> None:
        """A ledger of a newer version is refused beforehand with one line; one that is damaged is for later."""
        path = self.folder + b"/uploads.db"
        self.ledger.check()
        with closing(sqlite3.connect(path)) as base:
            base.execute("PRAGMA user_version = 99")
        with self.assertRaises(StartupError) as caught:
            self.ledger.check()
        self.assertIn("written by a newer PeerStor (version 99 of it, this one knows 2)", str(caught.exception))
        with open(path, "wb") as file:
            file.write(b"something else entirely" * 500)
        self.ledger.check()

    def test_without_fsync(self) -> None:
        """Where nothing is to be synced, rows are written all the same."""
        self.ledger.close()
        self.ledger = Ledger(path=self.folder + b"/other.db", fsync=False)
        row = record()
        self.ledger.begin(row)
        self.assertEqual(self.ledger.find(row.key), row)


class FullDiskTests(SynchronousTestCase):
    """On a file system of its own that is really full."""

    def setUp(self) -> None:
        self.base = os.fsencode(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        mount_tmpfs(self, self.base, "256k")

    def test_full(self) -> None:
        """A full disk is said to be full, harms no row, and is forgotten once there is room."""
        ledger = Ledger(path=self.base + b"/uploads.db")
        self.addCleanup(ledger.close)
        first = record(b"first")
        ledger.begin(first)
        with open(self.base + b"/filler", "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        with self.assertRaises(NoSpace):
            for number in range(10_000):
                ledger.begin(record(b"%d" % number))
        self.assertEqual(ledger.find(first.key), first)
        os.unlink(self.base + b"/filler")
        last = record(b"last")
        ledger.begin(last)
        self.assertEqual(ledger.find(last.key), last)
