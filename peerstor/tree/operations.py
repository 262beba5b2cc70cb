"""What can be done to entries of the tree, beside giving complete files their names."""

from attrs import frozen

from peerstor.tree.making import FolderMaker
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.turns import Turns


@frozen
class Operations:
    """The services of one storage that make, move and copy what lies in it."""

    folders: FolderMaker

    @classmethod
    def of(cls, *, sandbox: Sandbox, turns: Turns, fsync: bool) -> "Operations":
        """Build them all.

        :param turns: at folders, by (device, inode); those of the `Publisher`.
        :param fsync: whether a change is on the disk before it counts as made.
        """
        return cls(folders=FolderMaker(sandbox=sandbox, turns=turns, fsync=fsync))
