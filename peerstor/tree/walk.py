"""All that lies in a folder, however deep, one open thing after the other, within limits. All of it blocks.

What is on the way is held by descriptors: a folder that is moved meanwhile goes on being walked where it lies now.
"""

import os
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import closing

from attrs import define, field, frozen

from peerstor.errors import Forbidden, NotFound, StorageUnavailable, TooMuch, Unreadable
from peerstor.tree.faults import fault_of_reading
from peerstor.tree.pace import Pace
from peerstor.tree.paths import TreePath, is_private
from peerstor.tree.sandbox import Opened, Sandbox


@frozen
class Limits:
    """What one walk may come to.

    :ivar entries: files and folders.
    :ivar depth: folders below each other; each costs a descriptor.
    :ivar spelled: bytes of all names, each with those of the folders above it: somebody has to remember them.
    """

    entries: int = 100_000
    depth: int = 64
    spelled: int = 32 * 1024 * 1024


@frozen
class Met:
    """A file or folder that a walk has come to.

    :ivar parts: the names from the folder where the walk began down to it.
    :ivar opened: itself, until the walk goes on; closed by the walk.
    """

    parts: tuple[bytes, ...]
    opened: Opened


class Forgotten(Exception):
    """Nobody wants the rest of a walk."""


class Walk:
    """One way through a folder: `begin`, then `met`, then `close`, each in any thread, one at a time.

    Names come in the order of their bytes, a folder before what it holds. Private names, symbolic links and
    whatever else is neither file nor folder aren't met; nor is what vanishes before it is opened.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        path: TreePath,
        *,
        names: Collection[bytes] = (),
        limits: Limits = Limits(),
    ) -> None:
        """Remember what is to be walked through.

        :param path: of the folder.
        :param names: those of its entries that are wanted; none for all of it.
        """
        self._sandbox = sandbox
        self._path = path
        self._names = names
        self._limits = limits
        self._wanted = True
        self._levels: list[_Level] = []
        self._file: Opened | None = None
        self._spent = _Spent(limits)
        self._pace = Pace()

    def begin(self) -> None:
        """Open the folder, and look whether all that lies in it is within the limits and can be listed.

        :raise NotFound: there is no such folder, or nothing of what is wanted lies in it.
        :raise Forbidden, StorageUnavailable, Overloaded: as `Sandbox.folder`.
        :raise TooMuch: it is beyond the limits.
        :raise Unreadable: a folder in it can't be listed.
        :raise Forgotten: nobody wants it any more.
        """
        try:
            for _ in self._through(files=False):
                pass
        except BaseException:
            self.close()
            raise
        self._spent = _Spent(self._limits)

    def met(self) -> Iterator[Met]:
        """Give all that lies in it.

        :raise TooMuch, Unreadable, StorageUnavailable, Overloaded, Forgotten: as `begin`; of a file too.
        """
        return self._through(files=True)

    def forget(self) -> None:
        """Have the walk end where it is; doesn't block, and may be called in any thread."""
        self._wanted = False

    def close(self) -> None:
        """Close all that is open; once more does nothing."""
        self._wanted = False
        self._close_file()
        while self._levels:
            self._levels.pop().folder.close()

    def _through(self, *, files: bool) -> Iterator[Met]:
        """Walk; without files only folders are met."""
        self._enter(self._sandbox.folder(self._path), ())
        while self._levels:
            if not self._wanted:
                raise Forgotten()
            level = self._levels[-1]
            name, is_folder = next(level.left, (b"", False))
            if not name:
                self._levels.pop().folder.close()
            elif is_folder or files:
                self._pace.step()
                yield from self._meet(level, name)

    def _meet(self, level: "_Level", name: bytes) -> Iterator[Met]:
        parts = (*level.parts, name)
        try:
            opened = self._sandbox.child(level.folder, name)
        except NotFound:
            return
        except (Forbidden, StorageUnavailable) as fault:
            raise self._unreadable(parts, fault) from fault
        if opened.is_folder:
            self._enter(opened, parts)
            yield Met(parts, opened)
            return
        self._file = opened
        yield Met(parts, opened)
        self._close_file()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _enter(self, folder: Opened, parts: tuple[bytes, ...]) -> None:
        """Go into an open folder, which the walk closes."""
        level = _Level(folder, parts)
        self._levels.append(level)
        if len(parts) > self._limits.depth:
            raise TooMuch(self._limits.entries, self._limits.depth)
        try:
            with closing(self._listed(level)) as listed:
                names = list(self._spent.counted(listed, sum(map(len, parts)) + len(parts)))
        except OSError as error:
            raise self._unreadable(parts, fault_of_reading(error)) from error
        if not parts and self._names and not names:
            raise NotFound()
        names.sort()
        level.left = iter(names)

    def _listed(self, level: "_Level") -> Generator[tuple[bytes, bool], None, None]:
        """Give the names in a folder that are met, and whether each is a folder's."""
        if not level.parts and self._names:
            yield from self._chosen(level.folder)
            return
        with os.scandir(level.folder.fd) as items:
            for item in self._pace.through(items):
                name = os.fsencode(item.name)
                if not self._wanted:
                    raise Forgotten()
                is_folder = item.is_dir(follow_symlinks=False)
                if (is_folder or item.is_file(follow_symlinks=False)) and not is_private(name):
                    yield name, is_folder

    def _chosen(self, folder: Opened) -> Iterable[tuple[bytes, bool]]:
        for name in self._pace.through(set(self._names)):
            try:
                with self._sandbox.child(folder, name) as opened:
                    yield name, opened.is_folder
            except NotFound:
                continue
            except (Forbidden, StorageUnavailable) as fault:
                raise self._unreadable((name,), fault) from fault

    def _unreadable(self, parts: tuple[bytes, ...], fault: Exception) -> Unreadable:
        place = TreePath((*self._path.parts, *parts), slash=False)
        return Unreadable(f"{place}: {fault}")


@define
class _Level:
    """A folder on the way, with the names in it that are still to come, and whether each is a folder's."""

    folder: Opened
    parts: tuple[bytes, ...]
    left: Iterator[tuple[bytes, bool]] = field(factory=lambda: iter(()))


class _Spent:
    """Counts what was come to against the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries = 0
        self._spelled = 0

    def counted(self, names: Iterable[tuple[bytes, bool]], above: int) -> Iterator[tuple[bytes, bool]]:
        """Pass on names that lie below so many bytes of others; raises TooMuch."""
        for name in names:
            self._entries += 1
            self._spelled += above + len(name[0])
            if self._entries > self._limits.entries or self._spelled > self._limits.spelled:
                raise TooMuch(self._limits.entries, self._limits.depth)
            yield name
