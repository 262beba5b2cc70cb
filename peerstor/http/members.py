"""What an archive is made of, whatever its format."""

from collections.abc import Iterator

from attrs import frozen

#: Bytes of a file that are read at once while it is framed.
BLOCK = 128 * 1024


@frozen
class Member:
    """One file or folder of an archive.

    :param parts: the names from the archive's top down to it; never empty.
    :param is_folder: whether it is a folder, else a file.
    :param size: bytes of a file; 0 for a folder.
    :param mtime: whole seconds since the epoch, at or before it too.
    :param runnable: whether its owner may execute it.
    :param content: gives exactly `size` bytes in pieces, or raises; nothing for a folder. It is used up before the
        next member is asked for.
    """

    parts: tuple[bytes, ...]
    is_folder: bool
    size: int
    mtime: int
    runnable: bool
    content: Iterator[bytes]

    @property
    def mode(self) -> int:
        """The permissions that it is unpacked with: those that most files have, and nothing of whose it was."""
        return 0o755 if self.is_folder or self.runnable else 0o644
