"""Putting back what is in the trash, telling what is there, and dropping it for good."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import frozen

from peerstor.errors import BadRequest, Exists, Fault, NotFound, StorageUnavailable
from peerstor.tree.copying import Copying
from peerstor.tree.faults import fault_of, stated
from peerstor.tree.making import FolderMaker
from peerstor.tree.moving import OtherDisk
from peerstor.tree.naming import TRIES, Conflict, choose
from peerstor.tree.notes import Note, read_note
from peerstor.tree.pace import Pace
from peerstor.tree.paths import TreePath
from peerstor.tree.placing import lstat
from peerstor.tree.renameat2 import rename_new
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.scanning import scanned
from peerstor.tree.staging import Stage
from peerstor.tree.standing import check_stands
from peerstor.tree.syncing import sync_folder
from peerstor.tree.trash import Trash
from peerstor.tree.trashids import Kept, kept_as
from peerstor.tree.turns import Turns

LOOKS = 10_000
"""Notes that are read for one page: some hundred milliseconds, however much somebody else has deleted."""

Place = Callable[[TreePath], TreePath | None]
"""Confines a path to the floor of whoever asks; None where it is no business of theirs."""


@frozen
class Trashed:
    """One thing in the trash.

    :ivar path: where it was; a folder's with its `/`.
    :ivar size: bytes; None for a folder.
    :ivar when: seconds since the epoch.
    :ivar by: name of who took it away.
    """

    id: str
    path: TreePath
    size: int | None
    when: float
    by: str


@frozen
class TrashPage:
    """Some of what is in the trash, newest first.

    :ivar next: the cursor for what is older; None when there is nothing more. A page may be empty and have one.
    """

    entries: tuple[Trashed, ...]
    next: str | None


class Restorer:
    """Lists, puts back and drops what is in the trash. All methods block; call them in a thread.

    A thing has its place back by one rename, and nothing is overwritten; its note goes last, so that a crash
    leaves it in the trash or in its place. What somebody may not see is as if it weren't there.
    """

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        trash: Trash,
        turns: Turns,
        stage: Stage,
        folders: FolderMaker,
        fsync: bool,
    ) -> None:
        """Serve `trash`.

        :param turns: at folders, by (device, inode); those of the `Publisher`.
        :param fsync: whether a change is on the disk before it counts as made.
        """
        self._sandbox = sandbox
        self._trash = trash
        self._turns = turns
        self._stage = stage
        self._folders = folders
        self._fsync = fsync

    def page(self, *, place: Place, limit: int, cursor: str | None = None) -> TrashPage:
        """List what somebody may see. Blocks, and lets other threads run all the while.

        :param limit: entries of a page, from 1.
        :param cursor: `next` of the page before it.
        :raise BadRequest: the cursor was not made here.
        :raise StorageUnavailable: the trash can't be read.
        """
        if cursor is not None and kept_as(cursor) is None:
            raise BadRequest("This cursor is none of this listing.")
        pace = Pace()
        try:
            with scanned(self._trash.fd) as entries:
                found = {kept.id: kept for entry in pace.through(entries) if (kept := kept_as(entry.name))}
        except OSError as error:
            raise fault_of(error) from error
        shown: list[Trashed] = []
        ids = sorted((id_ for id_ in found if cursor is None or id_ < cursor), reverse=True)
        for looks, id_ in enumerate(pace.through(ids), 1):
            entry = self._entry(found[id_], place)
            if entry is not None:
                shown.append(entry)
            if (len(shown) >= limit or looks >= LOOKS) and looks < len(ids):
                return TrashPage(tuple(shown), id_)
        return TrashPage(tuple(shown), None)

    def restore(
        self,
        id_: str,
        *,
        place: Place,
        conflict: Callable[[TreePath], Conflict],
        parents: Callable[[TreePath], bool] | None = None,
        unwanted: Callable[[], bool] | None = None,
    ) -> TreePath:
        """Put something back where it was, and tell which path it has. Blocks.

        :param conflict: tells, from its path, what to do when its name is taken: RENAME or REFUSE.
        :param parents: makes the folders above it that are gone; tells which of them may be made. None: no one is.
        :param unwanted: asked often whether to give up, where the bytes have to be copied; None where they may not
            be.
        :raise NotFound: there is nothing of that id that concerns whoever asks, or somebody is at it.
        :raise NoParent: the folder that it was in is gone.
        :raise Exists: its name is taken.
        :raise BadRequest: the folders above it, or those in what has to be copied, would lie too deep.
        :raise NoSpace, StorageUnavailable: the disk cannot be written.
        :raise OtherDisk: no rename leads there, and `unwanted` wasn't given.
        :raise TooManyEntries, Unwanted: as `Mover.carry`.
        """
        with self._claimed(id_, place) as (kept, note, path):
            if parents is not None and self._own(kept, note) is not None:
                self._folders.make_above(path, may=parents)
            name = self._put_back(kept, note, path, conflict(path), unwanted)
            self._trash.drop(kept, Pace())
        return path.parent.child(name, slash=note.is_folder)

    def purge(self, id_: str, *, place: Place) -> TreePath:
        """Drop something for good, and tell where it was. Blocks.

        :raise NotFound: as in `restore`.
        :raise StorageUnavailable: not all of it could be removed; the rest goes with the next sweep.
        """
        with self._claimed(id_, place) as (kept, _, path):
            if not self._trash.drop(kept, Pace()):
                raise StorageUnavailable(reason=f"The trash's {kept.id} could not be removed.")
        return path

    @contextmanager
    def _claimed(self, id_: str, place: Place) -> Iterator[tuple[Kept, Note, TreePath]]:
        kept = kept_as(id_)
        if kept is None or kept.id != id_:
            raise NotFound()
        with self._trash.claimed(kept):
            note = self._note(kept)
            path = None if note is None else self._allowed(note, place)
            if note is None or path is None or not self._lies(kept, note, path):
                raise NotFound()
            yield kept, note, path

    def _entry(self, kept: Kept, place: Place) -> Trashed | None:
        note = self._note(kept)
        path = None if note is None else self._allowed(note, place)
        if note is None or path is None or not self._lies(kept, note, path):
            return None
        return Trashed(id=kept.id, path=path, size=note.size, when=note.when, by=note.by)

    def _note(self, kept: Kept) -> Note | None:
        try:
            return read_note(self._trash.fd, kept.note)
        except OSError as error:
            raise fault_of(error) from error

    def _allowed(self, note: Note, place: Place) -> TreePath | None:
        """Confine a path to the floor of whoever asks; None where a link led out of that."""
        path = place(note.path)
        if path is None or not path.parts or path.has_private:
            return None
        if path.within:
            floor = path.parts[: path.within]
            try:
                with self._sandbox.folder(TreePath(floor, slash=True)) as opened:
                    floor = opened.real
            except Fault:  # it is a file, or gone itself
                pass
            if note.real[: len(floor)] != floor:
                return None
        return path

    def _lies(self, kept: Kept, note: Note, path: TreePath) -> bool:
        """Tell whether the thing is there: a crash may have left a note without one."""
        if self._own(kept, note) is not None:
            return True
        try:
            with self._sandbox.parent_of(path) as folder:
                return lstat(folder, kept.beside) is not None
        except (Fault, OSError):
            return False

    def _own(self, kept: Kept, note: Note) -> os.stat_result | None:
        """Look at the thing in its own folder of the trash; None where it isn't there."""
        try:
            with self._folder_of(kept) as fd:
                return os.stat(note.path.name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    @contextmanager
    def _folder_of(self, kept: Kept) -> Iterator[int]:
        fd = os.open(kept.id, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._trash.fd)
        try:
            yield fd
        finally:
            os.close(fd)

    def _put_back(
        self, kept: Kept, note: Note, path: TreePath, conflict: Conflict, unwanted: Callable[[], bool] | None
    ) -> bytes:
        own = self._own(kept, note) is not None
        with self._sandbox.parent_of(path) as folder, stated(folder.fd):
            if own:
                with self._folder_of(kept) as fd:
                    name = self._from(fd, path.name, folder, path, conflict, unwanted)
            else:
                name = self._take(folder.fd, kept.beside, folder, path, conflict)
            if self._fsync:
                sync_folder(folder.fd)
        return name

    def _from(
        self,
        fd: int,
        source: bytes,
        folder: Opened,
        path: TreePath,
        conflict: Conflict,
        unwanted: Callable[[], bool] | None,
    ) -> bytes:
        """Put back what lies in the trash: by a rename, or by a copy, since a mount may lie between by now."""
        try:
            return self._take(fd, source, folder, path, conflict)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            if unwanted is None:
                raise OtherDisk() from error
        with (
            self._stage.beside(folder) as built,
            Copying(
                hides=self._sandbox.hides, keeps=lambda *_: True, unwanted=unwanted, fsync=self._fsync
            ) as copying,
        ):
            copying.copy(fd, source, folder.fd, built)
            return self._take(folder.fd, built, folder, path, conflict)

    def _take(self, fd: int, source: bytes, folder: Opened, path: TreePath, conflict: Conflict) -> bytes:
        with self._turns.take((folder.stat.st_dev, folder.stat.st_ino)):
            check_stands(self._sandbox, folder, path)
            for _ in range(TRIES):
                present = lstat(folder, path.name)
                name = choose(
                    folder,
                    path.name,
                    conflict=conflict,
                    may_replace=False,
                    present=present,
                    seen=None,
                    known=True,
                )
                if rename_new(fd, source, folder.fd, name):
                    return name
        raise Exists()
