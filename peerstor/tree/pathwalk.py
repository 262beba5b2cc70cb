"""The walk along one path, from the root down to what it names.

No part is followed by the kernel if it is a symbolic link. Links are followed by hand, so that what leaves the
storage is absent.
"""

import errno
import os
import stat
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from peerstor.errors import NotFound
from peerstor.tree.paths import is_private

# As many as Linux follows (path_resolution(7)).
LINKS = 40

# Passing through a folder needs no right to read it, where the platform can say so.
PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
# What opening a link in the way of a folder says: ENOTDIR on Linux, ELOOP elsewhere.
_NO_FOLDER = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EMLINK})


class PathWalk:
    """One way down from the root. Owns the root's descriptor and that of the folder it has come to.

    All methods block. Use it in a `with`, in one thread; it closes both.
    """

    def __init__(
        self,
        root_fd: int,
        *,
        root: bytes,
        hidden: frozenset[tuple[int, int]],
        start: tuple[bytes, ...],
    ) -> None:
        """Begin at the root, or at a folder below it.

        :param root_fd: the root, freshly opened with `PASS`; closed here.
        :param root: its absolute path, which absolute targets of links are held against.
        :param hidden: (device, inode) of folders that no way leads into.
        :param start: the names from the root to the folder to begin at, every link resolved.
        """
        self._root_fd = root_fd
        self._root = root
        self._hidden = hidden
        self._links = 0
        # The names from the root to where we are; the descriptor is None after a step up or a leap, until it is
        # needed. Stepping up goes down again from the root by names, never by the kernel's `..`, which follows
        # a folder that somebody moved out of the storage; and a deep path costs two descriptors, not a stack.
        self._names = [*start]
        self._fd: int | None = None if start else root_fd

    def __enter__(self) -> Self:
        """See the class."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is open."""
        self._leave()
        os.close(self._root_fd)

    @property
    def real(self) -> tuple[bytes, ...]:
        """The names from the root to the folder that the walk has come to."""
        return tuple(self._names)

    @property
    def fd(self) -> int:
        """Descriptor of the folder that the walk has come to."""
        if self._fd is None:
            names, self._names, self._fd = self._names, [], self._root_fd
            for name in names:
                # They were real folders a moment ago; a link among them now is a race, and the way ends.
                self._enter(name)
        return self._fd

    def place(self, name: bytes) -> tuple[bytes, ...]:
        """Give the names from the root to `name`, as `to` gave it."""
        return self.real if name == b"." else (*self._names, name)

    def down(self, parts: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Walk into a folder, and give the names from the root to it.

        :raise NotFound, OSError: as in `to`.
        """
        # What comes before a `.` is entered, not only looked at.
        self.to((*parts, b"."))
        return self.real

    def meets(self, found: os.stat_result, names: Iterable[bytes]) -> bool:
        """Walk down by names of folders, and tell whether one of them, or the first, is what was found.

        :raise NotFound, OSError: as in `to`.
        """
        if os.path.samestat(os.fstat(self.fd), found):
            return True
        return any(os.path.samestat(self._enter(name), found) for name in names)

    def to(self, parts: tuple[bytes, ...]) -> tuple[bytes, os.stat_result]:
        """Walk down.

        :return: the last name, which lies in the folder at `fd`, and what lstat says of it (never a link); the
            name is `.` where the way ended at the folder itself.
        :raise NotFound: the way leads into the private folder, out of the storage or in circles.
        :raise OSError: whatever else bars the way.
        """
        ahead = [*reversed(parts)]
        while ahead:
            name = ahead.pop()
            if name == b"..":
                self._up()
            elif name != b".":
                found = self._step(name, ahead)
                if found is not None:
                    return name, found
        return b".", os.fstat(self.fd)

    def _step(self, name: bytes, ahead: list[bytes]) -> os.stat_result | None:
        """Go one name further: into a folder, along a link, or to the end of the way, which is returned."""
        if is_private(name):
            raise NotFound()
        if not ahead:
            found = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            if not stat.S_ISLNK(found.st_mode):
                return found
            self._follow(name, ahead)
            return None
        try:
            self._enter(name)
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise
            self._follow(name, ahead)
        return None

    def _enter(self, name: bytes) -> os.stat_result:
        fd = os.open(name, PASS | os.O_NOFOLLOW, dir_fd=self.fd)
        self._leave()
        self._fd = fd
        self._names.append(name)
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino) in self._hidden:
            raise NotFound()
        return found

    def _follow(self, name: bytes, ahead: list[bytes]) -> None:
        self._links += 1
        if self._links > LINKS:
            raise NotFound()
        try:
            target = os.readlink(name, dir_fd=self.fd)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise NotFound() from error  # no link: a file, where the way needs a folder
            raise
        # An empty last part (`folder/`) says that it is a folder, and `.` keeps saying so.
        parts = [part or b"." for part in target.split(b"/")]
        if target.startswith(b"/"):
            parts = self._inside(parts)
            self._jump([])
        ahead.extend(reversed(parts))

    def _inside(self, parts: list[bytes]) -> list[bytes]:
        """The part below the root of an absolute target, by the root's own path or its real one."""
        names = [part for part in parts[:-1] if part != b"."] + parts[-1:]
        for base in (self._root, os.path.realpath(self._root)):
            above = [part for part in base.split(b"/") if part]
            if names[: len(above)] == above:
                return names[len(above) :]
        raise NotFound()

    def _up(self) -> None:
        if not self._names:
            raise NotFound()
        self._jump(self._names[:-1])

    def _jump(self, names: list[bytes]) -> None:
        self._leave()
        self._names = names
        self._fd = None if names else self._root_fd

    def _leave(self) -> None:
        if self._fd is not None and self._fd != self._root_fd:
            os.close(self._fd)
        self._fd = None
