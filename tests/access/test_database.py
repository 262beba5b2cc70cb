"""The access database: its file, its schema, and what becomes of it when the disk or somebody else interferes."""

import os
import shutil
import sqlite3
import stat
from contextlib import closing

from peerstor.access import database as module
from peerstor.access import digests
from peerstor.access.database import Database
from peerstor.access.rights import Right
from peerstor.errors import NoSpace, StartupError, StorageUnavailable
from tests.access.scaffold import INSTANCE, StateCase
from tests.uploads.scaffold import mount_tmpfs


def add(database: Database, name: str) -> None:
    """Write a row."""
    with database.transaction() as base:
        base.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, 'read', x'', 0, NULL)", (f"token:{name}", name.encode(), name)
        )


def names(database: Database) -> list[str]:
    """Read the rows."""
    return [name for (name,) in database.read("SELECT name FROM tokens ORDER BY name")]


class DatabaseTests(StateCase):
    def test_path(self) -> None:
        """Storages that share a state folder have a database each."""
        self.assertEqual(Database.path_in(b"/var/lib", INSTANCE), b"/var/lib/access-0123456789abcdef.sqlite")

    def test_nothing_is_made_for_a_question(self) -> None:
        """Asking makes no file: there is nothing in what was never written."""
        database = self.database()
        self.assertEqual(names(database), [])
        self.assertEqual(database.stamp(), database.stamp())
        self.assertEqual(os.listdir(self.folder), [])

    def test_private(self) -> None:
        """The file is its owner's alone, whatever the umask, and also when it was copied there carelessly."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        add(self.database(), "a")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        os.chmod(self.path, 0o644)
        self.assertEqual(names(self.database()), ["a"])
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_one_file(self) -> None:
        """Between transactions the one file is all there is: a copy of it is a backup."""
        add(self.database(), "a")
        self.assertEqual(os.listdir(self.folder), [os.path.basename(self.path)])

    def test_all_or_nothing(self) -> None:
        """What fails in the middle changes nothing, and the next transaction works."""
        database = self.database()
        with self.assertRaises(ZeroDivisionError), database.transaction() as base:
            base.execute("INSERT INTO tokens VALUES ('token:a', x'', 'a', 'read', x'', 0, NULL)")
            raise ZeroDivisionError
        self.assertEqual(names(database), [])
        add(database, "b")
        self.assertEqual(names(database), ["b"])

    def test_stamp(self) -> None:
        """The stamp differs once somebody else has changed a row, and only then."""
        first, second = self.database(), self.database()
        add(first, "a")
        stamp = first.stamp()
        names(second)
        add(first, "b")
        self.assertEqual(first.stamp(), stamp)
        add(second, "c")
        self.assertNotEqual(first.stamp(), stamp)
        self.assertEqual(names(first), ["a", "b", "c"])

    def test_first_made_by_another(self) -> None:
        """One who looked before there was a file notices the one that another makes."""
        first = self.database()
        stamp = first.stamp()
        add(self.database(), "a")
        self.assertNotEqual(first.stamp(), stamp)
        self.assertEqual(names(first), ["a"])

    def test_replaced(self) -> None:
        """A backup that is put in its place is what counts from then on."""
        database = self.database()
        add(database, "old")
        shutil.copy(self.path, self.path + b".backup")
        add(database, "new")
        stamp = database.stamp()
        os.rename(self.path + b".backup", self.path)
        self.assertNotEqual(database.stamp(), stamp)
        self.assertEqual(names(database), ["old"])
        add(database, "more")
        self.assertEqual(names(self.database()), ["more", "old"])

    def test_written_over(self) -> None:
        """A backup that is written over it, byte for byte, is noticed as well."""
        database = self.database()
        add(database, "old")
        shutil.copy(self.path, self.path + b".backup")
        add(database, "new")
        stamp = database.stamp()
        shutil.copy(self.path + b".backup", self.path)
        self.assertNotEqual(database.stamp(), stamp)
        self.assertEqual(names(database), ["old"])

    def test_gone_is_a_fault(self) -> None:
        """A file that was there and is gone is no empty database, and is used again when it is back."""
        database = self.database()
        add(database, "a")
        os.rename(self.path, self.path + b".away")
        for attempt in (database.stamp, lambda: names(database), lambda: add(database, "b")):
            with self.assertRaises(StorageUnavailable):
                attempt()
        self.assertFalse(os.path.exists(self.path))
        os.rename(self.path + b".away", self.path)
        self.assertEqual(names(database), ["a"])

    def test_gone_before(self) -> None:
        """A key tells every process that there was a database: without it none is made, and there isn't nothing in it."""
        self.tokens().add("a", Right.READ, (), None)
        os.rename(self.path, self.path + b".away")
        for attempt in (
            lambda: self.database().stamp(),
            lambda: names(self.database()),
            lambda: add(self.database(), "b"),
            lambda: self.keyring().open(),
            lambda: self.keyring(secret="secret-of-mine").open(),
            lambda: self.tokens().add("b", Right.READ, (), None),
            lambda: self.tokens().revoke("a"),
        ):
            with self.assertRaises(StartupError) as caught:
                attempt()
            self.assertIn("everybody would get in", str(caught.exception))
        self.assertFalse(os.path.exists(self.path))
        os.rename(self.path + b".away", self.path)
        self.assertEqual(names(self.database()), ["a"])

    def test_database_before_key(self) -> None:
        """Whenever there is a key there is a database, also after a crash between the two."""
        real, seen = digests.write_secret, []

        def look(*given: bytes) -> None:
            seen.append(os.path.exists(self.path))
            raise KeyboardInterrupt

        for make in (
            lambda: self.tokens().add("a", Right.READ, (), None),
            lambda: self.keyring(secret="secret-of-mine").open(),
        ):
            self.patch(digests, "write_secret", look)
            with self.assertRaises(KeyboardInterrupt):
                make()
            self.patch(digests, "write_secret", real)
            make()
            os.unlink(self.path)
            os.unlink(self.digest().path)
        self.assertEqual(seen, [True, True])

    def test_folder_gone(self) -> None:
        """While the folder is away calls fail clearly."""
        database = self.database()
        add(database, "a")
        os.rename(self.folder, self.folder + b"-away")
        self.addCleanup(shutil.rmtree, self.folder + b"-away", ignore_errors=True)
        with self.assertRaises(StorageUnavailable):
            database.stamp()
        with self.assertRaises(StorageUnavailable):
            add(self.database(), "b")
        os.rename(self.folder + b"-away", self.folder)
        self.assertEqual(names(database), ["a"])

    def test_newer(self) -> None:
        """A newer PeerStor's database is refused in one line, and left as it is."""
        add(self.database(), "a")
        base = sqlite3.connect(self.path)
        base.execute("PRAGMA user_version = 99")
        base.close()
        with self.assertRaises(StartupError) as caught:
            names(self.database())
        self.assertIn("newer PeerStor (version 99", str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_migrates(self) -> None:
        """What a newer version adds is added to what is there."""
        add(self.database(), "a")
        self.patch(
            module, "MIGRATIONS", (*module.MIGRATIONS, ("CREATE TABLE more (x)", "INSERT INTO more VALUES (7)"))
        )
        for _ in range(2):
            self.assertEqual(self.database().read("SELECT name, x FROM tokens, more"), [("a", 7)])

    def test_from_the_first(self) -> None:
        """A file that the first version made is brought up to date, and a copy of it is kept as it was."""
        with closing(sqlite3.connect(self.path)) as base:
            for statement in module.MIGRATIONS[0]:
                base.execute(statement)
            base.execute("INSERT INTO tokens VALUES ('t', x'00', 'a', 'read', x'', 1.0, NULL)")
            base.execute("PRAGMA user_version = 1")
            base.commit()
        self.assertEqual(names(self.database()), ["a"])
        self.assertEqual(self.database().read("SELECT count(*) FROM shares"), [(0,)])
        with closing(sqlite3.connect(self.path + b".before-1")) as base:
            self.assertEqual(base.execute("PRAGMA user_version").fetchall(), [(1,)])
            self.assertEqual(base.execute("SELECT name FROM tokens").fetchall(), [("a",)])

    def test_something_else(self) -> None:
        """A file that is no database is a fault that names it, and stays as it is."""
        content = b"something else entirely" * 500
        with open(self.path, "wb") as file:
            file.write(content)
        with self.assertRaises(StorageUnavailable) as caught:
            add(self.database(), "a")
        self.assertIn(os.fsdecode(self.path), caught.exception.reason)
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), content)

    def test_link(self) -> None:
        """A symbolic link in its place is not followed."""
        os.symlink(b"/nowhere", self.path)
        with self.assertRaises(StorageUnavailable):
            add(self.database(), "a")

    def test_synced(self) -> None:
        """With syncing on it is synced with its folder: a revoked token is so after a power cut."""
        for fsync, value in ((True, 3), (False, 0)):
            with self.database(fsync=fsync).transaction() as base:
                self.assertEqual(base.execute("PRAGMA synchronous").fetchone()[0], value)

    def test_full(self) -> None:
        """A full disk is said to be full, harms no row, and is forgotten once there is room."""
        mount_tmpfs(self, self.folder, "128k")
        database = self.database()
        add(database, "a")
        with open(self.folder + b"/filler", "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        with self.assertRaises(NoSpace):
            for number in range(10_000):
                add(database, f"b{number}")
        self.assertIn("a", names(database))
        os.unlink(self.folder + b"/filler")
        add(database, "c")
        self.assertIn("c", names(database))


class SharedTests(StateCase):
    def test_old_schema_opened_by_two(self) -> None:
        """Two that find an old schema at once bring it up to date once."""
        tokens, others = self.tokens(), self.tokens()
        tokens.add("a", Right.READ, (), None)
        others.add("b", Right.READ, (), None)
        self.assertEqual([token.name for token in tokens.all()], ["a", "b"])
