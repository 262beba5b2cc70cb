"""The databases and tokens: can they be read, are they of this version, who may do what without one."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

from peerstor.access.database import MIGRATIONS
from peerstor.checks.findings import Finding, ok, shown, warning, wrong
from peerstor.daemon.announcement import open_warning
from peerstor.databases import copy_exclusive, copy_shared, examine
from peerstor.errors import Fault, StorageUnavailable
from peerstor.settings import Settings
from peerstor.uploads.ledger import VERSION


def check_database(path: bytes, scratch: bytes, *, exclusive: bool) -> Finding:
    """Look whether a database is whole and of a version that this PeerStor knows, in a copy of it.

    :param scratch: a folder for the copy.
    :param exclusive: whether it is the ledger, which a server has to itself, and not the access database.
    """
    what, known = ("ledger of uploads", VERSION) if exclusive else ("access database", len(MIGRATIONS))
    copy: Callable[[bytes, bytes], bool] = copy_exclusive if exclusive else copy_shared
    target = os.path.join(scratch, os.path.basename(path))
    advice = "Stop the server and restore a backup: peerstor restore FILE --force"
    try:
        if not copy(path, target):
            return ok("database", f"There is no {what} yet.")
        version = examine(target)
    except (sqlite3.Error, OSError, Fault) as error:
        reason = error.reason if isinstance(error, StorageUnavailable) else error
        return wrong("database", f"The {what} {shown(path)} can't be used: {reason}.", advice)
    if version > known:
        return wrong(
            "database",
            f"The {what} was written by a newer PeerStor (version {version} of it, this one knows {known}).",
            f"Use that one, or restore a backup. Older ones are kept as {shown(path)}.before-N.",
        )
    if version < known:
        return ok("database", f"The {what} is of version {version}; the next start brings it to {known}.")
    return ok("database", f"The {what} is whole, and of version {known}.")


def check_access(settings: Settings, copy: bytes, key: bytes, *, now: float, beyond: bool) -> list[Finding]:
    """Tell who may do what.

    :param copy: path of a copy of the access database, if there is one.
    :param key: path of the key of the tokens' digests.
    :param now: seconds since the epoch.
    :param beyond: whether other machines reach the server.
    """
    live, ended = _tokens(copy, now)
    findings = []
    if (live or ended) and not os.path.lexists(key):
        findings.append(
            wrong(
                "tokens",
                f"Their key {shown(key)} is gone, and no token can be told without it.",
                "Restore a backup: peerstor restore FILE --force",
            )
        )
    if os.path.lexists(key) and not os.path.lexists(copy):
        findings.append(
            wrong(
                "tokens",
                f"Their database is gone, and their key {shown(key)} isn't: there were tokens. No server starts.",
                "Restore a backup: peerstor restore FILE --force",
            )
        )
    if settings.token is not None:
        findings.append(
            warning(
                "tokens",
                "There is an owner's token (--token). On a command line other users of this machine can see it.",
                "Make a named one instead: peerstor token add NAME --rights read,create,change,share,admin",
            )
        )
    any_token = bool(live or ended or settings.token)
    if ended and not live and settings.token is None:
        findings.append(
            warning("tokens", "All tokens have expired: nobody gets in.", "Make one: peerstor token add NAME")
        )
    elif live:
        findings.append(ok("tokens", f"{live} in force, {ended} expired."))
    return [*findings, check_openness(settings, beyond=beyond, tokens=any_token)]


def check_openness(settings: Settings, *, beyond: bool, tokens: bool) -> Finding:
    """Look what somebody without a token may do.

    :param beyond: whether other machines reach the server.
    :param tokens: whether there are any.
    """
    level = settings.anonymous or ("none" if tokens else "create")
    words = open_warning(level, beyond_loopback=beyond, tokens=tokens) if level != "none" else None
    if words is not None:
        return warning(
            "access",
            words,
            "Make a token, which closes the server to everybody without one: peerstor token add NAME",
        )
    may = {"none": "do nothing", "read": "read", "create": "read and add files", "full": "do everything"}[level]
    if level == "full" and beyond:
        return warning(
            "access",
            "Everybody who reaches the server may replace and delete files (--anonymous full).",
            "--anonymous create keeps what is there.",
        )
    return ok("access", f"Somebody without a token may {may}.")


def _tokens(copy: bytes, now: float) -> tuple[int, int]:
    """Count the tokens that hold, and those that have ended."""
    try:
        with closing(sqlite3.connect(f"file:{quote(copy)}?mode=ro", uri=True)) as base:
            rows = base.execute("SELECT expires FROM tokens").fetchall()
    except sqlite3.Error:  # there is none, or the check of the database has told
        return 0, 0
    ended = sum(expires is not None and expires <= now for (expires,) in rows)
    return len(rows) - ended, ended
