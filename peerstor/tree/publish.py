"""How bytes that are complete become a file under a name, and how a name goes away again."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from enum import Enum

from attrs import frozen

from peerstor.errors import (
    BadName,
    Exists,
    Forbidden,
    IsFolder,
    NoParent,
    NoSpace,
    NotFound,
    StorageUnavailable,
)
from peerstor.tree.faults import UNLINKABLE, fault_of
from peerstor.tree.paths import TreePath, check_new_name, numbered
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.trash import Trash, copy_bytes
from peerstor.tree.turns import Turns

# How often a name that somebody outside PeerStor takes in the last moment is chosen anew.
TRIES = 100

Check = Callable[[os.stat_result | None], None]
Intent = Callable[[bytes], None]

_sync_data = getattr(os, "fdatasync", os.fsync)


class Conflict(Enum):
    """What to do when the name is taken."""

    RENAME = "rename"
    REPLACE = "replace"
    REFUSE = "refuse"


@frozen
class Part:
    """Where complete bytes lie before they have their name.

    :ivar dir_fd: the folder that the part file lies in.
    :ivar name: its name there.
    :ivar fd: the part file itself, open for reading at least. All three stay the caller's.
    """

    dir_fd: int
    name: bytes
    fd: int


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
        )
        self._sync_part(part)
        with self._sandbox.parent_of(target) as folder, _stated(folder.fd):
            if os.fstat(part.fd).st_dev != folder.stat.st_dev:
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
        with folder, _stated(folder.fd):
            if not _holds(folder, target.name, part):
                return False
            self._sync_folder(folder)
            with suppress(FileNotFoundError):
                os.unlink(_near_name(part), dir_fd=folder.fd)
            with suppress(FileNotFoundError):
                os.unlink(part.name, dir_fd=part.dir_fd)
            return True

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
        with folder, _stated(folder.fd):
            with self._turn(folder):
                found = self._sandbox.lookup(folder, path.name)
                _check_kind(found, path)
                (check or _nothing)(found)
                self._trash.move(folder.fd, path.name, path, by)
            self._sync_folder(folder)

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
            present = _lstat(folder, order.target.name)
            seen = None if present is None else self._sandbox.lookup(folder, order.target.name)
            order.check(seen)
            name = _choose(folder, order, present, seen)
            order.intent(name)
            if present is not None and name == order.target.name:
                self._replace(part, folder, order)
                return name, True
            if _add(part, folder, name):
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
        near = _copy_near(part, folder)
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
            with _stated(part.fd):
                _sync_data(part.fd)

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
        return _free_name(folder, name)
    if order.conflict is Conflict.REFUSE or any(stat.S_ISDIR(one.st_mode) for one in (present, seen or present)):
        raise Exists()
    if not order.may_replace:
        raise Forbidden()
    return name


def _free_name(folder: Opened, name: bytes) -> bytes:
    """A numbered name that is free, in a number of looks that grows with the logarithm of the numbers taken.

    Without gaps it is the first free one; with gaps, the first after some run of taken ones.
    """
    taken, free = 1, 2
    while _lstat(folder, numbered(name, free)) is not None:
        taken, free = free, free * 2
    while free - taken > 1:
        middle = (taken + free) // 2
        if _lstat(folder, numbered(name, middle)) is None:
            free = middle
        else:
            taken = middle
    return numbered(name, free)


def _add(part: Part, folder: Opened, name: bytes) -> bool:
    """Give the part a name that was free a moment ago; False when it no longer is.

    A hard link refuses a taken name, which a rename would overwrite. Where there are no hard links, a last look
    must do: another program could still slip in between, but a crash leaves nothing half-made.
    """
    try:
        os.link(part.name, name, src_dir_fd=part.dir_fd, dst_dir_fd=folder.fd, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in UNLINKABLE or error.errno == errno.EXDEV:
            raise
        if _lstat(folder, name) is not None:
            return False
        os.rename(part.name, name, src_dir_fd=part.dir_fd, dst_dir_fd=folder.fd)
    return True


def _copy_near(part: Part, folder: Opened) -> Part:
    name = _near_name(part)
    # One of an earlier attempt that a crash cut off.
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder.fd)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, stat.S_IMODE(os.fstat(part.fd).st_mode) & 0o777, dir_fd=folder.fd)
    try:
        copy_bytes(part.fd, fd)
    except BaseException:
        os.close(fd)
        os.unlink(name, dir_fd=folder.fd)
        raise
    return Part(dir_fd=folder.fd, name=name, fd=fd)


def _near_name(part: Part) -> bytes:
    return b".peerstor-%s.copy" % part.name


def _holds(folder: Opened, name: bytes, part: Part) -> bool:
    """Whether the file `name` is the part: the same inode, or, of a copy, the same bytes."""
    found, ours = _lstat(folder, name), os.fstat(part.fd)
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != ours.st_size:
        return False
    if (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino):
        return True
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
    try:
        return _same_bytes(fd, part.fd, ours.st_size)
    finally:
        os.close(fd)


def _same_bytes(one: int, other: int, size: int) -> bool:
    block = 1 << 20
    return all(os.pread(one, block, at) == os.pread(other, block, at) for at in range(0, size, block))


def _check_kind(found: os.stat_result | None, path: TreePath) -> None:
    if found is None:
        raise NotFound()
    is_folder = stat.S_ISDIR(found.st_mode)
    if path.slash and not is_folder:
        raise NotFound()
    if is_folder and not path.slash:
        raise IsFolder()


def _lstat(folder: Opened, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextmanager
def _stated(fd: int) -> Iterator[None]:
    """Turn errors of the system into faults, as they look from the writing side.

    :param fd: something on the disk in question.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # some file systems allow less than 255 bytes
            raise BadName() from error
        fault = fault_of(error)
        if isinstance(fault, NoSpace):
            fault = NoSpace(free=_free_bytes(fd))
        elif isinstance(fault, NotFound):
            # The names were there when we looked: the folder has been removed since, or our own part has.
            fault = NoParent() if _is_removed(fd) else StorageUnavailable(reason=str(error))
        raise fault from error


def _free_bytes(fd: int) -> int | None:
    try:
        disk = os.fstatvfs(fd)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _is_removed(fd: int) -> bool:
    try:
        return os.fstat(fd).st_nlink == 0
    except OSError:
        return True


def _nothing(_: object) -> None:
    """Check nothing, tell nobody."""
