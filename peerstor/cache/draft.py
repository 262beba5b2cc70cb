"""A result on its way into the cache: written while it is made, kept only if it came to its true end."""

import contextlib
import os
import secrets
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Protocol

from peerstor.cache.entry import START, write_head
from peerstor.cache.index import room
from peerstor.cache.origin import Origin

SUFFIX = ".new"
"""How the names of drafts end; one that a killed process left is removed at the next start."""

PATIENCE = 0.25
"""Seconds that one write may take. A disk that is busy has better to do, and an answer waits for it meanwhile."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Shelf(Protocol):
    """What a draft asks of the cache that it is for."""

    def grant(self, size: int) -> bool:
        """Promise some more bytes; tells whether there is room for them. Blocks."""

    def accept(self, draft: "Draft", found: os.stat_result, size: int) -> None:
        """Take over a result that is whole and has its name, and take the promise of `size` bytes back."""

    def dismiss(self, draft: "Draft", size: int) -> None:
        """Forget a draft that came to nothing, and take the promise of `size` bytes back."""


class Draft:
    """A result that is being written. All methods block but never raise: what goes wrong ends the draft only.

    Call them one at a time; `end` may be called by another thread all the while.
    """

    def __init__(self, *, shelf: Shelf, origin: Origin, dir_fd: int, most: int) -> None:
        """Make the file.

        :param dir_fd: the folder of the cache.
        :param most: bytes that the file may have.
        :raise OSError: it can't be made.
        """
        self._shelf = shelf
        self._dir_fd = dir_fd
        self._most = most
        self._name = secrets.token_hex(16) + SUFFIX
        self._length = 0
        self._promised = 0
        self._lock = Lock()
        self.origin = origin
        self._fd = os.open(self._name, _NEW, 0o600, dir_fd=dir_fd)

    @property
    def over(self) -> bool:
        """Whether it has become something, or nothing."""
        return self._fd < 0

    def write(self, data: bytes) -> None:
        """Add the next bytes."""
        with self._lock:
            self._attempt(lambda: self._put(data))

    def keep(self, fd: int) -> None:
        """Make what was written the result, all of which it is, if the file still is what it was.

        :param fd: the file that the result was made of.
        """
        with self._lock:
            self._attempt(lambda: self._finish(fd))

    def abandon(self) -> None:
        """Drop what was written; after the end it does nothing."""
        with self._lock:
            self._drop()

    def _attempt(self, work: Callable[[], bool]) -> None:
        if self.over:
            return
        try:
            done = work()
        except OSError:
            done = False
        if not done:
            self._drop()

    def _put(self, data: bytes) -> bool:
        size = START + self._length + len(data)
        more = room(size) - self._promised
        if size > self._most or (more and not self._shelf.grant(more)):
            return False
        self._promised += more
        begin, view, position = monotonic(), memoryview(data), START + self._length
        while view:
            taken = os.pwrite(self._fd, view, position)
            view, position = view[taken:], position + taken
        self._length += len(data)
        return monotonic() - begin < PATIENCE

    def _finish(self, fd: int) -> bool:
        if not self._length or not self.origin.holds(fd):
            return False
        write_head(self._fd, self.origin.key, self._length)
        name = self.origin.key.hex()
        os.rename(self._name, name, src_dir_fd=self._dir_fd, dst_dir_fd=self._dir_fd)
        self._shelf.accept(self, os.fstat(self._fd), self._promised)
        self._close()
        return True

    def _drop(self) -> None:
        if self.over:
            return
        with contextlib.suppress(OSError):
            os.unlink(self._name, dir_fd=self._dir_fd)
        self._close()
        self._shelf.dismiss(self, self._promised)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)
