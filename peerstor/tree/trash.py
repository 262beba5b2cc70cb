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
import stat
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from peerstor.errors import Fault, NotFound
from peerstor.tree.contents import remove
from peerstor.tree.doubles import Doubles, sweep_doubles
from peerstor.tree.faults import UNLINKABLE
from peerstor.tree.notes import Note, note_of, read_note
from peerstor.tree.occasion import Occasion
from peerstor.tree.pace import Pace
from peerstor.tree.paths import TreePath
from peerstor.tree.private import PrivateFolder
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.scanning import scanned
from peerstor.tree.syncing import sync_data, sync_folder
from peerstor.tree.trashids import Kept, kept_as


class Trash:
    """Keeps what is deleted or replaced, until somebody puts it back or drops it (`Restorer`, `Sweeper`).

    All methods block.

    :ivar occasion: weighs what comes, for whoever sweeps.
    """

    def __init__(
        self,
        *,
        private: PrivateFolder,
        sandbox: Sandbox,
        fsync: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep things in `private`.

        :param sandbox: finds the folders of what had to stay beside its place.
        :param fsync: whether something is on the disk as kept before its name goes.
        :param clock: seconds since the epoch.
        """
        self._private = private
        self._sandbox = sandbox
        self._fsync = fsync
        self._clock = clock
        # Begun and not yet whole: a sweep in another thread leaves them alone.
        self._unfinished: set[str] = set()
        # Likewise copies, which have no id yet.
        self._copying: set[str] = set()
        # Being dropped or put back: by one thread at a time.
        self._claims: set[str] = set()
        self._claiming = threading.Lock()
        self.occasion = Occasion()

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
            with contextlib.suppress(FileNotFoundError), self.own_folder(kept) as fd:
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
        with contextlib.ExitStack() as stack:
            try:
                place = stack.enter_context(self.own_folder(kept)), name
            except FileNotFoundError:
                place = folder_fd, kept.beside
            yield place

    def discard(self, kept: Kept, folder_fd: int) -> None:
        """Drop something again at once, since its replacement came to nothing.

        :param folder_fd: the folder that it came from.
        """
        with contextlib.suppress(OSError):
            os.unlink(kept.beside, dir_fd=folder_fd)
        self._remove_own(kept, Pace())

    def everything(self, pace: Pace) -> list[Kept]:
        """Give all that is whole, oldest first. Lets other threads run all the while.

        :raise OSError: the trash cannot be read.
        """
        # The set is read first: what is finished in between is then left alone once, never swept half-made.
        unfinished = set(self._unfinished)
        found = {}
        with scanned(self._private.trash_fd) as entries:
            for entry in pace.through(entries):
                kept = kept_as(entry.name)
                if kept and kept.id not in unfinished and kept.id not in self._unfinished:
                    found[kept.id] = kept
        return [found[id_] for id_ in sorted(found)]

    @contextlib.contextmanager
    def own_folder(self, kept: Kept) -> Iterator[int]:
        """Open the folder in the trash that is something's own.

        :raise FileNotFoundError: it has none: it stayed beside its place, or is gone.
        """
        fd = os.open(kept.id, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._private.trash_fd)
        try:
            yield fd
        finally:
            os.close(fd)

    def origin(self, kept: Kept) -> Opened:
        """Open the folder that something came from, by its note.

        :raise NotFound: there is no such folder any more, or no note that says which.
        """
        note = self.note(kept)
        if note is None:
            raise NotFound()
        return self._sandbox.folder(note.path.parent)

    def note(self, kept: Kept) -> Note | None:
        """Read the note about something, also while that is being dropped; None where none could be understood.

        :raise OSError: it can't be read.
        """
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

    def drop(self, kept: Kept, pace: Pace) -> bool:
        """Remove something for good, or what is left of it; tell whether all of it has gone.

        The caller has claimed it.
        """
        # The note goes last, by another name: what a crash leaves is found again, and isn't put back.
        trash_fd = self._private.trash_fd
        try:
            os.rename(kept.note, kept.doomed, src_dir_fd=trash_fd, dst_dir_fd=trash_fd)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return self._remove_beside(kept, pace) and self._remove_own(kept, pace)

    def drop_copies(self, pace: Pace) -> None:
        """Remove the copies that a crash has left. Lets other threads run all the while.

        :raise OSError: the trash cannot be read.
        """
        sweep_doubles(self._private.trash_fd, self._copying, pace)

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
            with self.origin(kept) as folder:
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
        kept = Kept.new(self._clock())
        trash_fd = self._private.trash_fd
        self._unfinished.add(kept.id)
        try:
            found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
            weight = self._weight(found)
            self._write_note(kept, note_of(found, original, real, kept.when, by))
            os.mkdir(kept.id, 0o700, dir_fd=trash_fd)
            with self.own_folder(kept) as fd:
                yield kept, fd
            # Nothing below may fail: what was moved here lies here, and would go with the rest of the attempt.
            # Empty when the thing stayed beside its place; then the note alone stands for it.
            with contextlib.suppress(OSError):
                os.rmdir(kept.id, dir_fd=trash_fd)
            self.occasion.add(weight)
        except BaseException:
            self._remove_own(kept, Pace())
            raise
        finally:
            self._unfinished.discard(kept.id)

    def _weight(self, found: os.stat_result) -> float:
        """Bytes that something adds, without looking below; infinity where only a sweep can tell."""
        here = found.st_dev == os.fstat(self._private.trash_fd).st_dev
        return found.st_blocks * 512 if here and not stat.S_ISDIR(found.st_mode) else math.inf

    def _write_note(self, kept: Kept, note: dict[str, Any]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(kept.note, flags, 0o600, dir_fd=self._private.trash_fd)
        with open(fd, "w", encoding="ascii") as file:
            json.dump(note, file)


def _link_beside(folder_fd: int, name: bytes, kept: Kept) -> bool:
    try:
        os.link(name, kept.beside, src_dir_fd=folder_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in UNLINKABLE:
            raise
        return False
    return True
