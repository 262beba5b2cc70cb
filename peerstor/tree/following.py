"""Following folders: hearing that what they list has changed, by whomever.

What this process changes is told by those who do it (`IChangeListener`), at once. What others change is heard by
a watch of the folder (`peerstor.tree.watches`), where the file system tells; else the folder is looked at now and
then. Whatever was heard, a look at the folder comes behind it: that alone says in which version it is.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from peerstor.errors import Fault, Forbidden, NotFound, Overloaded
from peerstor.interfaces import IChangeListener, IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.watches import Since, Watches

_log = Logger()

LISTEN = 0.25
"""Seconds between two times that the watches are asked, which costs a read or two of the kernel's memory."""

PAUSE = 0.5
"""Seconds between two looks at one folder at least, however much goes on in it."""

WATCHED, UNWATCHED = 15.0, 3.0
"""Seconds after which a folder is looked at though nothing was heard: with a watch, which doesn't tell of what
happens to the folders above it, and without."""

EARS = 1000
"""Folders that are watched at once: fewer than `Watches` has room for. Further ones are looked at."""

FOLDERS = 2048
"""Folders that can be followed at once."""

RECENT = 5.0
"""Seconds for which a change counts as recent. The clock of a file system stands still for some milliseconds: what
was read just behind one change may look as if it were read behind the next."""

Parts = tuple[bytes, ...]


def version_of(found: os.stat_result) -> str:
    """Give what tells one state of a folder from the next: 16 hex digits that say nothing else of it.

    Names that come, go or change make another one; what is written into a file does not.
    """
    told = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_nlink, found.st_size)
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()


@frozen
class _Seen:
    """What a look at a folder has found: its version, None where it isn't there; seconds since the epoch of its
    last change; and since when it is watched, if it is."""

    version: str | None
    mtime: float = 0.0
    since: Since | None = None


class Followed:
    """A folder that somebody follows.

    :ivar version: changes with what the folder lists; None while it isn't there.
    """

    def __init__(self, path: TreePath, seen: str | None) -> None:
        """Begin as it was seen."""
        self.path = path
        self.version = seen
        self.told: list[Callable[[Followed], None]] = []
        self.since: Since | None = None
        self.looked = -math.inf
        self.looking = self.heard = False
        self.seen = seen
        self._unseen = 0

    def take(self, seen: str | None, *, heard: bool) -> bool:
        """Take note of what a look has found, and tell whether that is news.

        :param heard: whether something has happened, of which the folder itself need not show anything.
        """
        if seen != self.seen:
            self._unseen = 0
        elif heard and seen is not None:
            self._unseen += 1
        else:
            return False
        self.seen = seen
        self.version = f"{seen}.{self._unseen}" if self._unseen else seen
        return True

    def due(self, now: float) -> bool:
        """Tell whether it is time for a look."""
        pause = PAUSE if self.heard else UNWATCHED if self.since is None else WATCHED
        return not self.looking and now - self.looked >= pause


@implementer(IChangeListener)
class Following:
    """Knows the folders that are followed. For the reactor's thread; nothing here blocks."""

    def __init__(
        self, *, sandbox: Sandbox, threads: IThreads, clock: IReactorTime, wall: Callable[[], float]
    ) -> None:
        """Follow nothing yet.

        :param threads: where folders are looked at.
        :param wall: the time, seconds since the epoch.
        """
        self._sandbox = sandbox
        self._threads = threads
        self._clock = clock
        self._wall = wall
        self._watches = Watches(sandbox.root)
        # By their names; beside each other, those of one name that no link may lead out of the same way.
        self._folders: dict[Parts, dict[int, Followed]] = {}
        self._count = 0
        self._listening = LoopingCall(self._listen)
        self._listening.clock = clock

    async def version(self, path: TreePath) -> str:
        """Look in which version a folder is.

        One that has changed just now gets another version once it hasn't: see `RECENT`.

        :raise NotFound, Forbidden, StorageUnavailable, Overloaded: as `Sandbox.folder`.
        """
        seen = await self._threads.run(self._look, path, watch=False)
        followed = self._folders.get(path.parts, {}).get(path.within)
        known = followed.version if followed is not None and followed.seen == seen.version else seen.version
        return f"{known}~" if abs(self._wall() - seen.mtime) < RECENT else str(known)

    def follow(self, path: TreePath, version: str, told: Callable[[Followed], None]) -> Followed:
        """Follow a folder, until `leave`.

        :param version: of the folder, as `version` has just told.
        :param told: called whenever the folder is in another version.
        :raise Overloaded: too many folders are followed.
        """
        beside = self._folders.get(path.parts, {})
        followed = beside.get(path.within)
        if followed is None:
            if self._count >= FOLDERS:
                raise Overloaded()
            followed = Followed(path, version.partition(".")[0].removesuffix("~"))
            self._folders.setdefault(path.parts, beside)[path.within] = followed
            self._count += 1
        followed.told.append(told)
        if not self._listening.running:
            self._listening.start(LISTEN, now=False)
        self._consider(followed)
        return followed

    def leave(self, followed: Followed, told: Callable[[Followed], None]) -> None:
        """Follow a folder no more, for the one who gave `told`."""
        followed.told.remove(told)
        if followed.told:
            return
        path = followed.path
        del self._folders[path.parts][path.within]
        if not self._folders[path.parts]:
            del self._folders[path.parts]
        self._count -= 1
        self._unwatch(followed.since)
        if not self._folders:
            self._listening.stop()

    # What this process changes

    def published(self, path: bytes, size: int, by: str, replaced: bool, address: str | None) -> None:
        """See `IChangeListener`."""
        self._news(path, below=False)

    def removed(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._news(path)

    def made(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._news(path)

    def moved(self, path: bytes, to: bytes, by: str, replaced: bool, address: str | None) -> None:
        """See `IChangeListener`."""
        self._news(path, to)

    def copied(self, path: bytes, to: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._news(to)

    def restored(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._news(path)

    def purged(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`; the trash is no folder of the tree."""

    # Looking

    def _news(self, *paths: bytes, below: bool = True) -> None:
        """Take note that entries have come, gone or changed.

        :param below: whether they may be folders, with what is followed in them.
        """
        touched: set[Parts] = set()
        for path in paths:
            parts = tuple(path.split(b"/"))
            touched.add(parts[:-1])
            touched.update(each for each in self._folders if below and each[: len(parts)] == parts)
        heard = [followed for parts in touched for followed in self._folders.get(parts, {}).values()]
        for followed in heard:
            followed.heard = True
        for followed in heard:
            self._consider(followed)

    def _listen(self) -> None:
        self._watches.hear()
        for followed in list(self._all()):
            if followed.since is not None and not followed.since.holds:
                followed.heard = True
            self._consider(followed)

    def _all(self) -> Iterator[Followed]:
        for beside in self._folders.values():
            yield from beside.values()

    def _consider(self, followed: Followed) -> None:
        if followed.due(self._clock.seconds()):
            Deferred.fromCoroutine(self._look_again(followed))

    async def _look_again(self, followed: Followed) -> None:
        # What was heard until now is answered by this look; and a watch that has been heard of is gone.
        self._watches.hear()
        heard, followed.heard = followed.heard, False
        # What we were told of has happened to names, and shows. Where there is a watch, it may have shown before.
        unseen = heard and (followed.since is None or not followed.since.holds)
        followed.looked, followed.looking = self._clock.seconds(), True
        try:
            seen = await self._threads.run(self._look, followed.path, watch=self._count <= EARS)
        except (NotFound, Forbidden):
            seen = _Seen(None)
        except Exception as error:
            followed.heard |= heard
            if not isinstance(error, Fault | OSError):
                _log.failure("A folder could not be looked at")
            return
        finally:
            followed.looking = False
        if not followed.told:  # nobody is left
            self._unwatch(seen.since)
            return
        if followed.since is not None and (seen.since is None or seen.since.folder is not followed.since.folder):
            self._unwatch(followed.since)
        followed.since = seen.since
        if followed.take(seen.version, heard=unseen):
            for told in list(followed.told):
                told(followed)

    def _unwatch(self, since: Since | None) -> None:
        if since is not None:
            self._watches.leave(since.folder)

    def _look(self, path: TreePath, *, watch: bool) -> _Seen:
        with self._sandbox.folder(path) as folder:
            since = self._watches.begin(folder) if watch else None
            found = os.fstat(folder.fd)  # behind the watch: what comes between the two is heard
            return _Seen(version_of(found), found.st_mtime, since)
