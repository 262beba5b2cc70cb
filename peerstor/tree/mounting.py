"""Hearing that something was mounted or unmounted, of which no folder tells (proc_pid_mountinfo(5))."""

import os
import select


class Mounting:
    """Watches this process's table of mounts. Nothing here waits."""

    def __init__(self) -> None:
        """Begin to listen.

        :raise OSError: the system has no such table.
        """
        self._fd = -1
        self._fd = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLPRI)

    def changed(self) -> bool:
        """Tell whether the table has changed since this was last asked."""
        return bool(self._poll.poll(0))

    def close(self) -> None:
        """Listen no more; once more does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """See `close`."""
        self.close()
