"""What can be done to entries of the tree, beside giving complete files their names."""

from attrs import frozen

from peerstor.tree.duplicating import Duplicator
from peerstor.tree.making import FolderMaker
from peerstor.tree.moving import Mover
from peerstor.tree.private import PrivateFolder
from peerstor.tree.restoring import Restorer
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.staging import Stage
from peerstor.tree.trash import Trash
from peerstor.tree.turns import Turns


@frozen
class Operations:
    """The services of one storage that make, move and copy what lies in it.

    :ivar stage: to be swept once at the start.
    """

    stage: Stage
    folders: FolderMaker
    mover: Mover
    duplicator: Duplicator
    restorer: Restorer

    @classmethod
    def of(
        cls, *, sandbox: Sandbox, private: PrivateFolder, trash: Trash, turns: Turns, fsync: bool
    ) -> "Operations":
        """Build them all.

        :param turns: at folders, by (device, inode); those of the `Publisher`.
        :param fsync: whether a change is on the disk before it counts as made.
        """
        stage = Stage(private=private, sandbox=sandbox, fsync=fsync)
        folders = FolderMaker(sandbox=sandbox, turns=turns, fsync=fsync)
        return cls(
            stage=stage,
            folders=folders,
            mover=Mover(sandbox=sandbox, trash=trash, turns=turns, stage=stage, fsync=fsync),
            duplicator=Duplicator(sandbox=sandbox, turns=turns, stage=stage, fsync=fsync),
            restorer=Restorer(
                sandbox=sandbox, trash=trash, turns=turns, stage=stage, folders=folders, fsync=fsync
            ),
        )
