"""The notes of the trash: what something was called, where it lay, who took it away and when."""

import json
import os
import stat
from typing import Any

from attrs import frozen

from peerstor.errors import BadPath
from peerstor.tree.paths import TreePath, quote_name


@frozen
class Note:
    """What is known of one thing in the trash.

    :ivar path: by which name it was taken away; a folder's with its `/`.
    :ivar real: the names from the root to where it lay, every link on the way resolved.
    :ivar size: bytes; None for a folder.
    :ivar when: seconds since the epoch.
    :ivar by: name of the principal.
    """

    path: TreePath
    real: tuple[bytes, ...]
    size: int | None
    when: float
    by: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.size is None


def note_of(
    found: os.stat_result, original: TreePath, real: tuple[bytes, ...] | None, when: float, by: str
) -> dict[str, Any]:
    """Give a note as it is written.

    :param found: what lstat says of the thing.
    :param real: see `Note`; None or the path's own names where no link was on the way.
    """
    note = {
        "path": original.display(),
        "href": _href(original.parts),
        "when": when,
        "by": by,
        "size": None if stat.S_ISDIR(found.st_mode) else found.st_size,
    }
    return note if real in (None, original.parts) else {**note, "real": _href(real or ())}


def read_note(dir_fd: int, name: str) -> Note | None:
    """Read a note; None where there is none that could be understood. Blocks.

    :raise OSError: it can't be read.
    """
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        text = file.read()
    try:
        told = json.loads(text)
        path = TreePath.from_url(told["href"].encode("ascii"))
        real = TreePath.from_url(told.get("real", told["href"]).encode("ascii"))
        size = None if told["size"] is None else int(told["size"])
        return Note(
            path=TreePath(path.parts, slash=size is None),
            real=real.parts,
            size=size,
            when=float(told["when"]),
            by=str(told["by"]),
        )
    except (BadPath, ValueError, KeyError, TypeError, AttributeError):
        return None  # made by hand, or cut off by a crash


def _href(parts: tuple[bytes, ...]) -> str:
    return "/" + "/".join(map(quote_name, parts))
