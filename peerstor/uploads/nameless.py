"""Files that have no name before they get their final one: nothing is left of them when the process is killed.

Linux has them (`O_TMPFILE`, open(2)) on most file systems. They save two changes of a folder for each small file.
"""

import errno
import os

from peerstor.tree.placing import link_nameless

_MAKE = getattr(os, "O_TMPFILE", 0) | os.O_RDWR | os.O_CLOEXEC
_TRY = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# What open(2) says where there are none: an old kernel takes the flag for a wish to write to the folder.
_NONE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT, errno.ENOSYS})


class Nameless:
    """Makes them in one folder, as long as its file system can. All methods block."""

    def __init__(self) -> None:
        """Make one that hasn't tried."""
        self._works: bool | None = None if hasattr(os, "O_TMPFILE") else False

    def open(self, folder_fd: int, name: bytes) -> int | None:
        """Make an empty one with the rights of any new file.

        :param name: one that is free in the folder; it is used for a moment, where it has yet to be tried whether
            such files can be had.
        :return: its descriptor; None where there are none.
        :raise OSError: it could not be made.
        """
        if self._works is None:
            self._works = _work(folder_fd, name)
        if not self._works:
            return None
        try:
            return os.open(b".", _MAKE, 0o666, dir_fd=folder_fd)
        except OSError as error:
            if error.errno not in _NONE:
                raise
            self._works = False  # another file system came to be here
            return None


def _work(folder_fd: int, name: bytes) -> bool:
    """Tell whether one can be made, gets a name, and has the rights of a file that was made by its name.

    Kernels before 6.0 forget the umask on some file systems.
    """
    try:
        fd = os.open(b".", _MAKE, 0o666, dir_fd=folder_fd)
    except OSError:
        return False
    try:
        return os.fstat(fd).st_mode == _usual_mode(folder_fd, name) and _gets_name(fd, folder_fd, name)
    finally:
        os.close(fd)


def _usual_mode(folder_fd: int, name: bytes) -> int:
    usual = os.open(name, _TRY, 0o666, dir_fd=folder_fd)
    try:
        return os.fstat(usual).st_mode
    finally:
        os.close(usual)
        os.unlink(name, dir_fd=folder_fd)


def _gets_name(fd: int, folder_fd: int, name: bytes) -> bool:
    try:
        link_nameless(fd, name, folder_fd)
    except OSError:
        return False
    os.unlink(name, dir_fd=folder_fd)
    return True
