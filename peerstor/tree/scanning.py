"""Reading a folder that stays open, and that several may read at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def scanned(dir_fd: int) -> Iterator[Iterator["os.DirEntry[str]"]]:
    """Read what lies in a folder, for the length of a `with`; whoever else reads it meanwhile sees all of it too.

    `os.scandir` makes a duplicate of the descriptor that it is given, and duplicates share their place in the
    folder (dup(2)): of two who read by the same descriptor at once, each gets only what the other doesn't.

    :raise OSError: it can't be read.
    """
    own = os.open(".", _FOLDER, dir_fd=dir_fd)
    try:
        with os.scandir(own) as entries:
            yield entries
    finally:
        os.close(own)
