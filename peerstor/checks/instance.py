"""Which server runs on a storage, if one does."""

import contextlib
import fcntl
import os
import re

from peerstor.checks.findings import Finding, ok, shown, warning, wrong
from peerstor.tree.private import NAME, RESTORING

_ID = re.compile("[0-9a-f]{32}", re.ASCII)


def server_of(storage: bytes, *, proc: str = "/proc") -> int | None:
    """Tell which process serves a storage; the claim is looked at and never taken.

    Where the kernel shows which files that process has open, one of them has to be the lock: the number may be
    that of an older process.

    :param proc: where the proc file system is mounted.
    """
    try:
        with open(os.path.join(storage, NAME, b"lock"), "rb") as file:
            text, lock = file.read(32).strip(), os.fstat(file.fileno())
    except OSError:
        return None
    if not text.isdigit() or int(text) > 2**31:
        return None
    pid = int(text)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it lives, as somebody else
        pass
    try:
        held = os.listdir(f"{proc}/{pid}/fd")
    except OSError:
        return pid
    for name in held:
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(f"{proc}/{pid}/fd/{name}"), lock):
                return pid
    return None


def instance_of(storage: bytes) -> str | None:
    """Give the id of a storage; None while it has none."""
    try:
        with open(os.path.join(storage, NAME, b"instance"), encoding="utf-8", errors="replace") as file:
            text = file.read(64).strip()
    except OSError:
        return None
    return text if _ID.fullmatch(text) else None


def check_instance(storage: bytes, server: int | None) -> Finding:
    """Tell whether a server runs.

    :param server: its process, from `server_of`.
    """
    if os.path.lexists(os.path.join(storage, NAME, RESTORING)):
        return wrong(
            "server",
            "A restore into this storage was cut off; no server starts on it.",
            "Do it again: peerstor restore FILE --force",
        )
    if server is None:
        return ok("server", "No server runs on this storage.")
    return ok("server", f"Process {server} serves this storage.")


def check_locking(folder: bytes) -> Finding:
    """Look whether a folder's file system has the lock by which two servers are kept from one storage."""
    path = os.path.join(folder, b"lock")
    first = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    second = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return ok("claim", "Two servers can't run on this storage at once.")
        return warning(
            "claim",
            "The file system's locks (flock) keep nobody out.",
            f"See to it yourself that only one server runs on {shown(os.path.dirname(folder))}.",
        )
    except OSError as error:
        return wrong(
            "claim",
            f"The file system has no locks (flock): {error.strerror}. PeerStor doesn't start there.",
            "Mount it with locks, or use another one for the storage.",
        )
    finally:
        os.close(first)
        os.close(second)
