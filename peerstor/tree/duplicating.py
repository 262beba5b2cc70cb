"""Copies of files and folders, beside them or elsewhere in the storage."""

import os
from collections.abc import Callable

from peerstor.errors import Exists
from peerstor.tree.copying import Copying
from peerstor.tree.faults import stated
from peerstor.tree.moving import check_not_inside
from peerstor.tree.naming import TRIES, Conflict, choose
from peerstor.tree.paths import TreePath, is_private
from peerstor.tree.placing import lstat
from peerstor.tree.renameat2 import rename_new
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.staging import Stage
from peerstor.tree.standing import check_stands
from peerstor.tree.syncing import sync_folder
from peerstor.tree.turns import Turns


class Duplicator:
    """Copies what lies in the storage. All methods block; call them in a thread.

    A copy is built under a private name and appears under its own by one rename, whole and on the disk. It takes
    no other's place.
    """

    def __init__(self, *, sandbox: Sandbox, turns: Turns, stage: Stage, fsync: bool) -> None:
        """Copy what lies in `sandbox`.

        :param turns: at folders, by (device, inode); those of the `Publisher`.
        :param fsync: whether a copy is on the disk before it counts as made.
        """
        self._sandbox = sandbox
        self._turns = turns
        self._stage = stage
        self._fsync = fsync

    def copy(
        self, source: TreePath, target: TreePath, *, conflict: Conflict, unwanted: Callable[[], bool]
    ) -> TreePath:
        """Copy a file or folder, and tell which path the copy got. Blocks.

        What a reader of the source would see is copied: of a link, what it leads to. Links in a folder stay links,
        if they would lead nowhere out of the floor of the target from there; others are left out, as whatever is
        neither file nor folder.

        :param conflict: what to do when the name is taken: RENAME or REFUSE.
        :param unwanted: asked often whether to give up, which leaves no trace.
        :raise NotFound: there is nothing to copy, or no client's business.
        :raise NoParent: the folder that should hold the copy is absent.
        :raise BadRequest: a folder would come to lie in itself, or too deep.
        :raise BadName, Exists: the name may not be given; is taken.
        :raise Forbidden: something may not be read.
        :raise TooManyEntries: it has more entries than are copied in one go.
        :raise Unwanted: it was given up.
        :raise NoSpace, StorageUnavailable: the disk is full, or cannot be written.
        """
        if not target.parts:
            raise Exists()
        with (
            self._sandbox.open(source) as opened,
            self._sandbox.parent_of(target) as folder,
            stated(folder.fd),
        ):
            known = source.name == target.name
            check_not_inside(self._sandbox, opened.stat, folder)
            # Told before the work, too; what counts is told after it.
            self._choose(folder, target, conflict, known=known)
            with self._stage.beside(folder) as built:
                with self._copying(folder, target, unwanted) as copying:
                    copying.copy_open(opened.fd, folder.fd, built)
                name = self._take(folder, built, target, conflict, known=known)
                if self._fsync:
                    sync_folder(folder.fd)
            return target.parent.child(name, slash=opened.is_folder)

    def _copying(self, folder: Opened, target: TreePath, unwanted: Callable[[], bool]) -> Copying:
        def keeps(says: bytes, names: tuple[bytes, ...]) -> bool:
            place = (*folder.real, target.name, *names[:-1])
            return stays_inside(says, place, floor=folder.floor, root=self._sandbox.root)

        return Copying(
            hides=self._sandbox.hides,
            keeps=keeps,
            unwanted=unwanted,
            fsync=self._fsync,
            depth=len(folder.real),
        )

    def _choose(self, folder: Opened, target: TreePath, conflict: Conflict, *, known: bool) -> bytes:
        return choose(
            folder,
            target.name,
            conflict=conflict,
            may_replace=False,
            present=lstat(folder, target.name),
            seen=None,
            known=known,
        )

    def _take(self, folder: Opened, built: bytes, target: TreePath, conflict: Conflict, *, known: bool) -> bytes:
        with self._turns.take((folder.stat.st_dev, folder.stat.st_ino)):
            check_stands(self._sandbox, folder, target)
            for _ in range(TRIES):
                name = self._choose(folder, target, conflict, known=known)
                if rename_new(folder.fd, built, folder.fd, name):
                    return name
        raise Exists()


def stays_inside(says: bytes, place: tuple[bytes, ...], *, floor: tuple[bytes, ...], root: bytes) -> bool:
    """Tell whether a link leads nowhere out of a floor, by the names in it alone.

    Whoever follows it is led by the sandbox, which looks at what is there; this keeps a copy from planting what
    would only ever lead elsewhere.

    :param says: what the link says.
    :param place: the names from the root to the folder that it lies in.
    :param floor: the names from the root to the floor.
    :param root: the path of the storage.
    """
    names = [*place]
    if says.startswith(b"/"):
        base = os.path.join(root, b"")
        if not says.startswith(base):
            return False
        says, names = says[len(base) :], []
    for part in says.split(b"/"):
        if part == b"..":
            if not names:
                return False
            names.pop()
        elif part not in (b"", b"."):
            names.append(part)
    return tuple(names[: len(floor)]) == floor and not any(map(is_private, names))
