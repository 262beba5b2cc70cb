"""Linux's `inotify`: hearing of changes to files and folders (inotify(7))."""

import ctypes
import os
import select
import struct
import sys
from collections.abc import Iterator
from enum import IntFlag


class Event(IntFlag):
    """What can be heard of, and how to be told."""

    MODIFY = 0x2
    ATTRIB = 0x4
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATE = 0x100
    DELETE = 0x200
    DELETE_SELF = 0x400
    MOVE_SELF = 0x800
    OVERFLOW = 0x4000
    DONT_FOLLOW = 0x2000000
    MASK_ADD = 0x20000000
    ONESHOT = 0x80000000


_HEAD = struct.Struct("iIII")
# As many events as fit are read in one call; one with a name of 255 bytes has 272.
_READ = 64 * 1024


class Inotify:
    """One queue of events. Nothing here waits, except for the disk where a watch is placed."""

    def __init__(self) -> None:
        """Open a queue.

        :raise OSError: the system has none, or no more for this user.
        """
        self._fd = -1
        if not sys.platform.startswith("linux"):
            raise OSError("only Linux has inotify")
        self._library = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def watch(self, fd: int, name: bytes, mask: int) -> int:
        """Watch something in a folder, or the folder itself. Blocks where the disk has to be asked for it.

        :param fd: of the folder.
        :param name: of what lies in it; `.` for itself.
        :param mask: made of `Event`s.
        :return: the number that its events will have; what is watched already keeps its own.
        :raise OSError: it can't be watched (ENOSPC: there are as many watches as the user may have).
        """
        # There is no call that takes a folder's descriptor; this path leads to what the descriptor is of.
        path = b"/proc/self/fd/%d/%s" % (fd, name)
        return self._checked(self._library.inotify_add_watch(self._fd, path, ctypes.c_uint32(mask)))

    def unwatch(self, number: int) -> None:
        """Watch something no more; a watch that has ended already is no matter."""
        self._library.inotify_rm_watch(self._fd, number)

    def events(self) -> Iterator[tuple[int, int]]:
        """Take what has happened out of the queue: the number of each watch, and what happened as bits."""
        while self._poll.poll(0):  # mostly there is nothing, which a read that fails tells for six times the price
            data = os.read(self._fd, _READ)
            at = 0
            while at < len(data):
                number, mask, _, length = _HEAD.unpack_from(data, at)
                yield number, mask
                at += _HEAD.size + length

    def close(self) -> None:
        """Give the queue and all watches back; once more does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """See `close`."""
        self.close()

    def _checked(self, number: int) -> int:
        if number < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return number
