"""What was deleted or replaced, kept for a while in the private folder.

To restore something by hand: each `.peerstor/trash/<id>.json` says in `path` where it was (in `href`
percent-encoded, exact to the byte), `when` (seconds since the epoch), by whom and how large it was. The thing
itself lies beside it as `.peerstor/trash/<id>/<its name>`; where there is no such folder, it lies as
`.peerstor-<id>.trash` in the folder that it came from, which is on a file system of its own. Move it back. Ids
begin with the time in UTC, so `ls` shows the oldest first. What has an `<id>.dropping` instead is on its way out;
what ends in `.copying` isn't whole, and is nothing that was taken away.
"""

import contextlib
import json
import math
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from peerstor.errors import Fault, NotFound
from peerstor.tree.contents import remove, remove_named, usage
from peerstor.tree.doubles import Doubles, sweep_doubles
from peerstor.tree.faults import UNLINKABLE, fault_of
from peerstor.tree.notes import Note, note_of, read_note
from peerstor.tree.occasion import Occasion
from peerstor.tree.pace import Pace
from peerstor.tree.paths import TreePath
from peerstor.tree.private import PrivateFolder
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.scanning import scanned
from peerstor.tree.syncing import sync_data, sync_folder

KEEP_SECONDS = 30 * 24 * 3600.0
KEEP_FRACTION = 0.10

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_ID = re.compile(r"(?P<id>(?P<stamp>\d{8}T\d{6}\.\d{6}Z)-[0-9a-f]{16})(\.json|\.dropping)?\Z")


@frozen
class Kept:
    """One thing in the trash.

    :ivar id: by which its folder, its note and, where it could not be moved, its hidden name are called.
    :ivar when: seconds since the epoch.
    """

    id: str
    when: float

    @property
    def note(self) -> str:
        """Name of the note about it."""
        return f"{self.id}.json"

    @property
    def doomed(self) -> str:
        """Name of the note once the thing is being dropped for good: it may be in pieces from then on."""
        return f"{self.id}.dropping"

    @property
    def beside(self) -> bytes:
        """Its name in the folder that it came from, where it stayed there."""
        return b".peerstor-%s.trash" % self.id.encode()


@frozen
class _Weighed:
    kept: Kept
    size: int
    device: int
    room: int = field(default=0)


class Trash:
    """Keeps what is deleted or replaced until it is too old or too much. All methods but `due` block.

    Two rules bound it: nothing stays longer than `keep_seconds`; and of what is left, the oldest goes until all
    of it takes at most `keep_fraction` of the disk that it lies on. The newest is exempt from the second: what
    was deleted by mistake a minute ago must be there, however large.
    """

    def __init__(
        self,
        *,
        private: PrivateFolder,
        sandbox: Sandbox,
        fsync: bool,
        clock: Callable[[], float] = time.time,
        keep_seconds: float = KEEP_SECONDS,
        keep_fraction: float = KEEP_FRACTION,
    ) -> None:
        """Keep things in `private`.

        :param sandbox: finds the folders of what had to stay beside its place.
        :param fsync: whether something is on the disk as kept before its name goes.
        :param clock: seconds since the epoch.
        :param keep_fraction: of the size of a whole disk, 0 to 1.
        """
        self._private = private
        self._sandbox = sandbox
        self._fsync = fsync
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._keep_fraction = keep_fraction
        # Begun and not yet whole: a sweep in another thread leaves them alone.
        self._unfinished: set[str] = set()
        # Likewise copies, which have no id yet.
        self._copying: set[str] = set()
        # Being dropped or put back: by one thread at a time.
        self._claims: set[str] = set()
        self._claiming = threading.Lock()
        self._sweeping = threading.Lock()
        self._occasion = Occasion()

    @property
    def fd(self) -> int:
        """Descriptor of the folder that things and notes lie in."""
        return self._private.trash_fd

    def doubles(self) -> Doubles:
        """Give the copies for one act that may replace files; `keep_file` is to run in its `during`."""
        return Doubles(dir_fd=self._private.trash_fd, own=self._copying, fsync=self._fsync)

    def keep_file(
        self,
        folder_fd: int,
        name: bytes,
        original: TreePath,
        by: str,
        real: tuple[bytes, ...] | None = None,
        *,
        doubles: Doubles,
    ) -> Kept:
        """Keep a file that is about to be replaced, without taking it away from its place.

        It gets a second name in the trash (a hard link); on another file system, beside its place; where the
        file system has no links, it is copied. All of that is durable, so that the name may go to another file.

        :param folder_fd: the folder that it lies in.
        :param original: where it lies, for the note.
        :param by: name of the principal who replaces it.
        :param real: the names from the root to where it lies, links resolved; None where no link is on the way.
        :param doubles: where a copy comes from.
        :raise OSError: it could not be kept; nothing of the attempt stays.
        :raise Uncopied: it could not yet; likewise.
        """
        with self._place(folder_fd, name, original, by, real) as (kept, fd):
            try:
                holder = self._add_name(folder_fd, name, kept, fd, doubles)
                self._sync_kept(kept, holder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(kept.beside, dir_fd=folder_fd)
                raise
        return kept

    def _add_name(self, folder_fd: int, name: bytes, kept: Kept, fd: int, doubles: Doubles) -> int:
        """Give a file its second name, or have a copy of it; tell in which folder that lies."""
        try:
            os.link(name, name, src_dir_fd=folder_fd, dst_dir_fd=fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in UNLINKABLE:
                raise
            if _link_beside(folder_fd, name, kept):
                return folder_fd
            doubles.put(folder_fd, name, fd)
        return fd

    def move(
        self,
        folder_fd: int,
        name: bytes,
        original: TreePath,
        by: str,
        real: tuple[bytes, ...] | None = None,
    ) -> Kept:
        """Take a file or folder away from its place into the trash (parameters as in `keep_file`).

        What lies on another file system is renamed beside its place, to a private name. The note is durable
        before; that it is gone from its place isn't yet: see `settle`.

        :raise OSError: it could not be moved and still is where it was.
        """
        with self._place(folder_fd, name, original, by, real) as (kept, fd):
            self._sync_kept(kept)
            try:
                os.rename(name, name, src_dir_fd=folder_fd, dst_dir_fd=fd)
            except OSError as error:
                if error.errno not in UNLINKABLE:
                    raise
                os.rename(name, kept.beside, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        return kept

    def settle(self, kept: Kept) -> None:
        """Bring the new name of what was moved here to the disk, to do before the folder that it left is synced.

        Of what stayed beside its place, that folder has the new name too, so there is nothing to do.

        :raise OSError: it may not be there after a power cut.
        """
        if self._fsync:
            with contextlib.suppress(FileNotFoundError), self._own_folder(kept) as fd:
                sync_folder(fd)

    def _sync_kept(self, kept: Kept, *folders: int) -> None:
        """Bring the note, and the names in some folders and in the trash, to the disk.

        Only after all of it was written: a journal that goes to the disk for the first takes the others along.
        """
        if self._fsync:
            trash_fd = self._private.trash_fd
            note_fd = os.open(kept.note, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=trash_fd)
            try:
                sync_data(note_fd)
            finally:
                os.close(note_fd)
            for fd in (*folders, trash_fd):
                sync_folder(fd)

    @contextlib.contextmanager
    def lying(self, kept: Kept, folder_fd: int, name: bytes) -> Iterator[tuple[int, bytes]]:
        """Give the open folder in which something lies that `move` has just taken away, and its name there.

        :param folder_fd: the folder that it came from.
        :param name: what it was called there.
        """
        try:
            fd = os.open(kept.id, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._private.trash_fd)
        except FileNotFoundError:
            yield folder_fd, kept.beside
            return
        try:
            yield fd, name
        finally:
            os.close(fd)

    def discard(self, kept: Kept, folder_fd: int) -> None:
        """Drop something again at once, since its replacement came to nothing.

        :param folder_fd: the folder that it came from.
        """
        with contextlib.suppress(OSError):
            os.unlink(kept.beside, dir_fd=folder_fd)
        self._remove_own(kept, Pace())

    def due(self) -> bool:
        """Tell whether a sweep is worth its while now (`Occasion`); doesn't block, and is to be asked often."""
        return self._occasion.has_come(self._clock())

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
                self._occasion.add(math.inf)
                raise fault_of(error) from error
            finally:
                now = self._clock()
                self._occasion.end(now, took=now - begin)

    def _sweep(self, pace: Pace) -> int:
        self._occasion.begin()
        sweep_doubles(self._private.trash_fd, self._copying, pace)
        oldest_allowed = self._clock() - self._keep_seconds
        everything = self._list(pace)
        old = [kept for kept in everything if kept.when < oldest_allowed]
        rest = [self._weigh(kept, pace) for kept in everything if kept.when >= oldest_allowed]
        too_much, room = self._too_much(rest)
        self._occasion.settle(room)
        going = (*old, *too_much)
        hidden = self._drop_strays(going, pace)
        return sum(self._drop(kept, pace) for kept in going if kept not in hidden)

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
            if self._note_of(kept) is not None:
                return False
            with self._own_folder(kept) as fd, scanned(fd) as entries:
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
        trash_fd = self._private.trash_fd
        rooms = {os.fstat(trash_fd).st_dev: self._room_of(trash_fd)}
        rooms |= {one.device: one.room for one in weighed if one.device}
        return found, max(0, min(room - taken.get(device, 0) for device, room in rooms.items()))

    def _room_of(self, dir_fd: int) -> int:
        disk = os.fstatvfs(dir_fd)
        return int(disk.f_blocks * disk.f_frsize * self._keep_fraction)

    def _list(self, pace: Pace) -> list[Kept]:
        """Everything in the trash that is whole, oldest first."""
        # The set is read first: what is finished in between is then left alone once, never swept half-made.
        unfinished = set(self._unfinished)
        found = {}
        with scanned(self._private.trash_fd) as entries:
            for entry in pace.through(entries):
                kept = kept_as(entry.name)
                if kept and kept.id not in unfinished and kept.id not in self._unfinished:
                    found[kept.id] = kept
        return [found[id_] for id_ in sorted(found)]

    def _weigh(self, kept: Kept, pace: Pace) -> _Weighed:
        pace.step()
        try:
            return self._weighed(kept, self._private.trash_fd, kept.id, pace)
        except FileNotFoundError:
            pass
        try:
            with self._folder_of(kept) as folder:
                return self._weighed(kept, folder.fd, os.fsdecode(kept.beside), pace)
        except (Fault, OSError):
            # Nothing of it can be seen now; it counts for nothing and goes when it is old.
            return _Weighed(kept=kept, size=0, device=0)

    def _weighed(self, kept: Kept, dir_fd: int, name: str, pace: Pace) -> _Weighed:
        size, room = usage(dir_fd, name, pace), self._room_of(dir_fd)
        return _Weighed(kept=kept, size=size, device=os.fstat(dir_fd).st_dev, room=room)

    def _folder_of(self, kept: Kept) -> Opened:
        """Open the folder that it came from, by its note.

        :raise NotFound: there is no such folder any more, or no note that says which.
        """
        note = self._note_of(kept)
        if note is None:
            raise NotFound()
        return self._sandbox.folder(note.path.parent)

    def _note_of(self, kept: Kept) -> Note | None:
        trash_fd = self._private.trash_fd
        return read_note(trash_fd, kept.note) or read_note(trash_fd, kept.doomed)

    @contextlib.contextmanager
    def claimed(self, kept: Kept) -> Iterator[None]:
        """Keep others from putting something back or dropping it, for the length of a `with`.

        :raise NotFound: somebody does so already, or it isn't wholly there yet.
        """
        with self._claiming:
            if kept.id in self._claims or kept.id in self._unfinished:
                raise NotFound()
            self._claims.add(kept.id)
        try:
            yield
        finally:
            self._claims.discard(kept.id)

    def drop(self, kept: Kept) -> bool:
        """Remove something for good, or what is left of it; tell whether all of it has gone.

        The caller has claimed it.
        """
        return self._drop_claimed(kept, Pace())

    def _drop(self, kept: Kept, pace: Pace) -> bool:
        try:
            with self.claimed(kept):
                return self._drop_claimed(kept, pace)
        except NotFound:
            return False

    def _drop_claimed(self, kept: Kept, pace: Pace) -> bool:
        """Remove it; the note last, by another name: what a crash leaves is found again, and isn't put back."""
        trash_fd = self._private.trash_fd
        try:
            os.rename(kept.note, kept.doomed, src_dir_fd=trash_fd, dst_dir_fd=trash_fd)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return self._remove_beside(kept, pace) and self._remove_own(kept, pace)

    def _remove_own(self, kept: Kept, pace: Pace) -> bool:
        trash_fd = self._private.trash_fd
        if not remove(trash_fd, kept.id, pace):
            return False
        for note in (kept.note, kept.doomed):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(note, dir_fd=trash_fd)
        return True

    def _remove_beside(self, kept: Kept, pace: Pace) -> bool:
        try:
            with self._folder_of(kept) as folder:
                return remove(folder.fd, os.fsdecode(kept.beside), pace)
        except NotFound:
            return True
        except (Fault, OSError):
            return False

    @contextlib.contextmanager
    def _place(
        self, folder_fd: int, name: bytes, original: TreePath, by: str, real: tuple[bytes, ...] | None
    ) -> Iterator[tuple[Kept, int]]:
        """Make the folder and the note for something; take both back if the `with` fails."""
        kept = self._new()
        trash_fd = self._private.trash_fd
        self._unfinished.add(kept.id)
        try:
            found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
            weight = self._weight(found)
            self._write_note(kept, note_of(found, original, real, kept.when, by))
            os.mkdir(kept.id, 0o700, dir_fd=trash_fd)
            with self._own_folder(kept) as fd:
                yield kept, fd
            # Nothing below may fail: what was moved here lies here, and would go with the rest of the attempt.
            # Empty when the thing stayed beside its place; then the note alone stands for it.
            with contextlib.suppress(OSError):
                os.rmdir(kept.id, dir_fd=trash_fd)
            self._occasion.add(weight)
        except BaseException:
            self._remove_own(kept, Pace())
            raise
        finally:
            self._unfinished.discard(kept.id)

    @contextlib.contextmanager
    def _own_folder(self, kept: Kept) -> Iterator[int]:
        fd = os.open(kept.id, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._private.trash_fd)
        try:
            yield fd
        finally:
            os.close(fd)

    def _weight(self, found: os.stat_result) -> float:
        """Bytes that something adds, without looking below; infinity where only a sweep can tell."""
        here = found.st_dev == os.fstat(self._private.trash_fd).st_dev
        return found.st_blocks * 512 if here and not stat.S_ISDIR(found.st_mode) else math.inf

    def _new(self) -> Kept:
        when = self._clock()
        stamp = datetime.fromtimestamp(when, UTC).strftime(_STAMP)
        return Kept(id=f"{stamp}-{secrets.token_hex(8)}", when=when)

    def _write_note(self, kept: Kept, note: dict[str, Any]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(kept.note, flags, 0o600, dir_fd=self._private.trash_fd)
        with open(fd, "w", encoding="ascii") as file:
            json.dump(note, file)


def kept_as(name: str) -> Kept | None:
    """What a name in the trash stands for; None where it isn't one that is given here."""
    match = _ID.match(name)
    if match is None:
        return None
    try:
        when = datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:  # 31 February: made by hand
        return None
    return Kept(id=match["id"], when=when)


def _link_beside(folder_fd: int, name: bytes, kept: Kept) -> bool:
    try:
        os.link(name, kept.beside, src_dir_fd=folder_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in UNLINKABLE:
            raise
        return False
    return True
