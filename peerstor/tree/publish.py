"""How bytes that are complete become a file under a name, and how a name goes away again."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from enum import Enum

from attrs import frozen

from peerstor.errors import BadName, Exists, Forbidden, IsFolder, NoParent, NotFound
from peerstor.tree.faults import stated
from peerstor.tree.paths import TreePath, check_new_name
from peerstor.tree.placing import Part, add_name, copy_near, drop_copy, free_name, holds, lstat
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.trash import Trash
from peerstor.tree.turns import Turns

__all__ = ["Conflict", "Part", "Published", "Publisher"]

# How often a name that somebody outside PeerStor takes in the last moment is chosen anew.
TRIES = 100

Check = Callable[[os.stat_result | None], None]
Intent = Callable[[bytes], None]


class Conflict(Enum):
    """What to do when the name is taken."""

    RENAME = "rename"
    REPLACE = "replace"
    REFUSE = "refuse"


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
class _Order:
    """What was asked for, with the defaults filled in."""

    target: TreePath
    conflict: Conflict
    by: str
    may_replace: bool
    check: Check
    intent: Intent
    copying: Callable[[], None]


class Publisher:
    """Gives complete files their names and takes names away. All methods block; call them in a thread.

    The state on the disk passes from the old one to the new one in a single rename or link, so that whoever
    looks, also after a `kill -9` at any point, finds one of the two under the name. No symbolic link is followed
    at the name itself: a link there is replaced or moved as a link. Names of one folder are changed by one
    thread at a time; against other programs, nothing new ever overwrites a name that they have just taken,
    except where the file system has no hard links.
    """

    def __init__(self, *, sandbox: Sandbox, trash: Trash, fsync: bool) -> None:
        """Publish into `sandbox`.

        :param fsync: whether a change is on the disk before it counts as made.
        """
        self._sandbox = sandbox
        self._trash = trash
        self._fsync = fsync
        self._turns = Turns()

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
        order = _Order(
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

    def delete(self, path: TreePath, *, by: str, check: Check | None = None) -> None:
        """Move a file or folder to the trash; of a link, the link. Blocks.

        :param path: a folder's with its trailing `/`.
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
                found = self._sandbox.lookup(folder, path.name)
                _check_kind(found, path)
                (check or _nothing)(found)
                self._move_to_trash(folder, path, by)
            self._sync_folder(folder)

    def _move_to_trash(self, folder: Opened, path: TreePath, by: str) -> None:
        try:
            self._trash.move(folder.fd, path.name, path, by)
        except FileNotFoundError:
            if lstat(folder, path.name) is None:  # another program was faster
                raise NotFound() from None
            raise

    def _publish(self, part: Part, folder: Opened, order: _Order) -> Published:
        with self._turn(folder):
            name, replaced = self._take_name(part, folder, order)
        self._sync_folder(folder)
        # Only now: a crash before this leaves the part beside its published name, and `recover` sees that.
        with suppress(FileNotFoundError):
            os.unlink(part.name, dir_fd=part.dir_fd)
        path = order.target.parent.child(name)
        return Published(path=path, stat=os.fstat(part.fd), replaced=replaced)

    def _take_name(self, part: Part, folder: Opened, order: _Order) -> tuple[bytes, bool]:
        """Give the part its name.

        :return: the name, and whether something was replaced.
        """
        for _ in range(TRIES):
            present = lstat(folder, order.target.name)
            seen = None if present is None else self._sandbox.lookup(folder, order.target.name)
            order.check(seen)
            name = _choose(folder, order, present, seen)
            order.intent(name)
            if present is not None and name == order.target.name:
                self._replace(part, folder, order)
                return name, True
            if add_name(part, folder, name):
                return name, False
        raise Exists()

    def _replace(self, part: Part, folder: Opened, order: _Order) -> None:
        name = order.target.name
        kept = self._trash.keep_file(folder.fd, name, order.target, order.by)
        try:
            os.rename(part.name, name, src_dir_fd=part.dir_fd, dst_dir_fd=folder.fd)
        except BaseException:
            self._trash.discard(kept, folder.fd)
            raise

    def _publish_copy(self, part: Part, folder: Opened, order: _Order) -> Published:
        """Publish a copy of the part, made beside the target, since no rename leads from here to there."""
        order.copying()
        near = copy_near(part, folder)
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
                # Size and bytes are what counts; macOS has only the fuller call.
                getattr(os, "fdatasync", os.fsync)(part.fd)

    def _sync_folder(self, folder: Opened) -> None:
        if not self._fsync:
            return
        try:
            os.fsync(folder.fd)
        except OSError as error:
            # Some network and FUSE file systems cannot sync a folder at all; theirs is the choice.
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP):
                raise


def _choose(folder: Opened, order: _Order, present: os.stat_result | None, seen: os.stat_result | None) -> bytes:
    """Settle under which name to publish.

    :param present: what lstat says of the wanted one.
    :param seen: what a reader sees there.
    """
    name = order.target.name
    if present is None:
        check_new_name(name)
        return name
    if order.conflict is Conflict.RENAME:
        check_new_name(name)
        return free_name(folder, name)
    if order.conflict is Conflict.REFUSE or any(stat.S_ISDIR(one.st_mode) for one in (present, seen or present)):
        raise Exists()
    if not order.may_replace:
        raise Forbidden()
    return name


def _check_kind(found: os.stat_result | None, path: TreePath) -> None:
    if found is None:
        raise NotFound()
    is_folder = stat.S_ISDIR(found.st_mode)
    if path.slash and not is_folder:
        raise NotFound()
    if is_folder and not path.slash:
        raise IsFolder()


def _nothing(_: object) -> None:
    """Check nothing, tell nobody."""


def _nothing_more() -> None:
    """Tell nobody."""
