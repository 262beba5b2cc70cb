"""What a file system can do, tried in a folder that is gone afterwards."""

import contextlib
import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable

from peerstor.checks.findings import Finding, ok, warning, wrong

LONGEST = 255
"""Bytes of the longest name that PeerStor takes."""

# Another process, since locks of one and the same don't hold against itself.
_OTHER = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    base.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError:
    sys.exit(7)
sys.exit(8)
"""


def check_renaming(folder: bytes) -> Finding:
    """Replace a file by another in one step."""
    old, new = os.path.join(folder, b"old"), os.path.join(folder, b"new")
    _write(old, b"old")
    _write(new, b"new")
    held = os.open(old, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.rename(new, old)
        if os.read(held, 8) != b"old" or _read(old) != b"new":
            raise OSError(errno.EIO, "a reader lost the file under its hands")
    except OSError as error:
        return wrong(
            "rename",
            f"The file system doesn't replace a file in one step: {error.strerror}.",
            "Downloads could get halves of two files. Use another file system for the storage.",
        )
    finally:
        os.close(held)
    return ok("rename", "Files are replaced in one step.")


def check_syncing(folder: bytes, fsync: Callable[[int], None] = os.fsync) -> Finding:
    """Force a file, and a name, to the disk."""
    path = os.path.join(folder, b"synced")
    _write(path, b"x")
    for target, flags, what in ((path, os.O_RDWR, "files"), (folder, os.O_RDONLY | os.O_DIRECTORY, "names")):
        fd = os.open(target, flags | os.O_CLOEXEC)
        try:
            fsync(fd)
        except OSError as error:
            return warning(
                "sync",
                f"The file system can't force {what} to the disk: {error.strerror}.",
                "A power cut may lose what was acknowledged. Use a local disk, or accept that with --no-fsync.",
            )
        finally:
            os.close(fd)
    return ok("sync", "Files and names are forced to the disk.")


def check_modes(folder: bytes, *, needed: bool) -> Finding:
    """Close a file to others, and look whether that holds.

    :param needed: whether secrets are to lie there in any case: a token, or the key of HTTPS.
    """
    path = os.path.join(folder, b"closed")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(PermissionError):
            os.fchmod(fd, 0o600)
        closed = os.fstat(fd).st_mode & 0o777 == 0o600 and os.fstat(fd).st_uid == os.geteuid()
    finally:
        os.close(fd)
    if closed:
        return ok("permissions", "Files can be closed to other users.")
    return (wrong if needed else warning)(
        "permissions",
        "The file system doesn't keep permissions: other users of this machine could read tokens and keys, so"
        " PeerStor refuses to write them there.",
        "Name a folder on another file system with --state DIR.",
    )


def check_case(folder: bytes) -> Finding:
    """Look whether names that differ in case only are two."""
    _write(os.path.join(folder, b"Case"), b"")
    if not os.path.lexists(os.path.join(folder, b"cASE")):
        return ok("case", "Names that differ in case only are different files.")
    return warning(
        "case",
        "The file system takes names that differ in case only for the same: a.txt is found as A.TXT too.",
        "Nothing is lost; a new file gets another name, as for any that is taken. Another file system tells them"
        " apart.",
    )


def check_links(folder: bytes) -> Finding:
    """Make a symbolic link and a hard one."""
    path = os.path.join(folder, b"linked")
    _write(path, b"x")
    absent = []
    for what, make in (("symbolic", os.symlink), ("hard", os.link)):
        try:
            make(path, os.path.join(folder, what.encode()))
        except OSError:
            absent.append(what)
    if not absent:
        return ok("links", "There are symbolic and hard links.")
    return warning(
        "links",
        f"The file system has no {' and no '.join(absent)} links.",
        "Nothing has to be done. Without hard links, another program that makes the very name of an upload in"
        " the instant in which it is published can lose its file."
        if "hard" in absent
        else "Nothing has to be done, unless you want links in the storage.",
    )


def check_names(folder: bytes) -> Finding:
    """Make a file with a name as long as PeerStor takes, and one whose name is no UTF-8."""
    longest = _longest(folder)
    if longest < LONGEST:
        return warning(
            "file names",
            f"Names may have {longest} bytes there; PeerStor takes up to {LONGEST}.",
            "Uploads with longer names fail. Encrypted folders are often so; the disk below isn't.",
        )
    try:
        _write(os.path.join(folder, b"\xff\xfe"), b"")
    except OSError:
        return warning(
            "file names",
            "The file system takes only names in UTF-8.",
            "Nothing has to be done; uploads with other names are refused.",
        )
    return ok("file names", f"Names may have {longest} bytes, and be anything.")


def check_times(folder: bytes) -> Finding:
    """Look how finely times of change are kept."""
    path = os.path.join(folder, b"timed")
    _write(path, b"")
    wanted = 1_700_000_001_123_456_789
    os.utime(path, ns=(wanted, wanted))
    off = abs(os.stat(path).st_mtime_ns - wanted)
    if off < 1_000_000:
        return ok("file times", "Times of change are kept to less than a millisecond.")
    return warning(
        "file times",
        f"Times of change are off by up to {2 if off >= 10**9 else 1} s.",
        "Two changes within that time look like one to a browser's cache, if the size is the same.",
    )


def check_locks(folder: bytes) -> Finding:
    """Look whether SQLite keeps two processes apart, which network file systems often don't."""
    path = os.path.join(folder, b"locked.sqlite")
    advice = "Name a folder on a local disk with --state DIR, or mount the share with locks (NFS: with lockd)."
    base = None
    try:
        base = sqlite3.connect(path, timeout=0, isolation_level=None)
        base.execute("CREATE TABLE t (x)")
        base.execute("BEGIN IMMEDIATE")
        base.execute("INSERT INTO t VALUES (1)")
        other = subprocess.run([sys.executable, "-I", "-c", _OTHER, path], capture_output=True, timeout=60)
        base.execute("COMMIT")
    except sqlite3.Error as error:
        return wrong("locks", f"SQLite doesn't work there: {error}.", advice)
    except OSError as error:
        return _no_other(error.strerror or str(error))
    except subprocess.TimeoutExpired:
        return wrong("locks", "SQLite's locks hang there.", advice)
    finally:
        if base is not None:
            base.close()
    if other.returncode == 8:
        return wrong("locks", "SQLite's locks don't keep two processes apart there.", advice)
    if other.returncode != 7:
        return _no_other(other.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2])
    return ok("locks", "SQLite's locks keep processes apart.")


def _no_other(reason: str) -> Finding:
    return warning(
        "locks",
        f"Whether SQLite's locks keep processes apart can't be tried: no other Python could start ({reason}).",
        f"See that this user may run {sys.executable}.",
    )


def _longest(folder: bytes) -> int:
    low, high = 0, LONGEST
    while low < high:
        middle = (low + high + 1) // 2
        try:
            path = os.path.join(folder, b"n" * middle)
            _write(path, b"")
            os.unlink(path)
            low = middle
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL):
                raise
            high = middle - 1
    return low


def _write(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()
