"""The one mapping from what the operating system says to what PeerStor states."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from peerstor.errors import (
    BadName,
    Exists,
    Fault,
    Forbidden,
    IsFolder,
    NoParent,
    NoSpace,
    NotFound,
    Overloaded,
    StorageUnavailable,
)

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.ENODEV})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
REFUSED = frozenset({errno.EACCES, errno.EPERM})
# What link(2) says across file systems and bind mounts, and where the file system has no hard links or no more
# of them for this file; rename(2) says the first.
UNLINKABLE = frozenset({errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})


def fault_of(error: OSError) -> Fault:
    """Name the fault behind an error of a file system call that PeerStor made on its own account.

    A permission that *we* lack to write is the owner's trouble with the storage, not a right that the client
    lacks: EACCES, EPERM and EROFS are `StorageUnavailable` like EIO.

    :return: `NotFound`, `NoSpace` (its `free` unknown), `Overloaded`, `Exists`, `IsFolder` or
        `StorageUnavailable`, whose reason names the path and the error.
    """
    number = error.errno
    if number in ABSENT:
        return NotFound()
    if number in FULL:
        return NoSpace()
    if number in SHORT:
        return Overloaded()
    if number in (errno.EEXIST, errno.ENOTEMPTY):
        return Exists()
    if number == errno.EISDIR:
        return IsFolder()
    return StorageUnavailable(reason=str(error))


def fault_of_reading(error: OSError) -> Fault:
    """Name the fault behind an error of opening or reading what a client asked for.

    :return: as `fault_of`, but `Forbidden` where the file's own permissions keep it from being read.
    """
    if error.errno in REFUSED:
        return Forbidden()
    return fault_of(error)


@contextmanager
def stated(fd: int) -> Iterator[None]:
    """Turn errors of the system into faults, as they look from the writing side.

    :param fd: something on the disk in question.
    """
    try:
        yield
    except OSError as error:
        raise fault_at(error, fd) from error


def fault_at(error: OSError, fd: int) -> Fault:
    """Name the fault behind an error of writing, as `stated` does.

    :param fd: something on the disk in question.
    """
    if error.errno == errno.ENAMETOOLONG:  # some file systems allow less than 255 bytes
        return BadName()
    fault = fault_of(error)
    if isinstance(fault, NoSpace):
        return NoSpace(free=_free_bytes(fd))
    if isinstance(fault, NotFound):
        # The names were there when we looked: the folder has been removed since, or our own part has.
        return NoParent() if _is_removed(fd) else StorageUnavailable(reason=str(error))
    return fault


def _free_bytes(fd: int) -> int | None:
    try:
        disk = os.fstatvfs(fd)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _is_removed(fd: int) -> bool:
    try:
        return os.fstat(fd).st_nlink == 0
    except OSError:
        return True
