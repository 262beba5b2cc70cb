"""Knowing of folders that nothing in them has changed since they were read.

A folder's own watch tells of all that is done by way of it. What it doesn't tell of is told by watches of its
entries: that something came into a sub-folder (whose time changes), and that a file was written to by another name
that it has. So each entry that a listing tells of is watched too. Each watch is heard from once and then gone, so
that a folder in which much is going on costs nothing while nobody asks for it.

Nothing tells of a file that is written to through memory that it is mapped into: whoever keeps what they read of a
folder keeps it for a few seconds only.
"""

import errno
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

from attrs import frozen

from peerstor.tree.entries import Entry, Page
from peerstor.tree.inotify import Event, Inotify
from peerstor.tree.localdisks import tells_of_changes
from peerstor.tree.mounting import Mounting
from peerstor.tree.pace import Pace
from peerstor.tree.sandbox import Opened

LISTING = 2048
"""Entries of a listing that are worth watching: a larger one is read again."""

FOLDER = 8192
"""Watches for one folder, whose pages may be looked at one after the other."""

ALL = 16_384
"""Watches in all, each of which holds about 1 KiB in the kernel; the user may have others for other programs."""

FOLDERS = 1024
"""Folders that are watched at once."""

SHORT_FOR = 60.0
"""Seconds for which no more watches are asked for when there were none left."""

Identity = tuple[int, int]
"""(device, inode)."""

_NAMES = Event.CREATE | Event.DELETE | Event.MOVED_FROM | Event.MOVED_TO
_CONTENT = Event.MODIFY | Event.ATTRIB
_ITSELF = _NAMES | _CONTENT | Event.MOVE_SELF | Event.DELETE_SELF
# A watch that is there already gets what it lacks: a folder may be watched for its own sake and for that above it.
_HOW = Event.ONESHOT | Event.DONT_FOLLOW | Event.MASK_ADD


class Watched:
    """A folder that is watched.

    :ivar changes: how often something was heard of it, or it was no longer watched.
    :ivar numbers: its watches and those of its entries, by what they watch.
    """

    def __init__(self, identity: Identity) -> None:
        """Begin with no watches."""
        self.identity = identity
        self.changes = 0
        self.numbers: dict[Identity, int] = {}


@frozen(eq=False)
class Since:
    """A moment at which a folder was about to be read.

    :ivar changes: of the folder until then.
    """

    folder: Watched
    changes: int

    @property
    def holds(self) -> bool:
        """Whether nothing was heard of the folder's own watch since, as far as `Watches.hear` has listened."""
        return self.changes == self.folder.changes


class Watches:
    """Watches folders. What threads may call blocks; whatever says so is for the reactor's thread, and doesn't."""

    def __init__(self, root: bytes) -> None:
        """Watch nothing yet, and open nothing: that may come after a fork.

        :param root: path of the folder in which all lie that are watched.
        """
        self._root = root
        self._queue: Inotify | None = None
        self._mounting: Mounting | None = None
        self._folders: OrderedDict[Identity, Watched] = OrderedDict()
        # For whose sake there is each watch, and what it watches.
        self._owners: dict[int, dict[Watched, Identity]] = {}
        self._leaving: deque[Watched] = deque()
        self._short_until = 0.0
        self._over = False
        # Whoever places watches takes the first, perhaps for as long as a disk takes; the tables have the second,
        # which nobody holds while waiting.
        self._placing = threading.Lock()
        self._tables = threading.Lock()
        self._early: set[int] = set()

    def __len__(self) -> int:
        """How many watches there are."""
        return len(self._owners)

    def begin(self, opened: Opened) -> Since | None:
        """Watch a folder that is about to be read. Blocks; call it in a thread.

        :return: for `settle` and `holds`; None where it can't be watched.
        """
        with self._alone():
            if not self._ready() or not tells_of_changes(opened.fd):
                return None
            identity = (opened.stat.st_dev, opened.stat.st_ino)
            folder = self._folders.setdefault(identity, Watched(identity))
            self._folders.move_to_end(identity)
            changes = folder.changes
            if identity not in folder.numbers and not self._place(folder, opened.fd, b".", identity, _ITSELF):
                return None
            return Since(folder, changes)

    def settle(self, since: Since, opened: Opened, page: Page) -> bool:
        """Watch what was read of a folder as well. Blocks; call it in a thread.

        :param opened: the folder, still open.
        :param page: read from it after `begin`.
        :return: whether all that the page tells can be heard of if it changes, and is as it was read.
        """
        with self._alone():
            folder = since.folder
            if self._folders.get(folder.identity) is not folder or folder.changes != since.changes:
                return False
            device, numbers = opened.stat.st_dev, folder.numbers
            missing = [entry for entry in page.entries if (device, entry.inode) not in numbers]
            if not page.own or len(page.entries) > LISTING:
                return False
            if len(numbers) + len(missing) > FOLDER:
                self._drop(folder)
                return False
            self._make_room(len(missing), folder)
            return self._cover(folder, opened, missing)

    def holds(self, since: Since) -> bool:
        """Tell whether a folder is as it was, for what `settle` has agreed to. For the reactor's thread.

        Whatever has happened until this is called is known: the kernel notes it before it lets a change return.
        """
        self.hear()
        return since.holds

    def leave(self, folder: Watched) -> None:
        """Say that nothing is kept of a folder: its watches end when others begin. For the reactor's thread."""
        self._leaving.append(folder)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads from placing watches meanwhile."""
        with self._placing:
            with self._tables:
                self._early.clear()
            yield

    def _ready(self) -> bool:
        """Open what there is to listen to, unless it is open, and end what has to end."""
        if monotonic() < self._short_until:
            return False
        root = os.path.realpath(self._root)  # a link on the way may lead elsewhere by now
        if self._over or (self._mounting is not None and self._mounting.place != root):
            self._forget()
            self._reopen(None, None)
        if self._queue is None:
            try:
                self._reopen(Inotify(), Mounting(root))
            except OSError:
                self._short_until = monotonic() + SHORT_FOR
                return False
        while self._leaving:
            self._drop(self._leaving.popleft())
        if len(self._folders) > FOLDERS:
            self._drop(next(iter(self._folders.values())))
        return True

    def _reopen(self, queue: Inotify | None, mounting: Mounting | None) -> None:
        with self._tables:
            old, self._queue, self._mounting, self._over = self._queue, queue, mounting, False
            self._owners.clear()
        if old is not None:
            old.close()

    def _cover(self, folder: Watched, opened: Opened, entries: Iterable[Entry]) -> bool:
        """Watch entries, and look at each again: what changed before its watch was there wasn't heard of."""
        for entry in Pace().through(entries):
            identity = (opened.stat.st_dev, entry.inode)
            mask = _NAMES if entry.is_folder else _CONTENT
            if not self._place(folder, opened.fd, entry.name, identity, mask) or not _is_same(opened.fd, entry):
                return False
        return True

    def _place(self, folder: Watched, fd: int, name: bytes, identity: Identity, mask: Event) -> bool:
        assert self._queue is not None
        try:
            number = self._queue.watch(fd, name, mask | _HOW)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                self._short_until = monotonic() + SHORT_FOR
                self._drop(folder)
            return False
        with self._tables:
            if number in self._early:  # heard from already, and gone
                folder.changes += 1
                return False
            self._owners.setdefault(number, {})[folder] = identity
            folder.numbers[identity] = number
        return True

    def _make_room(self, wanted: int, keep: Watched) -> None:
        """Drop the folders that were read longest ago until some more watches fit."""
        for folder in list(self._folders.values()):
            if len(self._owners) + wanted <= ALL:
                return
            if folder is not keep:
                self._drop(folder)

    def _drop(self, folder: Watched) -> None:
        """Watch a folder no more."""
        if self._folders.get(folder.identity) is folder:
            del self._folders[folder.identity]
        with self._tables:
            folder.changes += 1
            numbers, folder.numbers = folder.numbers, {}
            unused = [number for number in numbers.values() if self._disown(number, folder)]
        for number in Pace().through(unused):
            if self._queue is not None:
                self._queue.unwatch(number)

    def _disown(self, number: int, folder: Watched) -> bool:
        """Take a watch from a folder, and tell whether nobody needs it any more."""
        owners = self._owners.get(number, {})
        owners.pop(folder, None)
        return not owners and self._owners.pop(number, None) is not None

    def _forget(self) -> None:
        for folder in self._folders.values():
            folder.changes += 1
            folder.numbers = {}
        self._folders.clear()

    def hear(self) -> None:
        """Take note of all that has happened. Waits for nothing."""
        with self._tables:
            if self._queue is None or self._mounting is None:
                return
            if self._mounting.changed():
                self._lose_all()
            for number, mask in self._queue.events():
                if mask & Event.OVERFLOW:
                    self._lose_all()
                else:
                    self._heard(number)

    def _heard(self, number: int) -> None:
        # Somebody may just be taking this very watch into the tables, who has to know that it is gone.
        self._early.add(number)
        for folder, identity in self._owners.pop(number, {}).items():
            folder.changes += 1
            folder.numbers.pop(identity, None)

    def _lose_all(self) -> None:
        """Nothing is known any more: what was watched has to be watched anew, by whoever reads next."""
        self._over = True
        for folder in list(self._folders.values()):
            folder.changes += 1


def _is_same(fd: int, entry: Entry) -> bool:
    try:
        found = os.stat(entry.name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    size = None if entry.is_folder else found.st_size
    return (found.st_ino, found.st_mtime_ns, size) == (entry.inode, entry.mtime_ns, entry.size)
