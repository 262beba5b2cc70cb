"""Reading what a page shows of a file."""

import os

from attrs import frozen
from markupsafe import Markup

from peerstor.errors import Forbidden
from peerstor.tree.faults import fault_of_reading
from peerstor.tree.neighbours import NONE, Neighbours, neighbours
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.web.links import Links
from peerstor.web.viewing.documents import Documents
from peerstor.web.viewing.kinds import TEXT_AT_MOST, Kind, kind_of, looks_like_text

SECONDS = 2.0
"""Of the processor that a document may take: about 400 KiB of what people write."""


@frozen
class Shown:
    """What is shown of a file.

    :param kind: by what means; OTHER for what is offered to download.
    :param size: bytes.
    :param mtime: seconds since the epoch.
    :param text: of text, code, and of Markdown that isn't rendered.
    :param document: of Markdown.
    """

    kind: Kind
    size: int
    mtime: float
    text: str | None
    document: Markup | None
    beside: Neighbours


class Contents:
    """Reads files to show them. For threads; each method blocks."""

    def __init__(self, *, sandbox: Sandbox, documents: Documents, links: Links) -> None:
        """Show what the sandbox has."""
        self._sandbox = sandbox
        self._documents = documents
        self._links = links

    def of(self, path: TreePath, *, with_neighbours: bool) -> Shown | None:
        """Read a file; None for a folder.

        :param with_neighbours: whether whoever looks may see what else is in its folder.
        :raise NotFound, Forbidden, StorageUnavailable, Overloaded: as `Sandbox.open`.
        """
        with self._sandbox.open(path) as opened:
            if opened.is_folder:
                return None
            kind, content = self._read(opened, kind_of(path.name))
            document = self._document(opened, content, path) if kind is Kind.MARKDOWN else None
            text = None if content is None or document is not None else _decoded(content)
            beside = self._beside(path) if with_neighbours else NONE
            return Shown(kind, opened.stat.st_size, opened.stat.st_mtime, text, document, beside)

    def _read(self, opened: Opened, kind: Kind) -> tuple[Kind, bytes | None]:
        """Read what is text; what turns out to be none, or is too long, can only be downloaded."""
        if kind not in (Kind.TEXT, Kind.MARKDOWN, Kind.UNKNOWN):
            return kind, None
        if opened.stat.st_size > TEXT_AT_MOST:
            return Kind.OTHER, None
        content = read_whole(opened)
        if kind is Kind.UNKNOWN:
            return (Kind.TEXT, content) if content and looks_like_text(content) else (Kind.OTHER, None)
        return kind, content

    def _document(self, opened: Opened, content: bytes | None, path: TreePath) -> Markup | None:
        return self._documents.shown(
            opened, content or b"", folder=path.parent, links=self._links, seconds=SECONDS
        )

    def _beside(self, path: TreePath) -> Neighbours:
        try:
            with self._sandbox.folder(path.parent) as folder:
                return neighbours(self._sandbox, folder, path.name)
        except Forbidden:  # a folder may be passed through without being read
            return NONE


def read_whole(opened: Opened) -> bytes:
    """Read an open file of moderate size, as long as it was when it was opened. Blocks.

    :raise StorageUnavailable, Forbidden: it can't be read.
    """
    pieces, place, size = [], 0, opened.stat.st_size
    try:
        while place < size and (piece := os.pread(opened.fd, size - place, place)):
            pieces.append(piece)
            place += len(piece)
    except OSError as error:
        raise fault_of_reading(error) from error
    return b"".join(pieces)


def _decoded(content: bytes) -> str:
    return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
