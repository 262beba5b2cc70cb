"""How bytes that are complete become a file under a name, and how a name goes away again."""

import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress

from attrs import frozen

from peerstor.errors import BadName, Exists, Fault, Forbidden, IsFolder, NoParent, NotFound
from peerstor.tree.doubles import Uncopied
from peerstor.tree.faults import fault_at, stated
from peerstor.tree.folders import Folders
from peerstor.tree.naming import Check, Conflict, Intent, Namer, Order
from peerstor.tree.paths import TreePath
from peerstor.tree.placing import Part, copy_near, drop_copy, holds, lstat
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.standing import check_stands, tell_gone
from peerstor.tree.syncing import DataSync, sync_data, sync_folder
from peerstor.tree.trash import Trash
from peerstor.tree.trashids import Kept
from peerstor.tree.turns import Turns

__all__ = ["Check", "Conflict", "Outcome", "Part", "Published", "Publisher", "Unsettled", "Wish"]


@frozen
class Published:
    """What became of a part.

    :ivar path: the name that it got.
    :ivar stat: of the file under that name.
    :ivar replaced: whether it took the place of something, which is in the trash now.
    """

    path: TreePath
    stat: os.stat_result
    replaced: bool


@frozen
class Unsettled:
    """What became of a part that has its name, which may be gone after a crash.

    :ivar fault: what failed then.
    """

    fault: Exception


Outcome = Published | Unsettled | Exception
"""What became of one part of several; an exception where its name was not taken."""


@frozen
class Wish:
    """One of several parts that are to be published together; see `Publisher.publish` for what each means."""

    part: Part
    target: TreePath
    conflict: Conflict
    by: str
    may_replace: bool
    check: Check | None

    @property
    def order(self) -> Order:
        """What it asks for."""
        return Order(
            target=self.target,
            conflict=self.conflict,
            by=self.by,
            may_replace=self.may_replace,
            check=self.check or _nothing,
            intent=_nothing,
            copying=_nothing_more,
        )


class Publisher:
    """Gives complete files their names and takes names away. All methods block; call them in a thread.

    The state on the disk passes from the old one to the new one in a single rename or link, so that whoever
    looks, also after a `kill -9` at any point, finds one of the two under the name. No symbolic link is followed
    at the name itself: a link there is replaced or moved as a link. Names of one folder are changed by one
    thread at a time; against other programs, nothing new ever overwrites a name that they have just taken,
    except where the file system has no hard links.
    """

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        trash: Trash,
        fsync: bool,
        data: DataSync | None = None,
        turns: Turns | None = None,
    ) -> None:
        """Publish into `sandbox`.

        :param fsync: whether a change is on the disk before it counts as made.
        :param data: how the data of several parts is synced.
        :param turns: at folders, by (device, inode); shared with whatever else changes their names.
        """
        self._sandbox = sandbox
        self._trash = trash
        self._fsync = fsync
        self._data = data or DataSync()
        self._namer = Namer(sandbox=sandbox, trash=trash)
        self._turns = turns or Turns()

    def publish(
        self,
        part: Part,
        target: TreePath,
        *,
        conflict: Conflict,
        by: str,
        may_replace: bool = False,
        check: Check | None = None,
        intent: Intent | None = None,
        copying: Callable[[], None] | None = None,
    ) -> Published:
        """Give the bytes of `part` the name `target`, or a numbered one. Blocks.

        When it returns, the part's own name is gone; when it raises, the part is as it was, except after a
        failure of the last sync (`StorageUnavailable`), when `recover` tells.

        :param by: name of the principal, for the trash.
        :param may_replace: whether the principal has the right to replace what is there.
        :param check: called with the present file (None: no reader would find one), raises when a condition of
            the request does not hold.
        :param intent: called with the final name just before it is taken, so that `recover` can be asked about
            that name after a crash; it may be called again with another one.
        :param copying: called before a copy of the part is made in the target's folder (`near_name`), where no
            rename leads: a crash from then on may leave it there.
        :raise NoParent, NotFound: the folder is absent, or no client's business.
        :raise BadName: the name is new and may not be given, or was written as a folder's.
        :raise Exists: it is taken and may not change (REFUSE), or a folder has it (REPLACE).
        :raise Forbidden: it is taken and the principal may not replace it.
        :raise NoSpace, StorageUnavailable: the disk is full, or cannot be written.
        """
        if not target.parts:
            raise Exists()
        if target.slash:
            raise BadName()
        order = Order(
            target=target,
            conflict=conflict,
            by=by,
            may_replace=may_replace,
            check=check or _nothing,
            intent=intent or _nothing,
            copying=copying or _nothing_more,
        )
        self._sync_part(part)
        with self._sandbox.parent_of(target) as folder, stated(folder.fd):
            # Folders are compared: an overlay file system gives its files other device numbers than its folders.
            if os.fstat(part.dir_fd).st_dev != folder.stat.st_dev:
                return self._publish_copy(part, folder, order)
            try:
                return self._publish(part, folder, order)
            except OSError as error:
                # A bind mount is the same device and yet no way for a rename.
                if error.errno != errno.EXDEV:
                    raise
            return self._publish_copy(part, folder, order)

    def publish_all(self, wishes: Sequence[Wish], folders: Folders) -> list[Outcome]:
        """Publish several parts at the price of few syncs. Blocks.

        For each of them all holds that holds for `publish`: its data is on the disk before it gets its name, and
        the name before this returns; what becomes of one is nothing to the others. Those for one folder get their
        names in their order.

        :param folders: of the targets.
        :return: for each wish what `publish` would return or raise, the latter as `Unsettled` where the name was
            taken before; OSError with EXDEV where `publish` would make a copy: of the part, since no rename leads
            to its target, or of a large file that it replaces, since that can't be linked.
        """
        outcomes = self._sync_all([wish.part for wish in wishes])
        for folder, indices in _by_folder(wishes, folders, outcomes):
            outcomes |= self._publish_in(folder, {index: wishes[index] for index in indices})
        return [outcomes[index] for index in range(len(wishes))]

    def _sync_all(self, parts: Sequence[Part]) -> dict[int, Outcome]:
        """Sync several parts; gives the faults of those that failed, by their places."""
        if not self._fsync:
            return {}
        failed = enumerate(self._data.sync([part.fd for part in parts]))
        return {index: fault_at(error, parts[index].fd) for index, error in failed if error is not None}

    def _publish_in(self, folder: Opened, wishes: Mapping[int, Wish]) -> dict[int, Outcome]:
        """Publish parts that are synced in one folder."""
        outcomes: dict[int, Outcome] = {}
        taken: dict[int, tuple[bytes, bool]] = {}
        with self._trash.doubles() as doubles, self._turn(folder):
            try:
                check_stands(self._sandbox, folder, next(iter(wishes.values())).target)
            except Fault as fault:
                return {**dict.fromkeys(wishes, fault)}
            for index, wish in wishes.items():
                try:
                    taken[index] = self._namer.take(wish.part, folder, wish.order, doubles)
                except Uncopied:
                    outcomes[index] = OSError(errno.EXDEV, os.strerror(errno.EXDEV))
                except OSError as error:
                    outcomes[index] = error if error.errno == errno.EXDEV else fault_at(error, folder.fd)
                except Exception as error:
                    outcomes[index] = error
        try:
            if taken:
                self._sync_folder(folder)
        except OSError as error:
            return outcomes | {index: Unsettled(fault_at(error, folder.fd)) for index in taken}
        return outcomes | {index: _ended(folder, wishes[index], *name) for index, name in taken.items()}

    def recover(self, part: Part, target: TreePath) -> bool:
        """Tell after a crash whether `part` had got its name already, and finish that if so. Blocks.

        To ask only when the part's own name is still there: without it, the part was published.

        :param target: the final name, as `publish` told its `intent`.
        :return: True when its bytes stand under that name; the part's own name is gone then.
        """
        try:
            folder = self._sandbox.parent_of(target)
        except (NotFound, NoParent):
            return False
        with folder, stated(folder.fd):
            if not holds(folder, target.name, part):
                return False
            self._sync_folder(folder)
            drop_copy(part, folder)
            with suppress(FileNotFoundError):
                os.unlink(part.name, dir_fd=part.dir_fd)
            return True

    def give_up(self, part: Part, target: TreePath) -> None:
        """Remove what a crash in the middle of `publish` left near the target of a part that nobody wants. Blocks.

        :raise StorageUnavailable: it cannot be removed.
        """
        try:
            folder = self._sandbox.parent_of(target)
        except (NotFound, NoParent):
            return
        with folder, stated(folder.fd):
            drop_copy(part, folder)

    def delete(self, path: TreePath, *, by: str, check: Check | None = None, either: bool = False) -> str:
        """Move a file or folder to the trash; of a link, the link. Blocks.

        :param path: a folder's with its trailing `/`.
        :param either: whether a folder may be named without it.
        :return: the id by which the trash has it.
        :param by: name of the principal, for the trash.
        :param check: as in `publish`.
        :raise NotFound: there is none, or a file was named as a folder.
        :raise IsFolder: a folder was named as a file.
        :raise Forbidden: it is the root.
        :raise NoSpace, StorageUnavailable: the disk cannot be written.
        """
        if not path.parts:
            raise Forbidden()
        try:
            folder = self._sandbox.parent_of(path)
        except NoParent:
            raise NotFound() from None
        with folder, stated(folder.fd):
            with self._turn(folder):
                try:
                    check_stands(self._sandbox, folder, path)
                except NoParent:
                    raise NotFound() from None
                found = self._sandbox.lookup(folder, path.name)
                _check_kind(found, path, either=either)
                (check or _nothing)(found)
                kept = self._move_to_trash(folder, path, by)
                tell_gone(self._sandbox)  # who has it open, or a folder in it, stores no more there
            self._trash.settle(kept)
            self._sync_folder(folder)
        return kept.id

    def _move_to_trash(self, folder: Opened, path: TreePath, by: str) -> Kept:
        try:
            return self._trash.move(folder.fd, path.name, path, by, (*folder.real, path.name))
        except FileNotFoundError:
            if lstat(folder, path.name) is None:  # another program was faster
                raise NotFound() from None
            raise

    def _publish(self, part: Part, folder: Opened, order: Order) -> Published:
        def take() -> tuple[bytes, bool]:
            with self._turn(folder):
                check_stands(self._sandbox, folder, order.target)
                return self._namer.take(part, folder, order, doubles)

        with self._trash.doubles() as doubles:
            name, replaced = doubles.during(take)
        self._sync_folder(folder)
        return _settled(part, order.target, name, replaced)

    def _publish_copy(self, part: Part, folder: Opened, order: Order) -> Published:
        """Publish a copy of the part, made beside the target, since no rename leads from here to there."""
        order.copying()
        near = copy_near(part, folder, fsync=self._fsync)
        try:
            published = self._publish(near, folder, order)
        except BaseException:
            with suppress(OSError):
                os.unlink(near.name, dir_fd=near.dir_fd)
            raise
        finally:
            os.close(near.fd)
        with suppress(FileNotFoundError):
            os.unlink(part.name, dir_fd=part.dir_fd)
        return published

    def _turn(self, folder: Opened) -> AbstractContextManager[None]:
        return self._turns.take((folder.stat.st_dev, folder.stat.st_ino))

    def _sync_part(self, part: Part) -> None:
        if self._fsync:
            with stated(part.fd):
                sync_data(part.fd)

    def _sync_folder(self, folder: Opened) -> None:
        if self._fsync:
            sync_folder(folder.fd)


def _by_folder(
    wishes: Sequence[Wish], folders: Folders, outcomes: dict[int, Outcome]
) -> list[tuple[Opened, list[int]]]:
    """Sort those that have no outcome yet by their folders; a folder that can't be had is an outcome."""
    found: dict[int, tuple[Opened, list[int]]] = {}
    for index, wish in enumerate(wishes):
        if index not in outcomes:
            try:
                if wish.target.slash:
                    raise BadName()
                folder = folders.parent_of(wish.target)
                found.setdefault(folder.fd, (folder, []))[1].append(index)
            except Exception as error:
                outcomes[index] = error
    return [*found.values()]


def _ended(folder: Opened, wish: Wish, name: bytes, replaced: bool) -> Outcome:
    try:
        with stated(folder.fd):
            return _settled(wish.part, wish.target, name, replaced)
    except Fault as fault:
        return Unsettled(fault)


def _settled(part: Part, target: TreePath, name: bytes, replaced: bool) -> Published:
    """Take the own name of a part away that has got its final one, durably."""
    if not part.nameless:
        # Only now: a crash before this leaves the part beside its published name, and `recover` sees that.
        with suppress(FileNotFoundError):
            os.unlink(part.name, dir_fd=part.dir_fd)
    return Published(path=target.parent.child(name), stat=os.fstat(part.fd), replaced=replaced)


def _check_kind(found: os.stat_result | None, path: TreePath, *, either: bool) -> None:
    if found is None:
        raise NotFound()
    is_folder = stat.S_ISDIR(found.st_mode)
    if path.slash and not is_folder:
        raise NotFound()
    if is_folder and not path.slash and not either:
        raise IsFolder()


def _nothing(_: object) -> None:
    """Check nothing, tell nobody."""


def _nothing_more() -> None:
    """Tell nobody."""
