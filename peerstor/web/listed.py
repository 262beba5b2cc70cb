"""What a listing says, in each of its forms: a page, JSON, or one link a line."""

from typing import Any

import msgspec
from attrs import frozen
from markupsafe import Markup
from msgspec import Struct

from peerstor.sentences import Sentence
from peerstor.tree.entries import Entry, Page
from peerstor.tree.paths import TreePath, quote_name
from peerstor.web.links import OWN_NAMES, Links
from peerstor.web.pages import Pages
from peerstor.web.rows import rows, seconds
from peerstor.web.viewing.codes import code_address
from peerstor.web.viewing.readmes import Readme
from peerstor.web.viewing.targets import VIEW, view_address
from peerstor.web.visitors import Visitor
from peerstor.web.wanted import HTML, JSON, Sort, Wanted

# Where the rows belong. The page around them isn't ASCII: joined as text they would be widened, and encoded one by
# one, which takes longer than to write them. No name or note can look like this once it is escaped.
_ROWS = Markup("<!--rows-->")


# Where what depends on the entries begins. No name can look like this once it is escaped.
_START = b'<section id="listing"'

_NOTHING = Page(entries=(), next=None)


@frozen
class Listed:
    """What is answered to one look at a folder.

    :ivar following: the address of the page behind it; None for the last.
    """

    body: bytes
    following: str | None


@frozen
class View:
    """One look at a folder: all that decides, beside what lies there, what its listing says.

    :param path: of the folder.
    :param floor: how many of its leading parts no link may lead out of (`TreePath.within`).
    :param links: of the view that it is shown in.
    :param language: that the page is written in.
    :param note: what stands above its entries on the page.
    :param may_share, may_create, may_change: what whoever looks may do there.
    """

    wanted: Wanted
    path: TreePath
    floor: int
    links: Links
    language: str
    note: str
    visitor: Visitor
    may_share: bool
    may_create: bool
    may_change: bool

    @property
    def shows_readme(self) -> bool:
        """Whether the folder's README stands below it.

        Not in what a share shows: whoever read it there would have downloaded it, uncounted.
        """
        return self.wanted.form == HTML and self.wanted.cursor is None and self.links.mount is None

    def next_page(self, page: Page) -> str | None:
        """Give the address of the page behind one; None where it is the last."""
        if page.next is None:
            return None
        return f"{self.links.to(self.path)}{self.wanted.query(cursor=page.next)}"


def write(view: View, page: Page, pages: Pages, *, version: str, readme: Readme | None = None) -> Listed:
    """Write a page of a listing. Blocks for as long as that takes: some milliseconds for a thousand entries.

    :param version: of the folder, from before it was read.
    :param readme: what stands below the entries on the page.
    """
    return Listed(_body(view, page, pages, version, readme), view.next_page(page))


def beginning(view: View, pages: Pages) -> bytes:
    """Give what a page begins with, whatever lies in the folder."""
    before, start, _ = _html(view, _NOTHING, pages).partition(_START)
    return before + start


def unreadable(view: View, pages: Pages) -> bytes:
    """Write the page of a folder that could not be read when its page had begun."""
    return _html(view, _NOTHING, pages, unreadable=True)


def uploading(folder: TreePath, links: Links, *, may_create: bool) -> dict[str, Any]:
    """Give what the templates for sending files ask for.

    The upload API names a folder by its whole path, which a view of a part of the tree doesn't tell.
    """
    return {
        "here": links.to(folder),
        "folder": "".join(f"/{quote_name(part)}" for part in folder.parts) + "/",
        "may_create": may_create,
        "resumable": may_create and links.mount is None,
    }


def _body(view: View, page: Page, pages: Pages, version: str, readme: Readme | None) -> bytes:
    if view.wanted.form == HTML:
        return _html(view, page, pages, version, readme)
    if view.wanted.form == JSON:
        return _json(view, page)
    return "".join([f"{href}\n" for href, _ in _linked(view, page)]).encode()


def _html(
    view: View,
    page: Page,
    pages: Pages,
    version: str = "",
    readme: Readme | None = None,
    *,
    unreadable: bool = False,
) -> bytes:
    path, links, wanted = view.path, view.links, view.wanted
    acts = _acts(view)
    page_around = pages.render(
        view.language,
        "listing.html",
        visitor=view.visitor,
        top=(links.to(links.top), links.top.name),
        crumbs=_crumbs(path, links),
        rows=_ROWS if page.entries else "",
        unreadable=unreadable,
        acts=acts,
        may_change=view.may_change,
        selectable=links.mount is None,
        version=version if links.mount is None else None,  # a share's visitors can't listen
        columns=_columns(wanted),
        note=view.note,
        first=wanted.cursor is None,
        first_page=wanted.query(),
        next_page=wanted.query(cursor=page.next) if page.next else None,
        **uploading(path, links, may_create=view.may_create),
        **_looking(path, links, readme),
    )
    before, _, behind = page_around.partition(_ROWS.encode())
    listed = rows(_linked(view, page), pages.texts_in(view.language), entry_page=acts.get("entry"))
    return b"".join((before, listed.encode(), behind))


def _looking(path: TreePath, links: Links, readme: Readme | None) -> dict[str, Any]:
    """Give what the template asks for to look at files; a view of a part of the tree has no pages for that."""
    if links.mount is not None:
        return {"previews": False, "readme": None, "code": None}
    view = None if readme is None else view_address(links, path.child(readme.name))
    return {"previews": True, "readme": readme, "readme_view": view, "code": code_address(links, path)}


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
    items = [
        _Item(
            entry.name.decode("utf-8", "replace"),
            href,
            "folder" if entry.is_folder else "file",
            entry.size,
            seconds(entry),
        )
        for href, entry in _linked(view, page)
    ]
    return msgspec.json.encode(_Listed(view.links.seen(view.path).display(), items, page.next))


def _linked(view: View, page: Page) -> list[tuple[str, Entry]]:
    """Give each entry with its link, whose beginning is made once."""
    path, links = view.path, view.links
    beginning = links.to(path)
    linked: list[tuple[str, Entry]] = []
    for entry in page.entries:
        name = entry.name
        if not path.parts and name in OWN_NAMES:
            href = links.to(path.child(name, slash=entry.is_folder))
        else:
            href = beginning + quote_name(name) + ("/" if entry.is_folder else "")
        linked.append((href, entry))
    return linked


def _acts(view: View) -> dict[str, str]:
    """Give the addresses of what whoever looks may do in a folder; with a name behind it, `entry` is an entry's.

    A view of a part of the tree offers none: the pages that do something name things by their whole path. Whoever
    may only look gets to the page that shows an entry.
    """
    if view.links.mount is not None:
        return {}
    folder = "/" + "".join(f"{quote_name(part)}/" for part in view.path.parts)
    pages = {
        "share": view.may_share and "shares",
        "folder": view.may_create and "folder",
        "trash": view.may_change and "trash",
        "entry": (view.may_share or view.may_create or view.may_change) and "entry",
    }
    acts = {act: view.links.own(f"/-/{page}?path={folder}") for act, page in pages.items() if page}
    return {"entry": view.links.own(VIEW + folder), **acts}


def _crumbs(path: TreePath, links: Links) -> list[tuple[str, bytes]]:
    """Give the link and the name of each folder above and including this one, without the view's root."""
    counts = range(len(links.root) + 1, len(path.parts) + 1)
    folders = [TreePath(path.parts[:count], slash=True) for count in counts]
    return [(links.to(folder), folder.name) for folder in folders]


def _columns(wanted: Wanted) -> list[dict[str, str | None]]:
    """Give each column's title, the query that sorts by it (or turns it around), and its state."""
    titles: dict[Sort, str] = {
        "name": Sentence("Name"),
        "size": Sentence("Size"),
        "mtime": Sentence("Modified"),
    }
    columns: list[dict[str, str | None]] = []
    for sort, title in titles.items():
        chosen = sort == wanted.sort
        state = ("descending" if wanted.descending else "ascending") if chosen else None
        query = wanted.query(sort=sort, descending=chosen and not wanted.descending)
        columns.append({"key": sort, "title": title, "query": query, "state": state})
    return columns
