"""Making folders, and how deep."""

import os

from peerstor.errors import BadRequest, NoParent
from peerstor.tree.making import FolderMaker
from peerstor.tree.naming import Conflict
from peerstor.tree.paths import DEEPEST, TreePath
from peerstor.tree.turns import Turns
from tests.tree.scaffold import StorageCase, path


class DepthTests(StorageCase):
    """Folders in one another."""

    def setUp(self) -> None:
        super().setUp()
        self.maker = FolderMaker(sandbox=self.sandbox, turns=Turns(), fsync=False)

    def deep(self, count: int) -> TreePath:
        """Make so many folders in one another, as their owner can."""
        folder = TreePath((b"d",) * count, slash=True)
        os.makedirs(self.at(folder.joined))
        return folder

    def test_deepest(self) -> None:
        """As many as may be in one another are; one more isn't made, whatever it is called."""
        deepest = self.maker.make(self.deep(DEEPEST - 1).child(b"last", slash=True))
        for conflict in (Conflict.REFUSE, Conflict.RENAME):
            fault = self.assertRaises(
                BadRequest, self.maker.make, deepest.child(b"d", slash=True), conflict=conflict
            )
            self.assertIn(str(DEEPEST), fault.reason)
        self.assertEqual(os.listdir(self.at(deepest.joined)), [])

    def test_by_a_link(self) -> None:
        """It is the folders themselves that count, not the names by which somebody came."""
        os.symlink(self.deep(DEEPEST).joined, self.at(b"link"))
        self.assertRaises(BadRequest, self.maker.make, path("/link/x/"))

    def test_above(self) -> None:
        """Those above something are made as deep, and none of those that would lie deeper; what is there may be."""
        self.maker.make_above(TreePath((b"a",) * (DEEPEST + 1), slash=False), may=lambda _: True)
        self.assertTrue(os.path.isdir(self.at(b"/".join([b"a"] * DEEPEST))))
        self.assertRaises(
            BadRequest,
            self.maker.make_above,
            TreePath((b"b",) * (DEEPEST + 2), slash=False),
            may=lambda _: True,
        )
        self.assertFalse(os.path.exists(self.at(b"b")))
        self.maker.make_above(self.deep(DEEPEST + 5).child(b"x"), may=lambda _: False)
        self.assertRaises(NoParent, self.maker.make_above, path("/none/x"), may=lambda _: False)
