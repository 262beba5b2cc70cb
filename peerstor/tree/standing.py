"""Whether a folder that was opened to change names in it still has its place, once its turn has come.

Whoever has a folder open can add to it wherever it lies, be it in the trash. So whoever takes one away tells so,
and whoever has a turn after that looks again. To lose nothing of a folder that was copied takes more: the turns at
all folders in it, held from the last look on until it is told.
"""

import os

from peerstor.errors import NoParent
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Opened, Sandbox


def tell_gone(sandbox: Sandbox) -> None:
    """Have everybody look again who has opened a folder to change names in it, and hasn't had the turn yet."""
    sandbox.era = object()


def check_stands(sandbox: Sandbox, folder: Opened, path: TreePath) -> None:
    """Refuse to change a name in a folder that has lost its place since it was opened. Blocks.

    :param folder: what `Sandbox.parent_of` gave for `path`; the caller has the turn at it.
    :raise NoParent: it is gone, or another one is there.
    """
    if folder.era is sandbox.era:
        return
    with sandbox.parent_of(path) as present:
        if not os.path.samestat(present.stat, folder.stat):
            raise NoParent()
