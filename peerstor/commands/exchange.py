"""Exchanging files for others, all of them or none, whatever comes in between."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence

from peerstor.tree.syncing import sync_folder_at

Move = tuple[bytes, bytes]
"""Paths of a file before and after; nothing lies at the second one before."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Have what tells a process to end wait until the context is left, where it is obeyed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # Inside: one that came just before is raised out of this very call, which blocks the others all the same.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Moves:
    """Renames of files that are made together or not at all. Every method blocks."""

    def __init__(self, moves: Sequence[Move]) -> None:
        """Make none yet.

        :param moves: in the order in which they are to be made.
        """
        self._moves = moves
        self._begun: list[Move] = []

    def make(self) -> None:
        """Make them; durable. Raises OSError, and then some may be made."""
        for move in self._moves:
            # Noted before: whatever is raised may be raised behind it.
            self._begun.append(move)
            os.rename(*move)
        self._sync()

    def take_back(self) -> None:
        """Undo those that were made, the last one first; durable. Raises OSError, and then some may be left."""
        for source, target in reversed(self._begun):
            if _made(source, target):
                os.rename(target, source)
        self._sync()

    def _sync(self) -> None:
        for folder in sorted({os.path.dirname(path) for move in self._begun for path in move}):
            sync_folder_at(folder)


def _made(source: bytes, target: bytes) -> bool:
    """Tell whether a rename was made, which is all or nothing: the file lies at one end of it."""
    made = os.path.lexists(target)
    if made == os.path.lexists(source):
        raise OSError(f"{os.path.basename(source).decode('utf-8', 'backslashreplace')} isn't where it was")
    return made
