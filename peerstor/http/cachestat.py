"""Linux's `cachestat`: how much of a run of a file is in memory (cachestat(2))."""

import ctypes
import sys

#: The number of the call, the same on every architecture that Python is built for but alpha.
_NUMBER = 451

#: `struct cachestat_range`, and `struct cachestat`, whose first member counts the pages that are in memory.
_RANGE = ctypes.c_uint64 * 2
_COUNTS = ctypes.c_uint64 * 5


def _function() -> "ctypes._NamedFuncPointer | None":
    if not sys.platform.startswith("linux"):
        return None
    # Not CDLL: a call that never waits needn't let go of the interpreter's lock, and wait for it again.
    call = ctypes.PyDLL(None).syscall
    call.restype = ctypes.c_long
    call.argtypes = (ctypes.c_long, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint)
    return call


_call = _function()


def cached_pages(fd: int, position: int, length: int) -> int:
    """Count the pages of a run of an open file that are in memory. Never waits.

    :param position: offset of the first byte.
    :param length: bytes, at least 1.
    :return: pages; some of them may still be on their way from the disk. -1 where the kernel doesn't tell: it is
        older than 6.5, the file is neither ours nor open for writing, or a sandbox forbids to ask.
    """
    if _call is None:
        return -1
    run, counts = _RANGE(position, length), _COUNTS()
    if _call(_NUMBER, fd, ctypes.addressof(run), ctypes.addressof(counts), 0) != 0:
        return -1
    return int(counts[0])
