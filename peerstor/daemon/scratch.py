"""Folders that a command needs for a moment, hidden from every client by their names."""

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator

LEFT = 3600.0
"""Seconds after which such a folder was left behind by a process that was killed; no command takes as long."""

_NAME = re.compile(rb"\.peerstor-[0-9a-f]{32}\.scratch")


@contextlib.contextmanager
def scratch_folder(parent: bytes) -> Iterator[bytes]:
    """Make an empty folder for its owner alone, and remove it with all that is in it. Blocks.

    :raise OSError: it can't be made.
    """
    _remove_left(parent)
    path = os.path.join(parent, b".peerstor-%s.scratch" % secrets.token_hex(16).encode())
    os.mkdir(path, 0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _remove_left(parent: bytes) -> None:
    """Remove what killed processes of this user left behind: it may hold copies of secrets."""
    with os.scandir(parent) as entries:
        named = [entry for entry in entries if _NAME.fullmatch(entry.name)]
    for entry in named:
        with contextlib.suppress(OSError):
            found = entry.stat(follow_symlinks=False)
            if found.st_uid == os.geteuid() and found.st_mtime < time.time() - LEFT:
                shutil.rmtree(entry.path)
