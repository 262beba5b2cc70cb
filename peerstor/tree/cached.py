"""Opening and reading files that the kernel has in its memory, at once and without a thread.

Most of what is asked for was asked for before. A visit to a thread costs ten times as much as opening such a file;
yet the reactor's thread must never wait for a disk. So each step here asks the kernel for what it has, and for
nothing else (`RESOLVE_CACHED`, `RWF_NOWAIT`), and gives up where that isn't enough: the sandbox then does it all,
in a thread. It also gives up wherever a rule needs more than a look: links, mounts, private names, folders.
"""

import errno
import math
import os
import stat
import time
from collections.abc import Callable

from attrs import frozen

from peerstor.tree.openat2 import (
    AT_FDCWD,
    CACHED,
    LOOK,
    LOOK_ANYWHERE,
    READ,
    READ_ANYWHERE,
    How,
    Unavailable,
    openat2,
)
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Opened, Sandbox

_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


DEEPEST = 32
"""Names of a path that is looked at here. Each folder on the way is looked at by a walk of its own, from the root:
what is deeper, as nobody has it who means well, isn't worth the reactor's time."""

MOMENT = 0.01
"""Seconds for which a look at the storage's own folder is good: the file itself is looked at each time."""

Signature = tuple[int, int, int, int, int]
"""What tells one content of a file from every other: which file it is (device, inode), its size in bytes, and when
its content and what is known about it last changed (nanoseconds since the epoch)."""


def signature_of(found: os.stat_result) -> Signature:
    """Read it from what fstat said."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@frozen
class Known:
    """A file that was found once.

    :param root: the absolute path of the storage folder that it was found in, with no link in it.
    :param place: the same of the file.
    :param storage: (device, inode) of the storage folder.
    """

    root: bytes
    place: bytes
    storage: tuple[int, int] | None
    signature: Signature


class CachedFiles:
    """Opens files of one storage as long as that takes no disk. Nothing here blocks."""

    def __init__(self, sandbox: Sandbox, *, now: Callable[[], float] = time.monotonic) -> None:
        """Open what `sandbox` would.

        :param now: seconds of a clock that only goes forward.
        """
        self._sandbox = sandbox
        self._now = now
        self._stood_until = -math.inf
        self._real_storage: tuple[int, int] | None = None
        self._real_root = b""
        self._works = bool(_NOWAIT) and hasattr(os, "preadv")
        self._unreadable: set[int] = set()

    def open(self, path: TreePath) -> Opened | None:
        """Open a regular file.

        :return: what `Sandbox.open` would give; None where only that can tell.
        """
        if not self._works or path.slash or path.has_private or len(path.parts) > DEEPEST:
            return None
        try:
            return self._open(path)
        except Unavailable:
            self._works = False
        except OSError:
            pass
        return None

    def read(self, opened: Opened) -> bytes | None:
        """Read a file whole.

        :return: as many bytes as fstat said; None where they aren't all in memory.
        """
        return self._read(opened.fd, opened.stat)

    def known(self, path: TreePath, found: os.stat_result) -> Known:
        """Remember a file for `unchanged` and `again`.

        :param found: what fstat said of it when `open` gave it under this path.
        """
        storage = self._sandbox.identity
        if storage != self._real_storage:
            # A link may lead to the storage, and to another one from now on.
            self._real_storage, self._real_root = storage, os.path.realpath(self._sandbox.root)
        root = self._real_root
        return Known(root, root + b"/" + path.joined, storage, signature_of(found))

    def unchanged(self, known: Known) -> bool:
        """Tell whether a file still is there, with the content that it had.

        Its mounts and folders needn't be looked at again: no link leads there, and it is the file found then.
        """
        found = _looked(known.place, LOOK_ANYWHERE) if self.stands(known) else None
        return found is not None and signature_of(found) == known.signature

    def again(self, known: Known) -> bytes | None:
        """Read a file whole.

        :return: None where it has changed since, or isn't in memory.
        """
        opened = self._open_again(known)
        if opened is None:
            return None
        fd, found = opened
        try:
            return self._read(fd, found)
        finally:
            os.close(fd)

    def open_again(self, known: Known) -> int | None:
        """Open a file, to be closed by the caller.

        :return: its descriptor; None where it has changed since, or that can't be told at once.
        """
        opened = self._open_again(known)
        return None if opened is None else opened[0]

    def stands(self, known: Known) -> bool:
        """Tell whether the storage is the one that a file was found in, at most a moment ago."""
        if known.storage != self._sandbox.identity:
            return False
        now = self._now()
        if now >= self._stood_until:
            root = _looked(self._sandbox.root, CACHED)
            if root is None or (root.st_dev, root.st_ino) != known.storage:
                return False
            self._stood_until = now + MOMENT
        return True

    def _open_again(self, known: Known) -> tuple[int, os.stat_result] | None:
        try:
            # Looked at before it is opened: what is there now may be a device.
            fd = openat2(AT_FDCWD, known.place, READ_ANYWHERE) if self.unchanged(known) else -1
        except (OSError, Unavailable):
            return None
        if fd < 0:
            return None
        found = os.fstat(fd)
        if signature_of(found) != known.signature:
            os.close(fd)
            return None
        return fd, found

    def _read(self, fd: int, found: os.stat_result) -> bytes | None:
        device, size = found.st_dev, found.st_size
        if device in self._unreadable:
            return None
        buffer = bytearray(size)
        try:
            count = os.preadv(fd, [buffer], 0, _NOWAIT) if size else 0
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                # A network's or user's file system, where looking may wait too: it is left to threads for good.
                self._unreadable.add(device)
            return None
        return bytes(buffer) if count == size else None

    def _open(self, path: TreePath) -> Opened | None:
        root = openat2(AT_FDCWD, self._sandbox.root, CACHED)
        if root < 0:
            return None
        try:
            found = os.fstat(root)
            if (found.st_dev, found.st_ino) != self._sandbox.identity or found.st_dev in self._unreadable:
                return None
            return None if self._passes_private(root, path) else self._opened(root, path)
        finally:
            os.close(root)

    def _passes_private(self, root: int, path: TreePath) -> bool:
        """Tell whether a folder on the way is private whatever its name, because somebody has moved it."""
        for count in range(1, len(path.parts)):
            looked = openat2(root, b"/".join(path.parts[:count]), LOOK)
            if looked < 0:
                return True
            try:
                found = os.fstat(looked)
            finally:
                os.close(looked)
            if self._sandbox.hides(found):
                return True
        return False

    def _opened(self, root: int, path: TreePath) -> Opened | None:
        if not _is_file(root, path.joined):
            return None
        fd = openat2(root, path.joined, READ)
        if fd < 0:
            return None
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                os.close(fd)
                return None
        except BaseException:
            os.close(fd)
            raise
        # No link was followed, so the names are the real ones.
        return Opened(fd=fd, stat=found, real=path.parts, floor=path.parts[: path.within])


def _looked(place: bytes, how: How) -> os.stat_result | None:
    """Tell what lies at an absolute path; None where there is nothing, or only a disk could tell."""
    try:
        fd = openat2(AT_FDCWD, place, how)
    except (OSError, Unavailable):
        return None
    if fd < 0:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _is_file(root: int, joined: bytes) -> bool:
    """Tell whether it is a regular file: a device or FIFO is not even opened, that alone can have effects."""
    looked = openat2(root, joined, LOOK)
    if looked < 0:
        return False
    try:
        return stat.S_ISREG(os.fstat(looked).st_mode)
    finally:
        os.close(looked)
