"""What is checked before the daemon forks, while a mistake can still be told in one line."""

import errno
import os
import resource
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pwd import getpwuid

from peerstor.errors import StartupError
from peerstor.settings import Settings


def prepare(settings: Settings) -> None:
    """Make the folders that are to be there, and try whether they can be used.

    :raises StartupError: when one can't be made, read or written.
    """
    prepare_folder(settings.storage, "storage folder", mode=0o777)
    if settings.state is not None:
        prepare_folder(settings.state, "state folder", mode=0o700)
    prepare_logs(settings)


def prepare_logs(settings: Settings) -> None:
    """Try whether the logs that are named can be written.

    :raises StartupError: when one can't.
    """
    if settings.access_log is not None:
        prepare_log(settings.access_log, "access log")
    if isinstance(settings.audit_log, bytes):
        prepare_log(settings.audit_log, "audit log", mode=0o600)


def prepare_folder(path: bytes, what: str, *, mode: int) -> None:
    """Make a folder unless it is there, and try to list it and to write in it.

    :param what: how people call it, for the message.
    :param mode: permissions of a folder that is made, less the umask.
    :raises StartupError: when that fails.
    """
    trials: list[tuple[str, Callable[[], None]]] = [
        ("be made", lambda: os.makedirs(path, mode=mode, exist_ok=True)),
        ("be read", lambda: _try_list(path)),
        ("be written in", lambda: _try_write(path)),
    ]
    for verb, trial in trials:
        try:
            trial()
        except OSError as error:
            raise StartupError(f"The {what} {_shown(path)} can't {verb}: {_reason(error)}.") from None


def prepare_log(path: bytes, what: str, *, mode: int = 0o666) -> None:
    """Try to open a log for writing, creating it.

    :param what: how people call it, for the message.
    :param mode: permissions of a file that is made, less the umask.
    :raises StartupError: when that fails.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, mode))
    except OSError as error:
        raise StartupError(f"The {what} {_shown(path)} can't be written: {_reason(error)}.") from None


def raise_descriptor_limit() -> None:
    """Raise the soft limit on open files to the hard one.

    The soft one is usually 1,024 for the sake of `select`, which is not used here. A connection takes one
    descriptor, a transfer two.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def acting_as(uid: int | None, gid: int | None) -> Iterator[None]:
    """Be another user for the files that are made meanwhile, as far as root may.

    `twistd --uid` gives root up only after the fork, and whatever was made before would belong to root.

    :param uid: the user to be; None changes nothing.
    :param gid: the group to be; None is the user's own.
    :raises StartupError: when the user is not known.
    """
    if os.geteuid() != 0 or (uid is None and gid is None):
        yield
        return
    name, own_gid = _account(uid) if uid is not None else ("", os.getegid())
    before = (os.getegid(), os.getgroups())
    if uid is not None:
        os.initgroups(name, own_gid if gid is None else gid)
    os.setegid(own_gid if gid is None else gid)
    if uid is not None:
        os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[0])
        os.setgroups(before[1])


def _account(uid: int) -> tuple[str, int]:
    try:
        account = getpwuid(uid)
    except KeyError:
        raise StartupError(f"There is no user {uid}, as whom twistd's --uid wants to run.") from None
    return account.pw_name, account.pw_gid


def _try_list(path: bytes) -> None:
    with os.scandir(path) as entries:
        next(entries, None)


def _try_write(path: bytes) -> None:
    # Permissions alone don't tell: a file system may be read-only, and root may everything.
    probe = os.path.join(path, b".peerstor-%s.probe" % secrets.token_hex(16).encode("ascii"))
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.unlink(probe)
    except OSError as error:
        # What is stored can be served from a full disk all the same.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _reason(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "this user has no right to"
    if error.errno == errno.EROFS:
        return "its file system is read-only"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return "a file is in the way"
    return error.strerror or str(error)


def _shown(path: bytes) -> str:
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
