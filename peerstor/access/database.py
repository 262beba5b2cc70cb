"""The access database: what tokens, sessions and their like there are, in SQLite, shared between processes."""

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from peerstor.databases import PATIENCE, keep_before
from peerstor.errors import Fault, NoSpace, StartupError, StorageUnavailable
from peerstor.secretfiles import make_private

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE tokens (
            identity TEXT NOT NULL PRIMARY KEY, digest BLOB NOT NULL UNIQUE,
            name TEXT NOT NULL COLLATE NOCASE UNIQUE,
            rights TEXT NOT NULL, path BLOB NOT NULL, created REAL NOT NULL, expires REAL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE sessions (
            digest BLOB NOT NULL PRIMARY KEY, identity TEXT NOT NULL, begun REAL NOT NULL, used REAL NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX sessions_identity ON sessions (identity, used)",
        "CREATE INDEX sessions_used ON sessions (used)",
    ),
    (
        """
        CREATE TABLE shares (
            id TEXT NOT NULL PRIMARY KEY, parts BLOB NOT NULL, folder INTEGER NOT NULL, mode TEXT NOT NULL,
            maker TEXT NOT NULL, made_by TEXT NOT NULL, created REAL NOT NULL, expires REAL, password TEXT,
            max_downloads INTEGER, max_bytes INTEGER, note TEXT NOT NULL,
            downloads INTEGER NOT NULL, bytes INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE share_visits (
            share TEXT NOT NULL, visit BLOB NOT NULL, counted REAL NOT NULL, PRIMARY KEY (share, visit)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE deliveries (
            number INTEGER PRIMARY KEY, share TEXT NOT NULL, at REAL NOT NULL, address TEXT NOT NULL,
            sender TEXT NOT NULL, note TEXT NOT NULL, files TEXT NOT NULL, count INTEGER NOT NULL
        )
        """,
        "CREATE INDEX deliveries_share ON deliveries (share, number)",
    ),
)
"""What makes each version of the schema out of the one before, as statements; `user_version` counts them.

A new table is one more entry at the end. Older entries never change: databases were made by them.
"""

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Database:
    """One SQLite file that the daemon and command-line processes use at the same time. Every method blocks.

    Calls may come from several threads and wait for each other. There is one file and no log beside it that
    outlives a transaction (SQLite's rollback journal, not WAL): a backup put in its place is complete.

    No file is made before something is written; until then there is simply nothing in it. One that was there
    and is gone is a fault, however, and not an empty database: a server that forgot its tokens because a disk
    went away would stand open. That it was there the key of the tokens tells as well, which is only ever made in a
    transaction.

    Every method raises NoSpace when the disk is full, StorageUnavailable when the file can't be read or written,
    and StartupError when a newer PeerStor wrote it, or when it is gone and its key isn't. After a fault, or when
    another file lies at `path`, the next call opens it anew.
    """

    @staticmethod
    def path_in(state_folder: bytes, instance_id: str) -> bytes:
        """Name the file of a storage, so that storages may share the folder for their state.

        :param instance_id: of the storage, 32 hex digits.
        """
        return os.path.join(state_folder, b"access-%s.sqlite" % instance_id[:16].encode())

    def __init__(self, *, path: bytes, key: bytes, fsync: bool) -> None:
        """Make a database; nothing is opened before the first call.

        :param path: of the file (`path_in`); its folder exists.
        :param key: path of the key of the tokens, there or not.
        :param fsync: whether anything is synced.
        """
        self._path = path
        self._key = key
        self._fsync = fsync
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._openings = 0

    def read(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Ask for rows; there are none before anything was written."""
        with self._lock, self._faults():
            base = self._opened(make=False)
            if base is None:
                return []
            with closing(base.execute(statement, values)) as cursor:
                return cursor.fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change rows, all of it or nothing, with no other process in between; durable when it is left.

        Whatever is raised inside takes everything back. The database's other methods can't be used inside.
        """
        with self._lock, self._faults():
            base = self._opened(make=True)
            assert base is not None
            base.execute("BEGIN IMMEDIATE")
            try:
                yield base
                base.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    base.execute("ROLLBACK")
                raise

    def stamp(self) -> tuple[int, int]:
        """Give something that differs from its last value once anybody else may have changed a row.

        What was changed through this very object doesn't show.
        """
        with self._lock, self._faults():
            base = self._opened(make=False)
            if base is None:
                return 0, 0
            [(version,)] = base.execute("PRAGMA data_version").fetchall()
            # Versions of one connection say nothing about those of another.
            return self._openings, version

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            self._drop()

    def _opened(self, *, make: bool) -> sqlite3.Connection | None:
        """The connection; None where there was never a file and none is to be made."""
        present = self._present()
        if self._base is not None and self._identity != present:
            self._drop()
        if self._base is None:
            if present is None and self._openings:
                raise StorageUnavailable(reason=f"The access database is gone from {self._shown}.")
            if present is None:
                check_not_gone(self._path, self._key)
            if present is None and not make:
                return None
            self._open()
        return self._base

    def _open(self) -> None:
        make_private(self._path)
        base = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
        try:
            # EXTRA: a token that was revoked stays so also after a power cut.
            base.execute(f"PRAGMA synchronous = {'EXTRA' if self._fsync else 'OFF'}")
            self._migrate(base)
        except BaseException:
            base.close()
            raise
        self._base, self._identity = base, self._present()
        self._openings += 1

    def _migrate(self, base: sqlite3.Connection) -> None:
        version = self._version(base)
        if version == len(MIGRATIONS):
            return
        if version > 0:
            keep_before(base, self._path, version)
        base.execute("BEGIN IMMEDIATE")
        # Asked again: another process may have come first.
        for statements in MIGRATIONS[self._version(base) :]:
            for statement in statements:
                base.execute(statement)
        base.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        base.execute("COMMIT")

    def _version(self, base: sqlite3.Connection) -> int:
        version: int = base.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StartupError(
                f"The access database {self._shown} was written by a newer PeerStor (version {version} of it, this"
                f" one knows {len(MIGRATIONS)}). Use that one."
            )
        return version

    def _present(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn errors of SQLite and of the system into faults, and open anew after one."""
        try:
            yield
        except sqlite3.Error as error:
            self._drop()
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            raise self._fault(error, full=full) from error
        except OSError as error:
            self._drop()
            raise self._fault(error, full=error.errno in _FULL) from error

    def _fault(self, error: Exception, *, full: bool) -> Fault:
        reason = error.strerror if isinstance(error, OSError) else error
        return NoSpace() if full else StorageUnavailable(reason=f"The access database {self._shown}: {reason}.")

    def _drop(self) -> None:
        base, self._base = self._base, None
        if base is not None:
            with contextlib.suppress(sqlite3.Error):
                base.close()

    @property
    def _shown(self) -> str:
        return self._path.decode("utf-8", "backslashreplace")


def check_not_gone(path: bytes, key: bytes) -> None:
    """Refuse to take a database for never made when its key is there, which is only made once that is. Blocks.

    :param path: of the database.
    :param key: path of the key.
    :raise StartupError: everybody would get in.
    """
    # The key first: another process may be making both.
    if os.path.lexists(key) and not os.path.lexists(path):
        shown, of_key = (one.decode("utf-8", "backslashreplace") for one in (path, key))
        raise StartupError(
            f"The database of the tokens, {shown}, is gone, and without it everybody would get in. Restore it from"
            f" a backup, or remove {of_key} too and add tokens anew."
        )
