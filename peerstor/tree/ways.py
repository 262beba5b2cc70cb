"""Finding out, without waiting for a disk, where a path leads by now."""

import os

from peerstor.tree.openat2 import AT_FDCWD, CACHED, LOOK, Unavailable, openat2
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox


def leads_to(sandbox: Sandbox, path: TreePath) -> tuple[int, int] | None:
    """Tell what lies at a path, if its way is the plain one. Doesn't block.

    It may be private or a device: whoever asks knows which thing the sandbox has found there before.

    :return: (device, inode); None where there is nothing, a link or another mount is on the way, the storage isn't
        the one that it was, or the kernel would have to ask the disk.
    """
    try:
        root = openat2(AT_FDCWD, sandbox.root, CACHED)
        if root < 0:
            return None
        try:
            found = _identity(root)
            if found != sandbox.identity or not path.parts:
                return found if found == sandbox.identity else None
            last = openat2(root, path.joined, LOOK)
        finally:
            os.close(root)
    except (Unavailable, OSError):
        return None
    if last < 0:
        return None
    try:
        return _identity(last)
    finally:
        os.close(last)


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
