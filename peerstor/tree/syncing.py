"""Bringing files to the disk."""

import ctypes
import errno
import os
from collections.abc import Sequence

_WRITE = 2  # SYNC_FILE_RANGE_WRITE
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)  # Linux only


def sync_data(fd: int) -> None:
    """Bring a file's size and bytes to the disk. Blocks; raises OSError."""
    # These are what counts; macOS has only the fuller call.
    getattr(os, "fdatasync", os.fsync)(fd)


def sync_folder(fd: int) -> None:
    """Bring a folder's names to the disk. Blocks; raises OSError."""
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network and FUSE file systems cannot sync a folder at all; theirs is the choice.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP):
            raise


def begin_writing(fds: Sequence[int]) -> None:
    """Have the kernel begin to write several files, so that the sync of the first waits for all of them at once.

    Only a hint: whether the bytes got there, the sync of each says. It is this instead of one `syncfs` because
    that would wait for whatever else anybody has written to the disk, and fail for all where one fails.
    """
    if _sync_file_range is not None and len(fds) > 1:
        for fd in fds:
            _sync_file_range(fd, ctypes.c_int64(0), ctypes.c_int64(0), _WRITE)
