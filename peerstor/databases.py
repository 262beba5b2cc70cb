"""Whole copies of SQLite files, also of ones in use, and what tells whether a copy is sound."""

import contextlib
import os
import secrets
import shutil
import sqlite3
import time
from contextlib import closing
from urllib.parse import quote

from peerstor.errors import StorageUnavailable
from peerstor.secretfiles import make_private

COMPANIONS = (b"-wal", b"-shm", b"-journal")
"""Ends of the names of files that SQLite keeps beside a database. They belong to that very one and to no other."""

PATIENCE = 5.0
"""Seconds to wait for another process's transaction."""

_TRIES, _PAUSE = 100, 0.02


def keep_before(base: sqlite3.Connection, path: bytes, version: int) -> None:
    """Copy a database beside itself, as `NAME.before-VERSION`, since it is about to be migrated. Blocks.

    An older PeerStor goes on from that copy, renamed. A copy of an earlier migration is replaced.

    :param base: open, and not in a transaction.
    :param path: of its file.
    :param version: of its schema.
    :raise sqlite3.Error, OSError: it can't be written; nothing is left of it.
    """
    kept = path + b".before-%d" % version
    new = kept + b".%s.new" % secrets.token_hex(8).encode()
    try:
        make_private(new)
        with closing(sqlite3.connect(new)) as copy:
            base.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        # Another process may have migrated it meanwhile, and kept the right copy.
        if version_of(new) == version:
            os.rename(new, kept)
    finally:
        _remove(new)


def copy_shared(path: bytes, target: bytes) -> bool:
    """Copy a database that several processes use, as it is between two transactions. Blocks.

    :param target: path of the copy, of mode 0600; it isn't there yet.
    :return: whether there was one.
    :raise sqlite3.Error, OSError: that isn't possible.
    """
    if not os.path.lexists(path):
        return False
    make_private(target)
    with (
        closing(sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=PATIENCE)) as base,
        closing(sqlite3.connect(target)) as copy,
    ):
        base.backup(copy)
    return True


def copy_exclusive(path: bytes, target: bytes) -> bool:
    """Copy a database that another process may have to itself, its write-ahead log included. Blocks.

    SQLite lets nobody else read such a one, so its files are read as they are: first the database, then the log.
    What a checkpoint moves into the one meanwhile still stands in the other, until the log is begun anew; that
    shows in its first bytes, and then the copy is made again. The end of a log that is being written has no right
    checksum and doesn't count (https://www.sqlite.org/fileformat2.html, section 4).

    :param target: path of the copy, of mode 0600; it isn't there yet.
    :return: whether there was one.
    :raise sqlite3.Error, OSError: that isn't possible.
    :raise StorageUnavailable: it changes faster than it can be read.
    """
    for _ in range(_TRIES):
        before = _generation(path)
        if before is None:
            return False
        for end in (b"", b"-wal"):
            _remove(target + end)
            with contextlib.suppress(FileNotFoundError):
                _copy(path + end, target + end)
        if os.path.exists(target) and _generation(path) == before and not _size(path + b"-journal"):
            _fold(target)
            return True
        time.sleep(_PAUSE)
    raise StorageUnavailable(reason="The ledger of uploads changes too fast to be copied.")


def version_of(path: bytes) -> int:
    """Tell the version of the schema in a file that nobody uses (`user_version`). Blocks.

    :raise sqlite3.Error: it is no database.
    """
    with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=PATIENCE)) as base:
        version: int = base.execute("PRAGMA user_version").fetchone()[0]
    return version


def examine(path: bytes) -> int:
    """Look whether a file that nobody uses is a sound database with nothing in it that would act. Blocks.

    :return: the version of its schema.
    :raise sqlite3.Error: it isn't; the text says why.
    """
    with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=PATIENCE)) as base:
        base.execute("PRAGMA trusted_schema = OFF")
        acting = base.execute("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone()
        if acting is not None:
            raise sqlite3.DatabaseError("it has triggers or views, and PeerStor's have none")
        (outcome,) = base.execute("PRAGMA integrity_check(1)").fetchone()
        if outcome != "ok":
            raise sqlite3.DatabaseError("it is damaged")
        version: int = base.execute("PRAGMA user_version").fetchone()[0]
    return version


def _generation(path: bytes) -> tuple[object, ...] | None:
    """Give what stays the same as long as the log is only added to; None where there is no database."""
    try:
        base = os.stat(path)
    except FileNotFoundError:
        return None
    try:
        with open(path + b"-wal", "rb") as log:
            head = log.read(32)
    except FileNotFoundError:
        head = b""
    if head:
        return base.st_ino, head
    # Without a log every change is one of the file itself.
    return base.st_ino, base.st_size, base.st_mtime_ns


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _copy(path: bytes, target: bytes) -> None:
    with open(path, "rb") as source:
        make_private(target)
        with open(target, "wb") as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)


def _fold(path: bytes) -> None:
    """Bring a log's changes into its database, which is one file then."""
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("PRAGMA locking_mode = EXCLUSIVE")
        base.execute("PRAGMA journal_mode = DELETE")


def _remove(path: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
