"""What a listing says, in each of its forms: a page, JSON, or one link a line."""

import msgspec
from attrs import frozen
from msgspec import Struct

from peerstor.tree.entries import Page
from peerstor.tree.pace import slices
from peerstor.web.folderview import View
from peerstor.web.frames import Frames
from peerstor.web.viewing.readmes import Readme
from peerstor.web.wanted import HTML, JSON


@frozen
class Listed:
    """What is answered to one look at a folder.

    :ivar following: the address of the page behind it; None for the last.
    """

    body: bytes
    following: str | None


def write(view: View, page: Page, frames: Frames, *, version: str, readme: Readme | None = None) -> Listed:
    """Write a page of a listing. Blocks for as long as that takes: some milliseconds for a thousand entries.

    :param version: of the folder, from before it was read.
    :param readme: what stands below the entries on the page.
    """
    if view.wanted.form == HTML:
        body = frames.page(view, page, version=version, readme=readme)
    else:
        body = _json(view, page) if view.wanted.form == JSON else _text(view, page)
    return Listed(body, view.next_page(page))


def _text(view: View, page: Page) -> bytes:
    below = view.links.below(view.path)
    return "".join([f"{below.to(entry.name, entry.is_folder)}\n" for entry in page.entries]).encode()


class _Item(Struct, frozen=True, gc=False):
    """An entry as JSON has it."""

    name: str
    href: str
    type: str
    size: int | None
    mtime: float


class _Listed(Struct, frozen=True):
    """A page as JSON has it."""

    path: str
    entries: list[_Item]
    next: str | None


def _json(view: View, page: Page) -> bytes:
    below = view.links.below(view.path)
    items = [
        _Item(
            entry.name.decode("utf-8", "replace"),
            below.to(entry.name, entry.is_folder),
            "folder" if entry.is_folder else "file",
            entry.size,
            entry.mtime_ns / 10**9,  # as near as a float comes to it
        )
        for some in slices(page.entries)
        for entry in some
    ]
    return msgspec.json.encode(_Listed(view.links.seen(view.path).display(), items, page.next))
