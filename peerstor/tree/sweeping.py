"""What leaves the trash by itself: what is too old, and the oldest of what is too much."""

import math
import os
import threading
import time
from collections.abc import Callable, Sequence

from attrs import field, frozen

from peerstor.errors import Fault, NotFound
from peerstor.tree.contents import remove_named, usage
from peerstor.tree.faults import fault_of
from peerstor.tree.pace import Pace
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.scanning import scanned
from peerstor.tree.trash import Trash
from peerstor.tree.trashids import Kept

KEEP_SECONDS = 30 * 24 * 3600.0
KEEP_FRACTION = 0.10


@frozen
class _Weighed:
    kept: Kept
    size: int
    device: int
    room: int = field(default=0)


class Sweeper:
    """Drops what a trash may not keep any longer. All methods but `due` block.

    Two rules bound the trash: nothing stays longer than `keep_seconds`; and of what is left, the oldest goes until
    all of it takes at most `keep_fraction` of the disk that it lies on. The newest is exempt from the second: what
    was deleted by mistake a minute ago must be there, however large.
    """

    def __init__(
        self,
        *,
        trash: Trash,
        sandbox: Sandbox,
        clock: Callable[[], float] = time.time,
        keep_seconds: float = KEEP_SECONDS,
        keep_fraction: float = KEEP_FRACTION,
    ) -> None:
        """Sweep `trash`.

        :param sandbox: where to look for what lies beside its place and no note tells.
        :param clock: seconds since the epoch; the trash's own.
        :param keep_fraction: of the size of a whole disk, 0 to 1.
        """
        self._trash = trash
        self._sandbox = sandbox
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._keep_fraction = keep_fraction
        self._sweeping = threading.Lock()

    def due(self) -> bool:
        """Tell whether a sweep is worth its while now (`Occasion`); doesn't block, and is to be asked often."""
        return self._trash.occasion.has_come(self._clock())

    def sweep(self) -> int:
        """Drop what is too old and then the oldest of what is too much. Lets other threads run all the while.

        What cannot be dropped (rights, a storage that is away) stays for the next time.

        :return: how many things went.
        :raise StorageUnavailable: the trash cannot be read.
        """
        with self._sweeping:
            begin = self._clock()
            try:
                return self._sweep(Pace())
            except OSError as error:
                self._trash.occasion.add(math.inf)
                raise fault_of(error) from error
            finally:
                now = self._clock()
                self._trash.occasion.end(now, took=now - begin)

    def _sweep(self, pace: Pace) -> int:
        self._trash.occasion.begin()
        self._trash.drop_copies(pace)
        oldest_allowed = self._clock() - self._keep_seconds
        everything = self._trash.everything(pace)
        old = [kept for kept in everything if kept.when < oldest_allowed]
        rest = [self._weigh(kept, pace) for kept in everything if kept.when >= oldest_allowed]
        too_much, room = self._too_much(rest)
        self._trash.occasion.settle(room)
        going = (*old, *too_much)
        hidden = self._drop_strays(going, pace)
        return sum(self._drop(kept, pace) for kept in going if kept not in hidden)

    def _drop(self, kept: Kept, pace: Pace) -> bool:
        try:
            with self._trash.claimed(kept):
                return self._trash.drop(kept, pace)
        except NotFound:
            return False

    def _drop_strays(self, going: Sequence[Kept], pace: Pace) -> frozenset[Kept]:
        """Remove what lies beside a place that no note tells, wherever that is; a power cut may have cut the note.

        :return: those of which something may still be there.
        """
        strays = frozenset(kept for kept in going if self._is_stray(kept))
        if not strays:
            return strays
        names = frozenset(os.fsdecode(kept.beside) for kept in strays)
        try:
            with self._sandbox.folder(TreePath((), slash=True)) as root:
                return frozenset() if remove_named(root.fd, names, pace) else strays
        except (Fault, OSError):
            return strays

    def _is_stray(self, kept: Kept) -> bool:
        """Tell whether a thing is neither in its own folder nor where a note says."""
        try:
            if self._trash.note(kept) is not None:
                return False
            with self._trash.own_folder(kept) as fd, scanned(fd) as entries:
                return next(entries, None) is None
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def _too_much(self, weighed: list[_Weighed]) -> tuple[list[Kept], int]:
        """The oldest of each disk, until its rest fits; all but the very newest may be among them.

        :return: these, and how many bytes may come until it is too much again on any disk.
        """
        taken: dict[int, int] = {}
        for one in weighed:
            taken[one.device] = taken.get(one.device, 0) + one.size
        found = []
        for one in weighed[:-1]:
            if taken[one.device] > one.room:
                taken[one.device] -= one.size
                found.append(one.kept)
        trash_fd = self._trash.fd
        rooms = {os.fstat(trash_fd).st_dev: self._room_of(trash_fd)}
        rooms |= {one.device: one.room for one in weighed if one.device}
        return found, max(0, min(room - taken.get(device, 0) for device, room in rooms.items()))

    def _room_of(self, dir_fd: int) -> int:
        disk = os.fstatvfs(dir_fd)
        return int(disk.f_blocks * disk.f_frsize * self._keep_fraction)

    def _weigh(self, kept: Kept, pace: Pace) -> _Weighed:
        pace.step()
        try:
            return self._weighed(kept, self._trash.fd, kept.id, pace)
        except FileNotFoundError:
            pass
        try:
            with self._trash.origin(kept) as folder:
                return self._weighed(kept, folder.fd, os.fsdecode(kept.beside), pace)
        except (Fault, OSError):
            # Nothing of it can be seen now; it counts for nothing and goes when it is old.
            return _Weighed(kept=kept, size=0, device=0)

    def _weighed(self, kept: Kept, dir_fd: int, name: str, pace: Pace) -> _Weighed:
        size, room = usage(dir_fd, name, pace), self._room_of(dir_fd)
        return _Weighed(kept=kept, size=size, device=os.fstat(dir_fd).st_dev, room=room)
