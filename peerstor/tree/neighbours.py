"""The files before and behind a file of its folder, in the order of their names."""

import os
import stat

from attrs import frozen

from peerstor.tree.entries import name_order
from peerstor.tree.faults import fault_of_reading
from peerstor.tree.pace import Pace
from peerstor.tree.paths import is_private
from peerstor.tree.sandbox import Opened, Sandbox

LOOK_AT_MOST = 20_000
"""Entries of a folder that are looked at for this, about 40 ms. A folder has no order of its own, so all of it
has to be gone through for each file that somebody looks at: in a larger one nothing is told."""


@frozen
class Neighbours:
    """Names of files; None where there is none, or the folder is too large to tell."""

    previous: bytes | None
    following: bytes | None


NONE = Neighbours(None, None)


def neighbours(sandbox: Sandbox, folder: Opened, name: bytes) -> Neighbours:
    """Find the files before and behind a name, which itself need not be there any more. Blocks.

    :raise Forbidden, StorageUnavailable, Overloaded: the folder can't be read.
    """
    here = name_order(name)
    before: tuple[str, bytes] | None = None
    behind: tuple[str, bytes] | None = None
    try:
        with os.scandir(folder.fd) as items:
            for count, item in enumerate(Pace().through(items)):
                if count >= LOOK_AT_MOST:
                    return NONE
                found = os.fsencode(item.name)
                order = name_order(found)
                # Links are followed only where it matters: the nearest are few.
                if order < here and (before is None or order > before[0]):
                    before = (order, found) if _is_file(sandbox, folder, item, found) else before
                elif order > here and (behind is None or order < behind[0]):
                    behind = (order, found) if _is_file(sandbox, folder, item, found) else behind
    except OSError as error:
        raise fault_of_reading(error) from error
    return Neighbours(before and before[1], behind and behind[1])


def _is_file(sandbox: Sandbox, folder: Opened, item: "os.DirEntry[str]", name: bytes) -> bool:
    """Tell whether a reader finds a file there."""
    if is_private(name):
        return False
    if not item.is_symlink():
        return item.is_file(follow_symlinks=False)
    found = sandbox.lookup(folder, name)
    return found is not None and stat.S_ISREG(found.st_mode)
