"""The folders that one visit to the disk needs, each looked up once."""

from types import TracebackType
from typing import Self

from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Opened, Sandbox


class Folders:
    """Opens folders through the sandbox, and again what it has open. Blocks; use it in a `with`, in one thread.

    It is for work of milliseconds: whoever comes later gets the folder as it is then.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        """Begin with none."""
        self._sandbox = sandbox
        self._open: dict[tuple[tuple[bytes, ...], int], Opened] = {}

    def parent_of(self, path: TreePath) -> Opened:
        """Give the folder that holds a path's last name; it stays ours to close.

        :raise NotFound, NoParent, StorageUnavailable, Overloaded: as `Sandbox.parent_of`.
        """
        key = path.parts[:-1], path.within
        if path.parts and key in self._open:
            if path.has_private:
                return self._sandbox.parent_of(path)  # raises
            return self._open[key]
        folder = self._sandbox.parent_of(path)
        self._open[key] = folder
        return folder

    def __enter__(self) -> Self:
        """See the class."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them all."""
        for folder in self._open.values():
            folder.close()
