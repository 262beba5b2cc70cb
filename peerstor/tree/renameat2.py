"""Renaming something to a name that must be free (Linux: renameat2(2), RENAME_NOREPLACE)."""

import ctypes
import errno
import os
import stat

from peerstor.tree.faults import UNLINKABLE

_NOREPLACE = 1

# What says that there is no such call, or that this file system hasn't the flag, or that a sandbox forbids it.
_MISSING = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


class Unavailable(Exception):
    """The system, or this file system, can't rename so."""


def rename_new(source_fd: int, source: bytes, target_fd: int, target: bytes) -> bool:
    """Rename a file, link or folder, and overwrite nothing; tell whether the name was free. Blocks.

    Where the kernel can't do it in one step, a file gets its second name before it loses its first, so that a
    crash between the two leaves it under both; of a folder, a last look must do.

    :param source_fd: the open folder that it lies in.
    :param target_fd: the open folder that it goes to.
    :raise OSError: it could not be renamed; EXDEV where no rename leads from one folder to the other.
    """
    try:
        exclusively(source_fd, source, target_fd, target)
    except FileExistsError:
        return False
    except Unavailable:
        return _otherwise(source_fd, source, target_fd, target)
    return True


def exclusively(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
    """Rename in one step, or not at all.

    :raise FileExistsError: the name is taken.
    :raise Unavailable: it can't be done so here.
    :raise OSError: it could not be renamed.
    """
    if _call is None:
        raise Unavailable
    if _call(source_fd, source, target_fd, target, _NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number in _MISSING:
        raise Unavailable
    raise OSError(number, os.strerror(number), target)


def _otherwise(source_fd: int, source: bytes, target_fd: int, target: bytes) -> bool:
    found = os.stat(source, dir_fd=source_fd, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        try:
            os.link(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in UNLINKABLE or error.errno == errno.EXDEV:
                raise
        else:
            os.unlink(source, dir_fd=source_fd)
            return True
    try:
        os.stat(target, dir_fd=target_fd, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd)
        return True
    return False


def _function() -> "ctypes._NamedFuncPointer | None":
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        call.restype = ctypes.c_int
        call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call


_call = _function()
