"""The folders and logs: are they there, may this user use them, and is there room."""

import contextlib
import os
import stat
from collections.abc import Sequence
from pwd import getpwuid

from peerstor.checks.findings import Finding, ok, shown, warning, wrong
from peerstor.daemon.exposure import Own, exposed_line, lies_in
from peerstor.daemon.readiness import prepare_folder
from peerstor.errors import StartupError
from peerstor.tree.private import NAME

LEAST, FEW = 64 * 2**20, 2**30
"""Bytes free below which uploads soon fail, and below which somebody should know."""

FEW_INODES = 1000


def check_folder(path: bytes, what: str) -> Finding:
    """Look whether a folder can be read and written, or made.

    :param what: how people call it: `storage folder`.
    """
    subject = what.partition(" ")[0]
    if not os.path.lexists(path):
        return _check_absent(path, what, subject)
    try:
        prepare_folder(path, what, mode=0o700)
    except StartupError as error:
        return wrong(subject, str(error), f"Give user {_user(os.geteuid())} the folder, or name another one.")
    return ok(subject, f"The {what} {shown(path)} can be read and written by user {_user(os.geteuid())}.")


def check_private(storage: bytes) -> Finding:
    """Look whether the private folder, where there is one, belongs to this user."""
    path = os.path.join(storage, NAME)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return ok("private", "PeerStor's own folder .peerstor is made at the first start.")
    except OSError as error:
        return wrong("private", f"{shown(path)} can't be looked at: {error.strerror}.", "Mend its rights.")
    if not stat.S_ISDIR(found.st_mode):
        return wrong("private", f"{shown(path)} is no folder.", "Move it away; PeerStor makes its own.")
    if found.st_uid != os.geteuid():
        return wrong(
            "private",
            f"{shown(path)} belongs to user {_user(found.st_uid)}, and this is user {_user(os.geteuid())}.",
            f"Run PeerStor as that user, or give it away: chown -R {_user(os.geteuid())} {shown(path)}",
        )
    text = f"{shown(path)} belongs to user {_user(found.st_uid)}."
    return ok("private", f"{text} Compressed answers take {_gib(_held(os.path.join(path, b'cache')))} of it.")


def check_exposure(storage: bytes, named: Sequence[Own]) -> list[Finding]:
    """Look whether clients reach what is the server's own.

    :param named: what settings name of it.
    """
    return [
        wrong(
            "secrecy",
            f"{exposed_line(own)} No server starts.",
            f"Move it out, and name the new place: {own.option}. What was read of it is no secret any more.",
        )
        for own in named
        if lies_in(own.path, storage)
    ] or [ok("secrecy", "Nothing of the server's own lies where clients reach it.")]


def check_room(path: bytes, what: str) -> Finding:
    """Look how much is free where a folder lies, or will lie.

    :param what: how people call it: `storage folder`.
    """
    subject = "free space"
    try:
        found = os.statvfs(_nearest(path))
    except OSError as error:
        return wrong(subject, f"{shown(path)} can't be looked at: {error.strerror}.", "Mend its rights.")
    free = found.f_bavail * found.f_frsize
    text = f"{_gib(free)} are free for the {what}."
    advice = "Make room, or name a folder on a larger disk. The trash (.peerstor/trash) may be emptied by hand."
    if found.f_files and found.f_favail < FEW_INODES:
        return wrong(subject, f"Its file system has room for {found.f_favail} more files only.", advice)
    if free < LEAST:
        return wrong(subject, text, advice)
    return warning(subject, text, advice) if free < FEW else ok(subject, text)


def check_log(path: bytes, what: str) -> Finding:
    """Look whether a log can be written, without making one.

    :param what: how people call it: `access log`.
    """
    folder = os.path.dirname(path)
    try:
        if os.path.lexists(path):
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC))
        elif not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise PermissionError(
                0, "it isn't there, and can't be made" if os.path.isdir(folder) else "no such folder"
            )
    except OSError as error:
        return wrong(
            "log",
            f"The {what} {shown(path)} can't be written: {error.strerror}.",
            f"Make the folder {shown(folder)} writable for user {_user(os.geteuid())}, or name another file.",
        )
    return ok("log", f"The {what} {shown(path)} can be written.")


def _check_absent(path: bytes, what: str, subject: str) -> Finding:
    above = _nearest(path)
    if os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK, effective_ids=True):
        return ok(subject, f"The {what} {shown(path)} isn't there yet; it is made at the first start.")
    return wrong(
        subject,
        f"The {what} {shown(path)} isn't there, and user {_user(os.geteuid())} can't make it in {shown(above)}.",
        f"Make it: install -d -o {_user(os.geteuid())} {shown(path)}",
    )


def _nearest(path: bytes) -> bytes:
    """Give the path, or what is there of it."""
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


def _held(path: bytes) -> int:
    """Count the bytes of the files in a folder; none where it isn't there, or not to be looked into."""
    held = 0
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # a server that runs has just dropped it
                held += entry.stat(follow_symlinks=False).st_size
    return held


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _user(uid: int) -> str:
    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
