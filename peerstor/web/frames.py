"""What stands around the entries on the page of a folder."""

from functools import lru_cache
from typing import Any

from markupsafe import Markup

from peerstor.sentences import Sentence
from peerstor.tree.entries import Page
from peerstor.tree.paths import TreePath, quote_name
from peerstor.web.folderview import View
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.rows import rows
from peerstor.web.viewing.codes import code_address
from peerstor.web.viewing.readmes import Readme
from peerstor.web.viewing.targets import VIEW, view_address
from peerstor.web.wanted import Sort, Wanted

KEPT = 64
"""Frames that are given again: some 10 kB each, which are the same for as long as the same is looked at."""

# Where rows and the folder's version belong. The page around isn't ASCII: joined as text they would be widened,
# and encoded one by one, which takes longer than to write them. No name or note can look so once it is escaped.
_ROWS = Markup("<!--rows-->")
_VERSION = Markup("<!--version-->")

# Where what depends on the entries begins. No name can look like this once it is escaped.
_START = b'<section id="listing"'


class Frames:
    """Writes the pages of folders. Blocks for as long as that takes: some milliseconds for a thousand entries."""

    def __init__(self, pages: Pages) -> None:
        """Keep no frame yet.

        :param pages: fill the templates.
        """
        self._pages = pages
        self._again = lru_cache(maxsize=KEPT)(self._rendered)

    def page(self, view: View, page: Page, *, version: str, readme: Readme | None = None) -> bytes:
        """Write the page of a folder.

        :param version: of the folder, from before it was read.
        :param readme: what stands below the entries.
        """
        rendered = self._again if readme is None else self._rendered
        frame = rendered(view, page.next, filled=bool(page.entries), readme=readme)
        before, _, behind = frame.replace(_VERSION.encode(), version.encode(), 1).partition(_ROWS.encode())
        entry_page = _acts(view).get("entry")
        texts = self._pages.texts_in(view.language)
        listed = rows(page.entries, view.links.below(view.path), texts, entry_page=entry_page)
        return b"".join((before, *listed, behind))

    def beginning(self, view: View) -> bytes:
        """Give what a page begins with, whatever lies in the folder."""
        before, start, _ = self._again(view, None, filled=False).partition(_START)
        return before + start

    def unreadable(self, view: View) -> bytes:
        """Write the page of a folder that could not be read when its page had begun."""
        return self._rendered(view, None, filled=False, unreadable=True)

    def _rendered(
        self,
        view: View,
        cursor: str | None,
        *,
        filled: bool,
        readme: Readme | None = None,
        unreadable: bool = False,
    ) -> bytes:
        """Fill the template.

        :param cursor: of the page behind this one.
        :param filled: whether there are any entries.
        """
        path, links, wanted = view.path, view.links, view.wanted
        listens = links.mount is None and not unreadable  # a share's visitors can't
        return self._pages.render(
            view.language,
            "listing.html",
            visitor=view.visitor,
            top=(links.to(links.top), links.top.name),
            crumbs=_crumbs(path, links),
            rows=_ROWS if filled else "",
            unreadable=unreadable,
            acts=_acts(view),
            may_change=view.may_change,
            selectable=links.mount is None,
            version=_VERSION if listens else None,
            columns=_columns(wanted),
            note=view.note,
            first=wanted.cursor is None,
            first_page=wanted.query(),
            next_page=wanted.query(cursor=cursor) if cursor else None,
            **uploading(path, links, may_create=view.may_create),
            **_looking(path, links, readme),
        )


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


def _looking(path: TreePath, links: Links, readme: Readme | None) -> dict[str, Any]:
    """Give what the template asks for to look at files; a view of a part of the tree has no pages for that."""
    if links.mount is not None:
        return {"previews": False, "readme": None, "code": None}
    view = None if readme is None else view_address(links, path.child(readme.name))
    return {"previews": True, "readme": readme, "readme_view": view, "code": code_address(links, path)}


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
