"""Bringing files to the disk."""

import errno
import os
from collections.abc import Sequence

from peerstor.tree.aio import AT_ONCE, Syncs, Unavailable


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


def sync_folder_at(path: bytes) -> None:
    """Do the same with a folder that isn't open."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_folder(fd)
    finally:
        os.close(fd)


class DataSync:
    """Syncs the data of several files at once, where the system can, else one by one. Blocks; for any thread."""

    def __init__(self, syncs: Syncs | None = None) -> None:
        """Make one.

        :param syncs: how several are synced at once.
        """
        self._syncs = syncs or Syncs()

    def sync(self, fds: Sequence[int]) -> list[OSError | None]:
        """Bring the size and bytes of each file to the disk.

        :return: for each what kept it from getting there.
        """
        outcomes: list[OSError | None] = []
        for begin in range(0, len(fds), AT_ONCE):
            outcomes += self._sync(fds[begin : begin + AT_ONCE])
        return outcomes

    def _sync(self, fds: Sequence[int]) -> list[OSError | None]:
        if len(fds) > 1:
            try:
                outcomes = self._syncs.sync(fds)
            except Unavailable:
                pass
            else:
                return [
                    _sync_one(fd) if outcome is not None and outcome.errno == errno.EAGAIN else outcome
                    for fd, outcome in zip(fds, outcomes, strict=True)
                ]
        return [_sync_one(fd) for fd in fds]


def _sync_one(fd: int) -> OSError | None:
    try:
        sync_data(fd)
    except OSError as error:
        return error
    return None
