"""The README of a folder, below its listing."""

from attrs import evolve, frozen
from markupsafe import Markup

from peerstor.errors import Fault, NotFound
from peerstor.tree.entries import Entry, Page
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.web.links import Links
from peerstor.web.viewing.content import read_whole
from peerstor.web.viewing.documents import Documents

NAMES = (b"README.md", b"readme.md", b"Readme.md", b"README.markdown", b"readme.markdown")
"""Under which it is found, the first first."""

AT_MOST = 128 * 1024
"""Bytes: a longer one is only linked."""

SECONDS = 0.5
"""Of the processor that it may take; whoever looks at the folder waits for it."""


@frozen
class Readme:
    """What stands below a listing.

    :param document: None where it is only linked, because it is too long.
    """

    name: bytes
    document: Markup | None


def readme_of(sandbox: Sandbox, folder: Opened, page: Page) -> Entry | None:
    """Find a folder's README: on the first page of its listing, or else by its name. Blocks."""
    found = {entry.name: entry for entry in page.entries if entry.name in _WANTED and not entry.is_folder}
    for name in NAMES:
        if name in found:
            return found[name]
    return None if page.next is None else _looked_up(sandbox, folder)


_WANTED = frozenset(NAMES)


def _looked_up(sandbox: Sandbox, folder: Opened) -> Entry | None:
    for name in NAMES:
        try:
            with sandbox.child(folder, name) as opened:
                if not opened.is_folder:
                    found = opened.stat
                    return Entry(name, False, found.st_size, found.st_mtime_ns, found.st_ino)
        except Fault:
            continue
    return None


def with_readme(page: Page, readme: Entry | None) -> Page:
    """Give a page as one that also tells of the README, for whoever has to watch all that it tells."""
    if readme is None or readme in page.entries:
        return page
    return evolve(page, entries=(*page.entries, readme))


class Readmes:
    """Reads READMEs. For threads; each method blocks."""

    def __init__(self, *, sandbox: Sandbox, documents: Documents) -> None:
        """Read what the sandbox has."""
        self._sandbox = sandbox
        self._documents = documents

    def read(self, folder: Opened, path: TreePath, name: bytes, links: Links) -> Readme | None:
        """Read a README; None where it can't be.

        :param folder: open; its README is read by way of it.
        :param path: of the folder.
        :param links: of the view that it is shown in.
        """
        try:
            with self._opened(folder, path, name) as opened:
                if opened.is_folder:
                    return None
                if opened.stat.st_size > AT_MOST:
                    return Readme(name, None)
                content = read_whole(opened)
                shown = self._documents.shown(opened, content, folder=path, links=links, seconds=SECONDS)
                return Readme(name, shown)
        except Fault:  # the listing is there all the same
            return None

    def _opened(self, folder: Opened, path: TreePath, name: bytes) -> Opened:
        try:
            return self._sandbox.child(folder, name)
        except NotFound:  # a link; its listing isn't kept
            return self._sandbox.open(path.child(name))
