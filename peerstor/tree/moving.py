"""Giving what lies in the storage another name, there or elsewhere in it."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from attrs import frozen

from peerstor.errors import BadRequest, ChangedMeanwhile, Exists, Forbidden, NoParent, NotFound
from peerstor.tree.copying import Copying, Unwanted
from peerstor.tree.doubles import Doubles
from peerstor.tree.faults import stated
from peerstor.tree.likeness import Likeness, Look
from peerstor.tree.naming import TRIES, Conflict, choose
from peerstor.tree.paths import TreePath, check_depth
from peerstor.tree.placing import lstat
from peerstor.tree.renameat2 import rename_new
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.staging import Stage
from peerstor.tree.standing import check_stands, tell_gone
from peerstor.tree.syncing import sync_folder
from peerstor.tree.trash import Trash
from peerstor.tree.trashids import Kept
from peerstor.tree.turns import Held, Turns


class OtherDisk(Exception):
    """No rename leads there: the bytes have to be carried, which takes as long as it takes."""


@frozen
class Moved:
    """What has another name now.

    :ivar path: the name that it got; a folder's with its `/`.
    :ivar replaced: whether it took the place of something, which is in the trash now.
    """

    path: TreePath
    replaced: bool


@frozen
class Wanted:
    """What is asked for.

    :ivar source: the name that it has.
    :ivar target: the name that it is to have.
    :ivar conflict: what to do when that is taken; REPLACE is for a file over a file alone.
    :ivar by: name of the principal, for the trash.
    :ivar may_replace: whether the principal has the right to replace what is there.
    """

    source: TreePath
    target: TreePath
    conflict: Conflict
    by: str
    may_replace: bool = False


class Mover:
    """Moves and renames files and folders. All methods block; call them in a thread.

    Whoever looks, also after a `kill -9`, finds something under its old name or its new one. Only where it was
    carried to another file system may both be there, each whole. No link is followed at either name. What others
    add or change meanwhile goes along, or nothing is moved.
    """

    def __init__(self, *, sandbox: Sandbox, trash: Trash, turns: Turns, stage: Stage, fsync: bool) -> None:
        """Move things in `sandbox`.

        :param trash: keeps what is replaced, and the original of what was carried.
        :param turns: at folders, by (device, inode); those of the `Publisher`.
        :param fsync: whether a change is on the disk before it counts as made.
        """
        self._sandbox = sandbox
        self._trash = trash
        self._turns = turns
        self._stage = stage
        self._fsync = fsync

    def move(self, wanted: Wanted) -> Moved:
        """Give something its new name by one rename. Blocks.

        :raise NotFound: there is nothing, or no client's business, under the old name; or a file was named as a
            folder.
        :raise NoParent: the folder that should hold the new name is absent.
        :raise BadRequest: a folder would come to lie in itself, or too deep.
        :raise BadName: the new name may not be given.
        :raise Exists: it is taken and may not change (REFUSE), or a folder is in the game (REPLACE).
        :raise Forbidden: it is taken and the principal may not replace it; or the old name is the root's.
        :raise NoSpace, StorageUnavailable: the disk is full, or cannot be written.
        :raise OtherDisk: see `carry`; nothing has changed.
        """
        with self._places(wanted) as (here, there):
            with self._trash.doubles() as doubles:
                moved = doubles.during(lambda: self._rename(here, there, wanted, doubles))
            self._sync(there)
            self._sync(here)
            return moved

    def _rename(self, here: Opened, there: Opened, wanted: Wanted, doubles: Doubles) -> Moved:
        with self._turns.take_all(_key(here), _key(there)):
            self._check_stand(wanted, here, there)
            found = self._found(here, wanted.source)
            self._check_place(found, here, there)
            try:
                return self._take(here, wanted.source.name, found, there, wanted, doubles)
            except OSError as error:
                if error.errno == errno.EXDEV:
                    raise OtherDisk() from error
                raise

    def carry(self, wanted: Wanted, *, unwanted: Callable[[], bool]) -> Moved:
        """Move something to where no rename leads: copy it, publish the copy, and trash the original. Blocks.

        Whoever wants to change a name in it while that is settled, which takes two looks at all that is in it,
        waits; then the folder is gone for them, or stays.

        :param unwanted: asked often whether to give up; before the copy is published, that leaves no trace.
        :raise ChangedMeanwhile: it, or something in it, was changed while it was copied.
        :raise TooManyEntries: it has more entries than are copied in one go.
        :raise Unwanted: it was given up.
        :raise NotFound, NoParent, BadRequest, BadName, Exists, Forbidden: as in `move`.
        :raise NoSpace, StorageUnavailable: as in `move`.
        """
        with self._places(wanted) as (here, there):
            found = self._found(here, wanted.source)
            self._check_place(found, here, there)
            with self._stage.beside(there) as built:
                with self._copying(unwanted, depth=len(there.real)) as copying:
                    copying.copy(here.fd, wanted.source.name, there.fd, built)
                with self._trash.doubles() as doubles:
                    moved, kept = doubles.during(
                        lambda: self._exchange(here, found, there, built, wanted, copying, unwanted, doubles)
                    )
                self._trash.settle(kept)
                self._sync(here)
            return moved

    def _exchange(
        self,
        here: Opened,
        found: "_Found",
        there: Opened,
        built: bytes,
        wanted: Wanted,
        copying: Copying,
        unwanted: Callable[[], bool],
        doubles: Doubles,
    ) -> tuple[Moved, Kept]:
        """Publish the copy and trash the original."""
        with self._turns.take_all(_key(here), _key(there)) as held:
            self._check_stand(wanted, here, there)
            if self._found(here, wanted.source).state != found.state:
                raise ChangedMeanwhile()
            self._check_same(copying, here.fd, wanted.source.name, held, unwanted)
            for made in copying.made:  # nobody has one: nobody can see the copy
                held.take(made)
            moved = self._take(there, built, found, there, wanted, doubles)
            self._sync(there)
            try:
                return moved, self._trash_original(copying, here, wanted, held)
            except (OSError, ChangedMeanwhile):
                if not moved.replaced:  # it wasn't moved, so it is in one place again
                    with suppress(OSError):
                        os.rename(moved.path.name, built, src_dir_fd=there.fd, dst_dir_fd=there.fd)
                raise
            finally:
                tell_gone(self._sandbox)

    def _check_same(
        self, copying: Copying, dir_fd: int, name: bytes, held: Held, unwanted: Callable[[], bool]
    ) -> None:
        """Look whether a folder is as it was copied, and from there on keep others from changing names in it.

        :raise ChangedMeanwhile: it isn't, or somebody is just changing something.
        """
        if not stat.S_ISDIR(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            return

        def enter(found: os.stat_result) -> None:
            if not held.take((found.st_dev, found.st_ino)):
                raise ChangedMeanwhile()

        def check() -> None:
            if unwanted():
                raise Unwanted()

        present = Likeness(since=copying.began)
        most = copying.copied.count
        Look(present, most=most, hides=self._sandbox.hides, enters=enter, check=check).at(dir_fd, name)
        if present.value != copying.copied.value:
            raise ChangedMeanwhile()

    def _trash_original(self, copying: Copying, here: Opened, wanted: Wanted, held: Held) -> Kept:
        """Take the original away, and see whether other programs, who know no turns, added something at the last.

        :raise ChangedMeanwhile: they did, and it has its place back.
        :raise OSError: it could not be taken away.
        """
        source = wanted.source
        kept = self._trash.move(here.fd, source.name, source, wanted.by, (*here.real, source.name))
        with (
            suppress(NotFound),  # somebody drops it already
            self._trash.claimed(kept),
            self._trash.lying(kept, here.fd, source.name) as (fd, lies),
        ):
            try:
                self._check_same(copying, fd, lies, held, unwanted=lambda: False)
            except (OSError, ChangedMeanwhile):
                if not _renamed_back(fd, lies, here, source.name):
                    return kept  # the trash has what was added, and the rest has moved
                self._sync(here)
                self._trash.discard(kept, here.fd)
                raise
        return kept

    def _check_stand(self, wanted: Wanted, here: Opened, there: Opened) -> None:
        """Refuse where one of the open folders has lost its place; the caller has the turns at both."""
        try:
            check_stands(self._sandbox, here, wanted.source)
        except NoParent:
            raise NotFound() from None
        check_stands(self._sandbox, there, wanted.target)

    def _check_place(self, found: "_Found", here: Opened, there: Opened) -> None:
        check_not_inside(self._sandbox, found.stat, there)
        # One that lies deep already may have another name there.
        if stat.S_ISDIR(found.stat.st_mode) and len(there.real) > len(here.real):
            check_depth(len(there.real))

    def _copying(self, unwanted: Callable[[], bool], *, depth: int) -> Copying:
        # A move changes no link, and the trash keeps what isn't copied.
        return Copying(
            hides=self._sandbox.hides,
            keeps=lambda *_: True,
            unwanted=unwanted,
            fsync=self._fsync,
            depth=depth,
        )

    @contextmanager
    def _places(self, wanted: Wanted) -> Iterator[tuple[Opened, Opened]]:
        """Open the folders of both names."""
        if not wanted.source.parts:
            raise Forbidden()
        if not wanted.target.parts:
            raise Exists()
        try:
            here = self._sandbox.parent_of(wanted.source)
        except NoParent:
            raise NotFound() from None
        with here, self._sandbox.parent_of(wanted.target) as there, stated(there.fd):
            yield here, there

    def _found(self, here: Opened, source: TreePath) -> "_Found":
        """Look at what is to be moved: itself, not along it."""
        present, seen = lstat(here, source.name), self._sandbox.lookup(here, source.name)
        if present is None or seen is None:
            raise NotFound()
        is_folder = stat.S_ISDIR(seen.st_mode)
        if source.slash and not is_folder:
            raise NotFound()
        return _Found(present, is_folder)

    def _take(
        self, here: Opened, source: bytes, found: "_Found", there: Opened, wanted: Wanted, doubles: Doubles
    ) -> Moved:
        """Rename."""
        target, conflict = wanted.target.name, wanted.conflict
        if found.is_folder and conflict is Conflict.REPLACE:
            conflict = Conflict.REFUSE
        for _ in range(TRIES):
            present = lstat(there, target)
            twin = present is not None and os.path.samestat(present, found.stat)
            if twin and _is_spelling(here, source, there, target):
                os.rename(source, target, src_dir_fd=here.fd, dst_dir_fd=there.fd)
                return _moved(wanted, found, target, replaced=False)
            name = choose(
                there,
                target,
                conflict=conflict,
                may_replace=wanted.may_replace,
                present=present,
                seen=None if present is None else self._sandbox.lookup(there, target),
                known=target == wanted.source.name,
            )
            if present is not None and name == target:
                self._replace(here, source, there, wanted, doubles, twin=twin)
                return _moved(wanted, found, name, replaced=True)
            if rename_new(here.fd, source, there.fd, name):
                return _moved(wanted, found, name, replaced=False)
        raise Exists()

    def _replace(
        self, here: Opened, source: bytes, there: Opened, wanted: Wanted, doubles: Doubles, *, twin: bool
    ) -> None:
        target, real = wanted.target.name, (*there.real, wanted.target.name)
        kept = self._trash.keep_file(there.fd, target, wanted.target, wanted.by, real, doubles=doubles)
        try:
            os.rename(source, target, src_dir_fd=here.fd, dst_dir_fd=there.fd)
        except BaseException:
            self._trash.discard(kept, there.fd)
            raise
        if twin:  # two names of one file, where rename(2) does nothing
            os.unlink(source, dir_fd=here.fd)

    def _sync(self, folder: Opened) -> None:
        if self._fsync:
            sync_folder(folder.fd)


@frozen
class _Found:
    """What is to be moved: what lstat says of it, and whether readers see a folder."""

    stat: os.stat_result
    is_folder: bool

    @property
    def state(self) -> tuple[int, ...]:
        """What another state of it would differ in; of what is in a folder, a `Likeness` tells."""
        found = self.stat
        if stat.S_ISDIR(found.st_mode):
            return found.st_dev, found.st_ino
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def check_not_inside(sandbox: Sandbox, found: os.stat_result, there: Opened) -> None:
    """Refuse a folder that would come to lie in itself, by whatever spelling of the names above it. Blocks.

    :param found: what is to be moved or copied.
    :param there: the folder that is to hold it.
    :raise BadRequest: it would.
    """
    if stat.S_ISDIR(found.st_mode) and sandbox.lies_in(there, found):
        raise BadRequest("A folder cannot be put into itself.")


def _renamed_back(dir_fd: int, name: bytes, here: Opened, source: bytes) -> bool:
    """Give something its old name again; False where that can't be, or something else has it by now."""
    try:
        return rename_new(dir_fd, name, here.fd, source)
    except OSError:
        return False


def _key(folder: Opened) -> tuple[int, int]:
    return folder.stat.st_dev, folder.stat.st_ino


def _is_spelling(here: Opened, source: bytes, there: Opened, target: bytes) -> bool:
    """Tell whether two names of one inode are one entry (a file system may ignore case), not two links."""
    if _key(here) != _key(there):
        return False
    return source == target or target not in map(os.fsencode, os.listdir(here.fd))


def _moved(wanted: Wanted, found: _Found, name: bytes, *, replaced: bool) -> Moved:
    return Moved(path=wanted.target.parent.child(name, slash=found.is_folder), replaced=replaced)
