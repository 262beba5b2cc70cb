"""Linux's `openat2`, for opening what the kernel can find without asking a disk (openat2(2))."""

import ctypes
import errno
import os
import sys

#: The number of the call, the same on every architecture that Python is built for but alpha.
_NUMBER = 437

_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH, _CACHED = 0x01, 0x02, 0x04, 0x08, 0x20

_ANYWHERE = _NO_MAGICLINKS | _NO_SYMLINKS | _CACHED

AT_FDCWD = -100
"""Stands for the descriptor where a path is absolute."""


class How(ctypes.Structure):
    """`struct open_how`."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


CACHED = How(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC if hasattr(os, "O_PATH") else 0, 0, _CACHED)
"""Passes through a folder by whatever path, as far as the kernel remembers the way."""

READ = How(
    os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY,
    0,
    _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH | _CACHED,
)
"""Opens for reading what lies below a folder on the same mount, by no link at all."""

LOOK = How(os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW if hasattr(os, "O_PATH") else 0, 0, READ.resolve)
"""The same, without touching what is found: a device isn't even opened."""


READ_ANYWHERE = How(READ.flags, 0, _ANYWHERE)
"""Opens for reading what lies at an absolute path, by no link; whoever asks knows what has to lie there."""

LOOK_ANYWHERE = How(LOOK.flags, 0, _ANYWHERE)
"""The same, without touching what is found."""


class Unavailable(Exception):
    """This system doesn't have the call, or keeps it from us."""


def _function() -> "ctypes._NamedFuncPointer | None":
    if not sys.platform.startswith("linux") or not hasattr(os, "O_PATH"):
        return None
    # Not CDLL: a call that never waits needn't let go of the interpreter's lock, and wait for it again.
    call = ctypes.PyDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    call.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)
    return call


_call = _function()
_SIZE = ctypes.sizeof(How)
# What says that there is no such call, or no such flag, or that a sandbox forbids it.
_MISSING = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM})


def openat2(folder: int, path: bytes, how: How) -> int:
    """Open, and never wait for it.

    :param folder: descriptor of a folder, or `AT_FDCWD`.
    :return: a descriptor, or -1 where it can't be opened so: the ordinary way tells why.
    :raise Unavailable: nothing ever can.
    """
    if _call is None:
        raise Unavailable
    fd: int = _call(_NUMBER, folder, path, ctypes.addressof(how), _SIZE)
    if fd < 0 and ctypes.get_errno() in _MISSING:
        raise Unavailable
    return fd
