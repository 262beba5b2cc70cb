"""Hearing that something was mounted or unmounted, of which no folder tells (proc_pid_mountinfo(5)).

Machines mount all day: a stick here, a container there. Only what has to do with one place counts.
"""

import os
import re
import select

_POINT = 4
"""The field of a line that names where something is mounted."""

_ESCAPED = re.compile(rb"\\([0-7]{3})")


class Mounting:
    """Watches this process's table of mounts for those on the way to a place, at it and below it.

    Nothing here waits.

    :ivar place: the place's absolute path, with no link in it.
    """

    def __init__(self, place: bytes) -> None:
        """Begin to listen.

        :param place: absolute path of a folder, with no link in it.
        :raise OSError: the system has no such table.
        """
        self._fd = -1
        self.place = place
        self._below = place.rstrip(b"/") + b"/"
        self._fd = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLPRI)
        self._known = self._read()

    def changed(self) -> bool:
        """Tell whether one of those mounts has come, gone or changed since this was last asked."""
        if not self._poll.poll(0):
            return False
        known, self._known = self._known, self._read()
        return known != self._known

    def close(self) -> None:
        """Listen no more; once more does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """See `close`."""
        self.close()

    def _read(self) -> list[bytes]:
        os.lseek(self._fd, 0, os.SEEK_SET)
        table = b"".join(iter(lambda: os.read(self._fd, 65536), b""))
        return [line for line in table.splitlines() if self._matters(line.split(b" ")[_POINT])]

    def _matters(self, point: bytes) -> bool:
        point = _ESCAPED.sub(lambda code: bytes([int(code[1], 8)]), point).rstrip(b"/") + b"/"
        return self._below.startswith(point) or point.startswith(self._below)
