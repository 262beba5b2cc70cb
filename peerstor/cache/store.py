"""The cache: finds results, takes new ones in, and never takes more of the disk than it may."""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable
from threading import Lock

from twisted.logger import Logger

from peerstor.cache.draft import SUFFIX, Draft
from peerstor.cache.entry import START, Damaged, Kept, check
from peerstor.cache.index import Index, Known, Mark, room
from peerstor.cache.origin import Origin
from peerstor.tree.pace import Pace
from peerstor.tree.scanning import scanned

_log = Logger()

MOST, SHARE = 1024**3, 0.05
"""What the cache takes at most unless told otherwise, bytes and share of the disk, whichever is less. As much is
left free beside it: on a disk that is nearly full nothing is kept."""

LARGEST = 0.25
"""The share of the cache that one result may take, so that no single one drives all others out."""

STALE = 30 * 24 * 3600.0
"""Seconds after which goes what wasn't used: as long as the trash keeps the file itself, if that was deleted."""

TOUCH_EVERY = 60.0
"""Seconds within which a use isn't noted again."""

AT_ONCE = 100
"""Entries that go when the cache gives way: about a millisecond's work, since the reactor may wait for it."""

_NAME = re.compile(r"[0-9a-f]{64}\Z")
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Cache:
    """Keeps results in one folder. For several threads; whatever says nothing else blocks.

    Nothing that goes wrong in here is anybody's fault but the cache's: a result isn't found then, or isn't kept.
    Until `look` has run for the first time it knows and takes nothing.

    :ivar asked: see `__init__`; it may change, and holds from the next `look` on.
    """

    def __init__(
        self,
        *,
        dir_fd: int,
        asked: int | None,
        wall: Callable[[], float] = time.time,
        disk: Callable[[int], os.statvfs_result] = os.fstatvfs,
    ) -> None:
        """Make a cache; doesn't block.

        :param dir_fd: its folder, for as long as the cache is used; negative where it couldn't be made.
        :param asked: bytes that it may take; 0 keeps nothing, None takes a share of the disk.
        :param wall: the time, seconds since the epoch.
        :param disk: tells of a disk's room, as `os.fstatvfs`.
        """
        self.asked = asked
        self._dir_fd = dir_fd
        self._wall = wall
        self._disk = disk
        self._index = Index()
        self._loaded = self._failed = False
        self._drafts: dict[bytes, Draft] = {}
        self._lock = Lock()

    @property
    def taken(self) -> int:
        """Bytes that its files take, as a disk counts them."""
        return self._index.taken

    def knows(self, origin: Origin) -> bool:
        """Tell whether there is likely a result of this; doesn't block."""
        return origin.key.hex() in self._index

    def takes(self, origin: Origin) -> bool:
        """Tell whether a result of this could be kept, as far as one sees without looking; doesn't block."""
        return self._index.limit > 0 and origin.key not in self._drafts and origin.settled(self._wall())

    def open(self, origin: Origin) -> Kept | None:
        """Open a result, having made sure of it; None where there is none. What isn't as it was written goes."""
        name = origin.key.hex()
        known = self._index.get(name)
        if known is None:
            return None
        try:
            kept = Kept(os.open(name, _OPEN, dir_fd=self._dir_fd))
            kept.length = self._verified(kept.fd, origin.key, known)
        except (OSError, Damaged):
            self._index.drop(name)
            self._remove((name,))
            return None
        self._index.use(name)
        return kept

    def begin(self, origin: Origin) -> Draft | None:
        """Begin to write a result; None where it can't be kept, or is being written by somebody else."""
        with self._lock:
            if not self.takes(origin):
                return None
            try:
                if self._scarce():
                    return None
                draft = Draft(
                    shelf=self, origin=origin, dir_fd=self._dir_fd, most=int(self._index.limit * LARGEST)
                )
            except OSError:
                return None
            self._drafts[origin.key] = draft
            return draft

    def look(self) -> None:
        """See to it that what is kept is neither too much nor too old, nor in the way of anything else.

        The first look finds out what an earlier process left.
        """
        if self._dir_fd < 0:
            return
        try:
            if not self._loaded:
                self._load()
            self._index.limit = self._allowed()
            self._loaded = True
            self._remove(self._index.surplus())
            while name := self._index.oldest(before=self._wall() - STALE):
                self._remove((name,))
            while self._scarce() and (name := self._index.oldest()):
                self._remove((name,))
        except OSError as error:
            if self._index.limit or not self._failed:
                _log.warn("Nothing is kept in the cache now: {error}", error=error.strerror)
            self._failed, self._index.limit = True, 0

    def gives(self, fd: int) -> int:
        """Bytes that the cache would leave to whoever needs them on the disk of an open file. Raises OSError."""
        return self._index.kept if self._shares_disk(fd) else 0

    def give_way(self, fd: int) -> bool:
        """Leave some of what it has to somebody who found the disk of an open file full; tell whether it had any.

        Nothing new is kept until the next look, and what is being written ends. It is short work: call it again.
        """
        if not self._shares_disk(fd):
            return False
        self._index.limit = 0
        going = [name for _ in range(AT_ONCE) if (name := self._index.oldest())]
        self._remove(going)
        return bool(going)

    # What a draft asks

    def grant(self, size: int) -> bool:
        """See `Shelf`."""
        if self._scarce():
            return False
        surplus = self._index.promise(size)
        self._remove(surplus or ())
        return surplus is not None

    def accept(self, draft: Draft, found: os.stat_result, size: int) -> None:
        """See `Shelf`."""
        known = Known(size, self._wall(), _mark(found))
        self._index.add(draft.origin.key.hex(), known, promised=size)
        self._drafts.pop(draft.origin.key, None)

    def dismiss(self, draft: Draft, size: int) -> None:
        """See `Shelf`."""
        self._index.release(size)
        self._drafts.pop(draft.origin.key, None)

    def _verified(self, fd: int, key: bytes, known: Known) -> int:
        """Give the length of an entry that is whole; it is read only if it isn't as it was when last seen."""
        found = os.fstat(fd)
        length = found.st_size - START if _mark(found) == known.mark else check(fd, key)
        now = self._wall()
        if now - known.used >= TOUCH_EVERY:
            known.used = now
            with contextlib.suppress(OSError):
                os.utime(fd, ns=(int(now * 1e9), found.st_mtime_ns))
            found = os.fstat(fd)
        known.mark = _mark(found)
        return length

    def _load(self) -> None:
        """Learn what is there, the one last used at the end; remove drafts that nobody writes any more."""
        pace, found = Pace(), []
        with scanned(self._dir_fd) as entries:
            for entry in pace.through(entries):
                if entry.name.endswith(SUFFIX):
                    self._remove((entry.name,))
                elif _NAME.match(entry.name):
                    stat = entry.stat(follow_symlinks=False)
                    found.append((stat.st_atime, entry.name, room(stat.st_size)))
        for used, name, size in pace.through(sorted(found)):
            self._index.add(name, Known(size, used))

    def _allowed(self) -> int:
        disk = self._disk(self._dir_fd)
        return _share(disk) if self.asked is None else self.asked

    def _scarce(self) -> bool:
        """Tell whether the disk is nearly full. Raises OSError."""
        disk = self._disk(self._dir_fd)
        return disk.f_bavail * disk.f_frsize < _share(disk)

    def _shares_disk(self, fd: int) -> bool:
        return self._dir_fd >= 0 and os.fstat(fd).st_dev == os.fstat(self._dir_fd).st_dev

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self._dir_fd)


def _share(disk: os.statvfs_result) -> int:
    return min(MOST, int(disk.f_blocks * disk.f_frsize * SHARE))


def _mark(found: os.stat_result) -> Mark:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
