"""Linux's asynchronous syncs (io_submit(2), IOCB_CMD_FDSYNC since 4.18): many files, one wait.

Each file is synced as fdatasync(2) does it, with an outcome of its own, but all at the same time: the journal of
the file system is written once for them, and the disk told once to empty its cache. One `syncfs` would do that as
well, but it waits for whatever else anybody has written to the disk, and fails for all where one fails.
"""

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Sequence

_NUMBERS = {"x86_64": (206, 209, 208), "aarch64": (0, 2, 4)}
"""Those of io_setup, io_submit and io_getevents, by `platform.machine()`."""

_FDSYNC = 3

AT_ONCE = 64
"""Files that one wait is for."""


class _Order(ctypes.Structure):
    """`struct iocb` of a machine with the small end first."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("key", ctypes.c_uint32),
        ("rw_flags", ctypes.c_int),
        ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16),
        ("fd", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("event_fd", ctypes.c_uint32),
    )


class _Event(ctypes.Structure):
    """`struct io_event`."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("order", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("result2", ctypes.c_int64),
    )


class Unavailable(Exception):
    """The system has no such thing, or none left."""


class Syncs:
    """Syncs several files at the same time. Use it in any thread, in several at once.

    The queues that the kernel makes are kept: to give one back takes it milliseconds.
    """

    def __init__(self) -> None:
        """Make one that hasn't tried."""
        numbers = _NUMBERS.get(platform.machine())
        usable = numbers is not None and sys.platform == "linux" and sys.byteorder == "little"
        self._numbers = numbers if usable and ctypes.sizeof(ctypes.c_void_p) == 8 else None
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._queues: list[int] = []
        self._pid = 0

    def sync(self, fds: Sequence[int]) -> list[OSError | None]:
        """Bring the data of open files to the disk, at most `AT_ONCE`. Blocks.

        :return: for each what kept it from getting there.
        :raise Unavailable: nothing is known of any of them; sync them one by one.
        """
        queue = self._queue()
        outcomes = self._wait(queue, self._submit(queue, fds), len(fds))
        # Only now: one with outcomes left in it is of no use to anybody.
        self._queues.append(queue)
        return outcomes

    def _queue(self) -> int:
        if self._numbers is None:
            raise Unavailable
        if self._pid != os.getpid():  # a fork inherits none
            self._pid, self._queues = os.getpid(), []
        try:
            return self._queues.pop()
        except IndexError:
            pass
        queue = ctypes.c_ulong(0)
        if self._syscall(ctypes.c_long(self._numbers[0]), ctypes.c_long(AT_ONCE), ctypes.byref(queue)) != 0:
            self._refused()
        return queue.value

    def _submit(self, queue: int, fds: Sequence[int]) -> int:
        """Order the syncs; gives how many of them, from the first on, the kernel has taken."""
        assert self._numbers is not None
        count = len(fds)
        orders = (_Order * count)(*(_Order(data=n, opcode=_FDSYNC, fd=fd) for n, fd in enumerate(fds)))
        size = ctypes.sizeof(_Order)
        pointers = (ctypes.c_void_p * count)(*(ctypes.addressof(orders) + n * size for n in range(count)))
        taken = self._syscall(
            ctypes.c_long(self._numbers[1]), ctypes.c_ulong(queue), ctypes.c_long(count), pointers
        )
        if taken <= 0:
            self._queues.append(queue)
            self._refused()
        return int(taken)

    def _wait(self, queue: int, taken: int, count: int) -> list[OSError | None]:
        assert self._numbers is not None
        # Whatever was not taken has yet to be synced: that it wasn't is told as a failure that may pass.
        outcomes: list[OSError | None] = [OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) for _ in range(count)]
        while taken:
            events = (_Event * taken)()
            found = self._syscall(
                ctypes.c_long(self._numbers[2]),
                ctypes.c_ulong(queue),
                ctypes.c_long(taken),
                ctypes.c_long(taken),
                events,
                None,
            )
            if found < 0:
                if ctypes.get_errno() == errno.EINTR:
                    continue
                raise Unavailable
            for event in events[:found]:
                failed = OSError(-event.result, os.strerror(-event.result)) if event.result else None
                outcomes[event.data] = failed
            taken -= found
        return outcomes

    def _refused(self) -> None:
        """Try no more where trying is in vain."""
        if ctypes.get_errno() not in (errno.EAGAIN, errno.ENOMEM):
            self._numbers = None
        raise Unavailable
