"""The one resolver: every name that a client gives becomes an open descriptor here, or nothing.

A path is walked part by part from a freshly opened root (`PathWalk`; `threats.md`, "one resolver"). All later
work uses the descriptor, never the path again.
"""

import os
import stat
import threading
from types import TracebackType
from typing import Self

from attrs import define, field

from peerstor.errors import NoParent, NotFound, Overloaded, StorageUnavailable
from peerstor.tree.faults import SHORT, fault_of_reading
from peerstor.tree.paths import TreePath, is_private
from peerstor.tree.pathwalk import PASS, PathWalk
from peerstor.tree.private import PrivateFolder

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@define(eq=False)
class Opened:
    """A regular file or folder of the storage, open for reading; closed by whoever got it.

    Use it in a `with` or call `close`. One that is dropped unseen (the result of a thread whose Deferred was
    cancelled) closes itself.

    :ivar fd: the descriptor; a folder's can be used as `dir_fd`, for `scandir` and `fsync`.
    :ivar stat: what fstat said of it when it was opened.
    :ivar real: the names on the way from the root to it, every link resolved.
    :ivar floor: those of the folder that the path must not lead out of, resolved likewise; none for the storage.
    :ivar era: the sandbox's, as it was before it was looked for by `parent_of` (`peerstor.tree.standing`).
    """

    fd: int
    stat: os.stat_result
    real: tuple[bytes, ...]
    floor: tuple[bytes, ...] = ()
    era: object = field(default=None, init=False)
    _open: bool = field(default=True, init=False)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, else a regular file."""
        return stat.S_ISDIR(self.stat.st_mode)

    def close(self) -> None:
        """Close the descriptor; once more does nothing."""
        if self._open:
            self._open = False
            os.close(self.fd)

    def __enter__(self) -> Self:
        """See `close`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `close`."""
        self.close()

    def __del__(self) -> None:
        """See `close`."""
        self.close()


class Sandbox:
    """Opens what lies in one storage folder, and nothing else. All methods block; call them in a thread.

    The root is opened afresh by its path for every call, so that a storage that vanished is noticed at once and
    one that returned (mounted again, with other numbers but the same instance id) is served again.

    :ivar era: another object each time that folders have left their places; see `peerstor.tree.standing`.
    """

    def __init__(
        self, root: bytes, *, private: PrivateFolder, hidden: frozenset[tuple[int, int]] = frozenset()
    ) -> None:
        """Remember the storage as it is now.

        :param root: path of the storage folder; made absolute here.
        :param private: its private folder, which no path leads into.
        :param hidden: (device, inode) of other folders that none leads into, wherever somebody mounts them.
        :raise StorageUnavailable: it cannot be opened.
        """
        self.root = os.path.abspath(root)
        self._private = private
        self.era = object()
        self._known: tuple[int, int] | None = None
        self._others = hidden
        self._hidden = private.identities | hidden
        self._recognising = threading.Lock()
        fd = self._open_root(first=True)
        os.close(fd)

    @property
    def identity(self) -> tuple[int, int] | None:
        """(device, inode) of the storage folder, as it was last found."""
        return self._known

    def hides(self, found: os.stat_result) -> bool:
        """Tell whether a folder is private by what it is, whatever its name."""
        return (found.st_dev, found.st_ino) in self._hidden

    def open(self, path: TreePath) -> Opened:
        """Open a regular file or a folder. Blocks.

        :raise NotFound: it is absent, private, neither file nor folder, a link that leaves the storage (or the
            path's floor) or goes round in circles, or a file that was named as a folder (a trailing `/`).
        :raise Forbidden: its own permissions keep it from being read.
        :raise StorageUnavailable: the storage cannot be reached or read.
        :raise Overloaded: the process has no descriptors left.
        """
        return self._open(path, folder_only=path.slash)

    def folder(self, path: TreePath) -> Opened:
        """Open a folder. Blocks.

        :raise NotFound: as in `open`, or it is a file.
        """
        return self._open(path, folder_only=True)

    def parent_of(self, path: TreePath) -> Opened:
        """Open the folder that holds `path.name`, which itself need not exist. Blocks.

        :raise NotFound: a part of the path is private, or it is the root, which nothing holds.
        :raise NoParent: that folder does not exist, or no client can see it.
        """
        if path.has_private or not path.parts:
            raise NotFound()
        era = self.era
        try:
            opened = self._open(path.parent, folder_only=True)
        except NotFound:
            raise NoParent() from None
        opened.era = era
        return opened

    def lookup(self, folder: Opened, name: bytes) -> os.stat_result | None:
        """Tell what a reader would find as `name` in a folder that `open` or `folder` gave. Blocks.

        :return: the file or folder, links followed; None where a reader would find nothing.
        :raise StorageUnavailable, Overloaded: as in `open`.
        """
        if is_private(name):
            return None
        try:
            found = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):  # what most are, of thousands
                return found
            if stat.S_ISLNK(found.st_mode):
                found = self._look_through(folder, name)
            self._check_kind(found)
        except NotFound:
            return None
        except OSError as error:
            fault = fault_of_reading(error)
            if isinstance(fault, StorageUnavailable | Overloaded):
                raise fault from error
            return None
        return found

    def child(self, folder: Opened, name: bytes) -> Opened:
        """Open what lies in a folder that `open`, `folder` or this gave, without following a link. Blocks.

        :raise NotFound: it is absent, private, a link, or neither file nor folder.
        :raise Forbidden, StorageUnavailable, Overloaded: as in `open`.
        """
        if is_private(name):
            raise NotFound()
        try:
            self._check_kind(os.stat(name, dir_fd=folder.fd, follow_symlinks=False))
            fd = os.open(name, _READ, dir_fd=folder.fd)
        except OSError as error:
            raise fault_of_reading(error) from error
        return self._verified(fd, (*folder.real, name), folder.floor, folder_only=False)

    def lies_in(self, folder: Opened, found: os.stat_result) -> bool:
        """Tell whether an open folder is another one or lies in it, whatever the names on the way. Blocks.

        :param folder: as `open`, `folder` or `parent_of` gave it. One way down leads to it, however deep it lies.
        :param found: what stat says of the other.
        :raise NotFound: it lies elsewhere by now.
        :raise StorageUnavailable, Overloaded: as in `open`.
        """
        try:
            with self._walk() as walk:
                return walk.meets(found, folder.real)
        except OSError as error:
            raise fault_of_reading(error) from error

    def _look_through(self, folder: Opened, name: bytes) -> os.stat_result:
        with self._walk(folder.real) as walk:
            last, found = walk.to((name,))
            _check_floor(walk.place(last), folder.floor)
            return found

    def _open(self, path: TreePath, *, folder_only: bool) -> Opened:
        try:
            with self._walk() as walk:
                floors = path.within if path.within < len(path.parts) else 0
                floor = walk.down(path.parts[:floors]) if floors else ()
                name, found = walk.to(path.parts[floors:])
                real = walk.place(name)
                _check_floor(real, floor)
                # A device or FIFO is not even opened: that alone can have effects on others.
                self._check_kind(found)
                if folder_only and not stat.S_ISDIR(found.st_mode):
                    raise NotFound()
                fd = os.open(name, _READ, dir_fd=walk.fd)
                # A floor that is named itself may be a link that its owner placed: what it leads to is the floor.
                floor = floor or (real if path.within else ())
                return self._verified(fd, real, floor, folder_only=folder_only)
        except OSError as error:
            raise fault_of_reading(error) from error

    def _verified(
        self, fd: int, real: tuple[bytes, ...], floor: tuple[bytes, ...], *, folder_only: bool
    ) -> Opened:
        """Judge what was opened by its descriptor: the name may have changed hands since it was looked at."""
        try:
            found = os.fstat(fd)
            self._check_kind(found)
            if folder_only and not stat.S_ISDIR(found.st_mode):
                raise NotFound()
        except BaseException:
            os.close(fd)
            raise
        return Opened(fd=fd, stat=found, real=real, floor=floor)

    def _check_kind(self, found: os.stat_result) -> None:
        if stat.S_ISREG(found.st_mode):
            return
        if not stat.S_ISDIR(found.st_mode) or self.hides(found):
            raise NotFound()

    def _walk(self, start: tuple[bytes, ...] = ()) -> PathWalk:
        return PathWalk(self._open_root(), root=self.root, hidden=self._hidden, start=start)

    def _open_root(self, *, first: bool = False) -> int:
        try:
            fd = os.open(self.root, PASS)
        except OSError as error:
            if error.errno in SHORT:
                raise Overloaded() from error
            raise StorageUnavailable(reason=str(error)) from error
        try:
            self._check_root(fd, first=first)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _check_root(self, fd: int, *, first: bool) -> None:
        found = os.fstat(fd)
        identity = (found.st_dev, found.st_ino)
        if identity == self._known:
            return
        with self._recognising:
            if not first and identity != self._known:
                self._private.recognise(fd)
                self._hidden = self._private.identities | self._others
            self._known = identity


def _check_floor(real: tuple[bytes, ...], floor: tuple[bytes, ...]) -> None:
    if real[: len(floor)] != floor:
        raise NotFound()
