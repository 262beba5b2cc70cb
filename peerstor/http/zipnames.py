"""Names that every program for zip files unpacks to the same."""

import os
import re

NAME_BYTES = 255
"""Of UTF-8, the most that most file systems take for one name."""

_REPLACED = re.compile(r"\ufffd+")


class ZipNames:
    """Gives the members of one archive their names, which are text there, with `/` between them.

    A name that is UTF-8 is kept, but for a backslash: some programs take it for a `/`, and with `..` before it, it
    would lead out of where the archive is unpacked. Both it and runs of bytes that are no UTF-8 become U+FFFD, and
    a number tells names apart that have become the same.

    Members come folder by folder: one is followed by all that it holds.
    """

    def __init__(self) -> None:
        self._above: list[tuple[bytes, str]] = []
        # No other name can become that of something else.
        self._taken: set[str] = set()

    def of(self, parts: tuple[bytes, ...], *, is_folder: bool) -> str:
        """Name a member; a folder's ends in `/`.

        :param parts: the names from the archive's top down to it.
        """
        depth = len(parts) - 1
        del self._above[depth:]
        for name in parts[len(self._above) : depth]:  # a folder that was never told of
            self._above.append((name, self._placed(name)))
        text = self._placed(parts[-1])
        if is_folder:
            self._above.append((parts[-1], text))
        return f"{text}/" if is_folder else text

    def _placed(self, name: bytes) -> str:
        """Give the whole name of something in the folder that was come to."""
        folder = f"{self._above[-1][1]}/" if self._above else ""
        text = name.decode("utf-8", "replace").replace("\\", "\ufffd")
        if "\ufffd" not in text:
            return folder + text
        text, number = _shortened(_REPLACED.sub("\ufffd", text)), 1
        placed = folder + text
        while placed in self._taken:
            number += 1
            placed = folder + _shortened(text, f" ({number})")
        self._taken.add(placed)
        return placed


def _shortened(text: str, mark: str = "") -> str:
    """Put a mark before a name's suffix, and take from its stem what is too long."""
    stem, suffix = os.path.splitext(text)
    if len(suffix.encode()) > 32:  # a sentence with a full stop in it
        stem, suffix = text, ""
    room = NAME_BYTES - len((mark + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + mark + suffix
