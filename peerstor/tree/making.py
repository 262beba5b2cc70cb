"""Making folders."""

import os
from collections.abc import Callable

from peerstor.errors import Exists, NoParent, NotFound
from peerstor.tree.faults import stated
from peerstor.tree.naming import TRIES, Conflict
from peerstor.tree.paths import TreePath, check_depth, check_new_name
from peerstor.tree.placing import free_name, lstat
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.standing import check_stands
from peerstor.tree.syncing import sync_folder
from peerstor.tree.turns import Turns


class FolderMaker:
    """Makes folders in the storage. All methods block; call them in a thread."""

    def __init__(self, *, sandbox: Sandbox, turns: Turns, fsync: bool) -> None:
        """Make folders in `sandbox`.

        :param turns: at folders, by (device, inode); those of the `Publisher`.
        :param fsync: whether a folder is on the disk before it counts as made.
        """
        self._sandbox = sandbox
        self._turns = turns
        self._fsync = fsync

    def make(self, path: TreePath, *, conflict: Conflict = Conflict.REFUSE) -> TreePath:
        """Make one folder, and tell which path it got. Blocks.

        :param conflict: what to do when the name is taken: another name (RENAME), or nothing.
        :raise NoParent, NotFound: the folder above it is absent, or no client's business.
        :raise BadName: the name may not be given.
        :raise BadRequest: it would lie too deep.
        :raise Exists: it is taken.
        :raise NoSpace, StorageUnavailable: the disk is full, or cannot be written.
        """
        if not path.parts:
            raise Exists()
        with self._sandbox.parent_of(path) as folder, stated(folder.fd):
            check_new_name(path.name)
            check_depth(len(folder.real))
            with self._turns.take((folder.stat.st_dev, folder.stat.st_ino)):
                check_stands(self._sandbox, folder, path)
                name = path.name
                for _ in range(TRIES):
                    if lstat(folder, name) is None and _made(folder.fd, name):
                        break
                    if conflict is not Conflict.RENAME:
                        raise Exists()
                    name = free_name(folder, path.name)
                else:
                    raise Exists()
            if self._fsync:
                sync_folder(folder.fd)
        return path.parent.child(name, slash=True)

    def make_above(self, path: TreePath, *, may: Callable[[TreePath], bool]) -> None:
        """Make whatever is missing of the folders above a path. Blocks.

        :param may: tells whether a folder may be made; asked for each that is missing.
        :raise NoParent: one may not be made, or something else is in its place.
        :raise BadName, BadRequest, NoSpace, StorageUnavailable: as in `make`.
        """
        try:
            self._sandbox.parent_of(path).close()
        except NoParent:
            check_depth(len(path.parts) - 2)  # before each folder on the way is looked for
        else:
            return
        for count in range(1, len(path.parts)):
            folder = TreePath(path.parts[:count], slash=True, within=min(path.within, count))
            try:
                self._sandbox.folder(folder).close()
            except NotFound:
                if count < path.within or not may(folder):
                    raise NoParent() from None
                try:
                    self.make(folder)
                except Exists:
                    raise NoParent() from None


def _made(dir_fd: int, name: bytes) -> bool:
    try:
        os.mkdir(name, dir_fd=dir_fd)
    except FileExistsError:
        return False
    return True
