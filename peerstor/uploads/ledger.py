"""The ledger: one row for each upload, in SQLite, so that an upload survives the process."""

import errno
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from peerstor.databases import keep_before
from peerstor.errors import Fault, NoSpace, StartupError, StorageUnavailable
from peerstor.secretfiles import make_private
from peerstor.uploads.records import Record, State, Stated, UploadKey

VERSION = 2
"""Of the schema (`user_version`); a later one migrates in `_prepare`."""

_SCHEMA = """
CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    principal TEXT NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL,
    size INTEGER, fingerprint TEXT, session TEXT,
    offset INTEGER NOT NULL, synced INTEGER NOT NULL, boot_id TEXT NOT NULL,
    created REAL NOT NULL, touched REAL NOT NULL, beside INTEGER NOT NULL,
    state TEXT NOT NULL, digest TEXT, final BLOB, replaced INTEGER NOT NULL,
    counted INTEGER, checked TEXT,
    UNIQUE (principal, folder, name)
) WITHOUT ROWID;
CREATE INDEX uploads_touched ON uploads (state, touched);
CREATE TABLE strays (id TEXT NOT NULL PRIMARY KEY, folder BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE birth (moment REAL NOT NULL);
"""

_MIGRATIONS = {
    1: "ALTER TABLE uploads ADD COLUMN counted INTEGER; ALTER TABLE uploads ADD COLUMN checked TEXT;",
}
"""From each older version of the schema to the next."""

_COLUMNS = (
    "id, principal, folder, name, size, fingerprint, session, offset, synced, boot_id, "
    "created, touched, beside, state, digest, final, replaced, counted, checked"
)


class NewerLedger(sqlite3.DatabaseError):
    """A newer PeerStor wrote it."""


class Ledger:
    """The uploads of one storage, on disk. Every method blocks; call it in a thread.

    Calls may come from several threads and wait for each other. The process has the file to itself (the lock on
    the storage says so), hence SQLite's exclusive mode: no shared memory file, which a full disk could break.
    A row that has to survive a power failure is synced as it is written, the others follow.

    Every method raises NoSpace when the disk is full and StorageUnavailable when the file can't be read or
    written. After that, or when the file at `path` is no longer the one that was opened, the next call opens it
    anew: a storage that went away and came back works again.
    """

    @staticmethod
    def path_in(state_folder: bytes, instance_id: str) -> bytes:
        """Name the database file of a storage, so that storages may share the folder for their state.

        :param instance_id: of the storage, 32 hex digits.
        """
        return os.path.join(state_folder, b"uploads-%s.sqlite" % instance_id[:16].encode())

    def __init__(self, *, path: bytes, fsync: bool = True, wall: Callable[[], float] = time.time) -> None:
        """Make a ledger; its files are made at the first call.

        :param path: of the database file (`path_in`); its folder exists.
        :param fsync: whether anything is synced at all.
        :param wall: the time, seconds since the epoch.
        """
        self._path = path
        self._fsync = fsync
        self._wall = wall
        self._made = False
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def open(self) -> None:
        """Make the files, or open those that are there."""
        self._read("SELECT 1")

    def check(self) -> None:
        """Bring the ledger up to date, and refuse one that can't be; a later call opens it again.

        Whatever else is wrong with it is no reason not to serve what is stored: it shows when it is used.

        :raise StartupError: a newer PeerStor wrote it.
        """
        with self._lock:
            try:
                self._opened()
            except NewerLedger as error:
                shown = self._path.decode("utf-8", "backslashreplace")
                raise StartupError(f"The ledger of uploads {shown}: {error}. Use that one.") from None
            except (sqlite3.Error, Fault):
                return
            finally:
                self._drop()

    def close(self) -> None:
        """Close the files; a later call opens them again."""
        with self._lock:
            self._drop()

    # One upload

    def find(self, key: UploadKey) -> Record | None:
        """Look the upload of a key up."""
        rows = self._read(
            f"SELECT {_COLUMNS} FROM uploads WHERE principal = ? AND folder = ? AND name = ?",
            (key.principal, key.folder, key.name),
        )
        return _record(rows[0]) if rows else None

    def begin(self, record: Record) -> None:
        """Write a new row, in the place of an older one of the same key; durable."""
        values = _values(record)
        marks = ", ".join("?" * len(values))
        self._write(f"INSERT OR REPLACE INTO uploads ({_COLUMNS}) VALUES ({marks})", values, durable=True)

    def note(self, record_id: str, *, offset: int, touched: float) -> None:
        """Note how far an upload is.

        :param touched: seconds since the epoch.
        """
        self._write("UPDATE uploads SET offset = ?, touched = ? WHERE id = ?", (offset, touched, record_id))

    def mark(self, record_id: str, synced: int) -> None:
        """Note how many bytes survive a power failure; durable."""
        self._write("UPDATE uploads SET synced = ? WHERE id = ?", (synced, record_id), durable=True)

    def count(self, record_id: str, counted: int | None) -> None:
        """Note that only so many bytes of the part file count until this is called again; None: all that it has.

        It must not survive a power failure: after one, the synced mark tells, which is never beyond.
        """
        self._write("UPDATE uploads SET counted = ? WHERE id = ?", (counted, record_id))

    def intend(
        self, record_id: str, *, final: bytes, digest: str, offset: int, checked: str | None = None
    ) -> None:
        """Write, before the rename, that the upload is about to get its name; durable."""
        self._write(
            "UPDATE uploads SET state = ?, final = ?, digest = ?, offset = ?, checked = ? WHERE id = ?",
            (State.PUBLISHING.value, final, digest, offset, checked, record_id),
            durable=True,
        )

    def finish(self, record: Record) -> None:
        """Write that the upload is published, with everything that a repeated answer needs; durable."""
        self._write(
            "UPDATE uploads SET state = ?, offset = ?, final = ?, digest = ?, replaced = ?, touched = ?,"
            " checked = ? WHERE id = ?",
            (
                State.DONE.value,
                record.offset,
                record.final,
                record.digest,
                record.replaced,
                record.touched,
                record.checked,
                record.id,
            ),
            durable=True,
        )

    def reopen(self, record: Record) -> None:
        """Write that an upload goes on: what it states, its offset, mark and boot; durable.

        Also takes an intent back that came to nothing.
        """
        self._write(
            "UPDATE uploads SET state = ?, final = NULL, digest = NULL, checked = NULL, size = ?,"
            " fingerprint = ?, session = ?, offset = ?, synced = ?, boot_id = ?, counted = ? WHERE id = ?",
            (
                State.PARTIAL.value,
                record.stated.size,
                record.stated.fingerprint,
                record.stated.session,
                record.offset,
                record.synced,
                record.boot_id,
                record.counted,
                record.id,
            ),
            durable=True,
        )

    def remove(self, record_id: str) -> None:
        """Forget an upload."""
        self._write("DELETE FROM uploads WHERE id = ?", (record_id,))

    # Many

    def complete_since(self) -> float:
        """Tell from when on every part file has a row here, seconds since the epoch; infinity: not for sure yet.

        What is older than the ledger may belong to one that was used before it. Clocks may jump at the start of a
        machine, hence a ledger that this very process has made vouches for nothing.
        """
        [(moment,)] = self._read("SELECT moment FROM birth")
        return math.inf if self._made else float(moment)

    def part_ids(self) -> frozenset[str]:
        """The ids of all uploads that may have a part file."""
        rows = self._read("SELECT id FROM uploads WHERE state != ?", (State.DONE.value,))
        return frozenset(row[0] for row in rows)

    def publishing(self) -> tuple[UploadKey, ...]:
        """The uploads whose renaming was cut in between."""
        rows = self._read("SELECT principal, folder, name FROM uploads WHERE state = ?", (State.PUBLISHING.value,))
        return tuple(UploadKey(*row) for row in rows)

    def forget_done(self, before: float) -> None:
        """Drop the rows of published uploads that were finished before a time, seconds since the epoch."""
        self._write("DELETE FROM uploads WHERE state = ? AND touched < ?", (State.DONE.value, before))

    def expired(self, before: float, limit: int = 1000) -> tuple[UploadKey, ...]:
        """The partial uploads that last moved before a time, seconds since the epoch; the oldest first."""
        rows = self._read(
            "SELECT principal, folder, name FROM uploads WHERE state = ? AND touched < ? ORDER BY touched LIMIT ?",
            (State.PARTIAL.value, before, limit),
        )
        return tuple(UploadKey(*row) for row in rows)

    # What lies hidden in the tree, and no upload's row leads to

    def note_stray(self, part_id: str, folder: bytes) -> None:
        """Note that a part, or the copy of one, lies in a folder of the tree or is about to; durable."""
        statement = "INSERT OR REPLACE INTO strays (id, folder) VALUES (?, ?)"
        self._write(statement, (part_id, folder), durable=True)

    def strays(self) -> tuple[tuple[str, bytes], ...]:
        """The part's id and the folder of each."""
        return tuple((part_id, folder) for part_id, folder in self._read("SELECT id, folder FROM strays"))

    def forget_stray(self, part_id: str) -> None:
        """Note that it is gone."""
        self._write("DELETE FROM strays WHERE id = ?", (part_id,))

    # SQLite

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                with closing(self._opened().execute(statement, values)) as cursor:
                    return cursor.fetchall()
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def _write(self, statement: str, values: Sequence[object], *, durable: bool = False) -> None:
        with self._lock:
            try:
                base = self._opened()
                if self._fsync:
                    base.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                base.execute(statement, values)
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def _opened(self) -> sqlite3.Connection:
        """The connection, opened anew when another file lies at the path, or none."""
        if self._base is not None and self._identity != self._present():
            self._drop()
        if self._base is None:
            # Names and sizes of what others upload are nobody's business.
            self._make_file()
            self._base = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=5.0)
            try:
                self._made |= _prepare(self._base, self._path, fsync=self._fsync, now=self._wall())
            except OSError as error:
                raise self._no_file(error) from error
            self._identity = self._present()
        return self._base

    def _make_file(self) -> None:
        try:
            make_private(self._path)
        except OSError as error:
            raise self._no_file(error) from error

    def _no_file(self, error: OSError) -> Fault:
        self._drop()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return NoSpace(self._free())
        return StorageUnavailable(reason=f"The ledger of uploads: {error}")

    def _present(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _failed(self, error: sqlite3.Error) -> Fault:
        self._drop()
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return NoSpace(self._free())
        return StorageUnavailable(reason=f"The ledger of uploads: {error}")

    def _free(self) -> int | None:
        """Tell how many bytes are left on the ledger's disk, which may be another one than the storage's."""
        try:
            found = os.statvfs(os.path.dirname(self._path))
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    def _drop(self) -> None:
        base, self._base = self._base, None
        if base is not None:
            try:
                base.close()
            except sqlite3.Error:
                # A file that can't be written can't be closed in good order either; the log is replayed later.
                return


def _prepare(base: sqlite3.Connection, path: bytes, *, fsync: bool, now: float) -> bool:
    """Set a connection up; tell whether there was no ledger yet. Before a migration, a copy is kept beside it."""
    base.execute("PRAGMA locking_mode = EXCLUSIVE")
    base.execute("PRAGMA journal_mode = WAL")
    base.execute(f"PRAGMA synchronous = {'NORMAL' if fsync else 'OFF'}")
    version = base.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise NewerLedger(
            f"it was written by a newer PeerStor (version {version} of it, this one knows {VERSION})"
        )
    if version == 0:
        born = f"INSERT INTO birth (moment) VALUES ({now:f});"
        base.executescript(f"BEGIN; {_SCHEMA} {born} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version < VERSION:
        keep_before(base, path, version)
        steps = " ".join(_MIGRATIONS[step] for step in range(version, VERSION))
        base.executescript(f"BEGIN; {steps} PRAGMA user_version = {VERSION}; COMMIT;")
    return bool(version == 0)


def _values(record: Record) -> tuple[object, ...]:
    key, stated = record.key, record.stated
    return (
        record.id,
        key.principal,
        key.folder,
        key.name,
        stated.size,
        stated.fingerprint,
        stated.session,
        record.offset,
        record.synced,
        record.boot_id,
        record.created,
        record.touched,
        record.beside,
        record.state.value,
        record.digest,
        record.final,
        record.replaced,
        record.counted,
        record.checked,
    )


def _record(row: Sequence[Any]) -> Record:
    (
        record_id,
        principal,
        folder,
        name,
        size,
        fingerprint,
        session,
        offset,
        synced,
        boot_id,
        created,
        touched,
        beside,
        state,
        digest,
        final,
        replaced,
        counted,
        checked,
    ) = row
    return Record(
        id=record_id,
        key=UploadKey(principal, folder, name),
        stated=Stated(size, fingerprint, session),
        offset=offset,
        synced=synced,
        boot_id=boot_id,
        created=created,
        touched=touched,
        beside=bool(beside),
        state=State(state),
        digest=digest,
        final=final,
        replaced=bool(replaced),
        counted=counted,
        checked=checked,
    )
