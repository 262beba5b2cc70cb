"""Rules of copying SQLite files, also while they are in use."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from peerstor.databases import copy_exclusive, copy_shared, examine, keep_before, version_of
from tests.integration.mounts import Ballast, small_disk
from tests.scratch import scratch_folder

# Keeps two numbers equal, in two tables, as the ledger's process uses its file: exclusively, with a log.
_WRITER = """
import sqlite3, sys, time
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("PRAGMA locking_mode = EXCLUSIVE")
base.execute("PRAGMA journal_mode = WAL")
base.execute("PRAGMA synchronous = OFF")
base.execute("PRAGMA wal_autocheckpoint = 20")
base.executescript("CREATE TABLE a (n INTEGER, x BLOB); CREATE TABLE b (n INTEGER, x BLOB);"
                   "INSERT INTO a VALUES (0, ''); INSERT INTO b VALUES (0, ''); PRAGMA user_version = 7")
print("ready", flush=True)
number = 0
while True:
    number += 1
    base.execute("BEGIN")
    base.execute("UPDATE a SET n = ?, x = randomblob(?)", (number, number * 37 % 9000))
    base.execute("UPDATE b SET n = ?, x = randomblob(?)", (number, number * 91 % 9000))
    base.execute("COMMIT")
    time.sleep(0.001)  # a writer that left no instant between its transactions could starve any reader
"""


class DatabaseCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))
        self.path, self.target = self.folder + b"/it's ?#%41.sqlite", self.folder + b"/copy"

    def make(self, version: int = 1) -> None:
        with closing(sqlite3.connect(self.path)) as base:
            base.executescript(f"CREATE TABLE a (n); INSERT INTO a VALUES (5); PRAGMA user_version = {version}")

    def rows(self, path: bytes) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(path)) as base:
            return base.execute("SELECT n FROM a").fetchall()


class ExclusiveTests(DatabaseCase):
    def test_while_it_is_written(self) -> None:
        """A copy is what stood there between two transactions, however often and fast the log is begun anew."""
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, self.path], stdout=subprocess.PIPE)
        self.addCleanup(writer.communicate)
        self.addCleanup(writer.kill)
        assert writer.stdout is not None
        writer.stdout.readline()
        last = 0
        for number in range(40):
            target = self.target + b"%d" % number
            self.assertTrue(copy_exclusive(self.path, target))
            self.assertEqual(examine(target), 7)
            with closing(sqlite3.connect(target)) as base:
                (a,), (b,) = base.execute("SELECT n FROM a UNION ALL SELECT n FROM b").fetchall()
            self.assertEqual(a, b)
            self.assertGreaterEqual(a, last)
            last = a
        self.assertGreater(last, 40)

    def test_unfolded(self) -> None:
        """What only stands in the log of a killed process is in the copy, which is one file of its owner's."""
        with subprocess.Popen([sys.executable, "-c", _WRITER, self.path], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.kill()
        self.assertTrue(copy_exclusive(self.path, self.target))
        self.assertEqual(examine(self.target), 7)
        self.assertEqual(stat.S_IMODE(os.stat(self.target).st_mode), 0o600)
        self.assertFalse(os.path.exists(self.target + b"-wal"))

    def test_at_rest(self) -> None:
        """One without a log is copied as it is; one that isn't there isn't."""
        self.assertFalse(copy_exclusive(self.path, self.target))
        self.assertEqual(os.listdir(self.folder), [])
        self.make()
        self.assertTrue(copy_exclusive(self.path, self.target))
        self.assertEqual(self.rows(self.target), [(5,)])


class SharedTests(DatabaseCase):
    def test_between_transactions(self) -> None:
        """What somebody is about to write isn't in the copy."""
        self.make()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as base:
            base.execute("BEGIN IMMEDIATE")
            base.execute("UPDATE a SET n = 6")
            self.assertTrue(copy_shared(self.path, self.target))
        self.assertEqual(self.rows(self.target), [(5,)])
        self.assertEqual(stat.S_IMODE(os.stat(self.target).st_mode), 0o600)

    def test_absent(self) -> None:
        """One that isn't there isn't made."""
        self.assertFalse(copy_shared(self.path, self.target))
        self.assertEqual(os.listdir(self.folder), [])


class ExamineTests(DatabaseCase):
    def refusal(self) -> str:
        with self.assertRaises(sqlite3.Error) as caught:
            examine(self.path)
        return str(caught.exception)

    def test_sound(self) -> None:
        """A sound one tells its version."""
        self.make(9)
        self.assertEqual(examine(self.path), 9)

    def test_acting(self) -> None:
        """Triggers and views are refused: they would run in the server."""
        self.make()
        with closing(sqlite3.connect(self.path)) as base:
            base.execute("CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END")
        self.assertIn("triggers", self.refusal())

    def test_damaged(self) -> None:
        """A damaged one, and what is none at all, are refused."""
        with closing(sqlite3.connect(self.path)) as base:
            base.executescript("CREATE TABLE a (n); CREATE INDEX i ON a (n)")
            base.executemany("INSERT INTO a VALUES (?)", [(n,) for n in range(2000)])
            base.commit()
        with open(self.path, "r+b") as file:
            file.seek(8192)
            file.write(os.urandom(8192))
        self.refusal()
        with open(self.path, "wb") as file:
            file.write(b"no database at all" * 100)
        self.assertIn("not a database", self.refusal())


class KeepTests(DatabaseCase):
    def test_kept(self) -> None:
        """The copy stands beside it, closed to others, and replaces one of an earlier migration."""
        self.make(3)
        for number in (5, 6):
            with closing(sqlite3.connect(self.path, isolation_level=None)) as base:
                base.execute("UPDATE a SET n = ?", (number,))
                keep_before(base, self.path, 3)
            kept = self.path + b".before-3"
            self.assertEqual((self.rows(kept), version_of(kept)), ([(number,)], 3))
            self.assertEqual(stat.S_IMODE(os.stat(kept).st_mode), 0o600)
        self.assertEqual(len(os.listdir(self.folder)), 2)

    def test_another_was_faster(self) -> None:
        """What another process has migrated meanwhile is no copy of the version before."""
        self.make(4)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as base:
            keep_before(base, self.path, 3)
        self.assertEqual(len(os.listdir(self.folder)), 1)

    def test_full_disk(self) -> None:
        """Where there is no room for the copy nothing of it is left, and the caller hears of it."""
        disk = small_disk(self, 1024 * 1024)
        self.path = os.fsencode(disk) + b"/a.sqlite"
        self.make(3)
        Ballast(disk).leave(0)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as base:
            self.assertRaises((sqlite3.Error, OSError), keep_before, base, self.path, 3)
        self.assertEqual(sorted(os.listdir(disk)), ["a.sqlite", "ballast"])
