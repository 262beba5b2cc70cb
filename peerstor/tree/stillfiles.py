"""Small files kept in memory, and given again while the kernel tells of nothing that has happened to them.

Looking at a file and reading it takes nine calls of the kernel; asking whether anything was heard of it takes two.
What is heard covers the file itself and each folder on the way to it (inotify(7)). Some things the kernel doesn't
tell: what happens above the storage, and some ways to write to a file, through memory that it is mapped into above
all. So the storage is looked at as often as ever, and what is kept is read again after two seconds.
"""

import errno
import os
import time
from collections import OrderedDict
from collections.abc import Callable

from peerstor.tree.cached import CachedFiles, Known
from peerstor.tree.inotify import Event, Inotify
from peerstor.tree.localdisks import tells_of_changes
from peerstor.tree.mounting import Mounting
from peerstor.tree.openat2 import AT_FDCWD, LOOK_ANYWHERE, Unavailable, openat2

KEPT = 8 * 1024 * 1024
"""Bytes of all files that are kept."""

FILES = 512
"""Files that are kept at once."""

STILL_FOR = 2.0
"""Seconds after which a file is read again though nothing was heard of it."""

SHORT_FOR = 60.0
"""Seconds for which no more watches are asked for when there were none left."""

_FOLDER = Event.ATTRIB | Event.MOVE_SELF | Event.DELETE_SELF | Event.ONESHOT | Event.DONT_FOLLOW | Event.MASK_ADD
_FILE = _FOLDER | Event.MODIFY  # which a folder would tell of each file in it


class _Still:
    """A file that is kept.

    :ivar numbers: the watches of it and of the folders on the way to it.
    """

    def __init__(self, known: Known, numbers: frozenset[int]) -> None:
        self.known = known
        self.numbers = numbers
        self.content = b""
        self.until = 0.0


class StillFiles:
    """Gives the contents of small files. For the reactor's thread; nothing here blocks.

    :ivar files: reads what isn't kept.
    """

    def __init__(self, files: CachedFiles, *, now: Callable[[], float] = time.monotonic) -> None:
        """Keep nothing yet, and open nothing: that may come after a fork.

        :param now: seconds of a clock that only goes forward.
        """
        self.files = files
        self._now = now
        self._queue: Inotify | None = None
        self._mounting: Mounting | None = None
        self._still: OrderedDict[bytes, _Still] = OrderedDict()
        # Which files, by their places, each watch tells of.
        self._places: dict[int, set[bytes]] = {}
        self._size = 0
        self._short_until = 0.0

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._still)

    @property
    def watches(self) -> int:
        """How many watches that takes."""
        return len(self._places)

    def content(self, known: Known) -> bytes | None:
        """Give a file whole.

        :return: None where it has changed since it was known, or isn't in memory.
        """
        self._hear()
        still = self._still.get(known.place)
        if still is None:
            return self._begin(known)
        if still.known is not known and still.known != known:
            self._drop(still)
            return self._begin(known)
        if self._now() < still.until:
            return still.content if self.files.stands(known) else None
        return self._renew(still)

    def _begin(self, known: Known) -> bytes | None:
        """Watch a file, and only then read it: what happens in between is heard."""
        if not self._ready(known.root):
            return self.files.again(known)
        numbers = self._watch(known)
        if numbers is None:
            return self.files.again(known)
        still = _Still(known, numbers)
        self._still[known.place] = still
        for number in numbers:
            self._places.setdefault(number, set()).add(known.place)
        return self._renew(still)

    def _renew(self, still: _Still) -> bytes | None:
        content = self.files.again(still.known)
        if content is None:
            self._drop(still)
            return None
        self._size += len(content) - len(still.content)
        still.content, still.until = content, self._now() + STILL_FOR
        self._still.move_to_end(still.known.place)
        while self._size > KEPT or len(self._still) > FILES:
            self._drop(next(iter(self._still.values())))
        return content

    def _drop(self, still: _Still) -> None:
        del self._still[still.known.place]
        self._size -= len(still.content)
        for number in still.numbers:
            places = self._places.get(number, set())
            places.discard(still.known.place)
            if not places and self._places.pop(number, None) is not None:
                self._unwatch(number)

    # Watching

    def _ready(self, root: bytes) -> bool:
        """Open what there is to listen to, unless it is open for this storage."""
        if self._mounting is not None and self._mounting.place == root:
            return True
        if self._now() < self._short_until:
            return False
        self._give_up()
        try:
            self._queue, self._mounting = Inotify(), Mounting(root)
        except OSError:
            self._run_short()
            return False
        return True

    def _hear(self) -> None:
        """Take note of all that has happened: the kernel notes it before it lets a change return."""
        if self._queue is None or self._mounting is None:
            return
        if self._mounting.changed():
            self._give_up()
            return
        for number, mask in self._queue.events():
            if mask & Event.OVERFLOW:
                self._give_up()
                return
            for place in self._places.pop(number, ()):
                self._drop(self._still[place])

    def _watch(self, known: Known) -> frozenset[int] | None:
        """Watch a file and the folders on the way to it.

        :return: the numbers of the watches; None where they wouldn't tell all.
        """
        numbers: set[int] = set()
        try:
            if self._place(known, numbers):
                return frozenset(numbers)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                self._run_short()
                return None
        except Unavailable:
            pass
        for number in numbers - self._places.keys():
            self._unwatch(number)
        return None

    def _place(self, known: Known, numbers: set[int]) -> bool:
        """Place the watches, and tell whether each is sure to be where the path leads to.

        The file may have been exchanged before its watch was there; it is read behind that, and tells itself.
        """
        assert self._queue is not None
        names = known.place[len(known.root) + 1 :].split(b"/")
        for count in range(len(names)):
            folder = b"/".join((known.root, *names[:count]))
            fd = openat2(AT_FDCWD, folder, LOOK_ANYWHERE)
            if fd < 0:
                return False
            try:
                if not tells_of_changes(fd):
                    return False
                numbers.add(self._queue.watch(fd, b".", _FOLDER))
                if count == len(names) - 1:
                    numbers.add(self._queue.watch(fd, names[-1], _FILE))
                found, there = os.fstat(fd), os.lstat(folder)
            finally:
                os.close(fd)
            if (found.st_dev, found.st_ino) != (there.st_dev, there.st_ino):
                return False
        return True

    def _unwatch(self, number: int) -> None:
        if self._queue is not None:
            self._queue.unwatch(number)

    def _run_short(self) -> None:
        self._short_until = self._now() + SHORT_FOR
        self._give_up()

    def _give_up(self) -> None:
        """Keep nothing, and watch nothing: it begins anew."""
        if self._queue is not None:
            self._queue.close()
        if self._mounting is not None:
            self._mounting.close()
        self._queue = self._mounting = None
        self._still.clear()
        self._places.clear()
        self._size = 0
