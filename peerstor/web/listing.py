"""Answering with a folder: a page, JSON, or one link a line."""

import json
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlencode

from attrs import frozen

from peerstor.access.rights import Right
from peerstor.errors import BadNumber, BadRequest
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.entries import Entry, Page, list_page
from peerstor.tree.paths import TreePath, quote_name
from peerstor.tree.sandbox import Sandbox
from peerstor.web.guard import Admission
from peerstor.web.headers import set_page_headers
from peerstor.web.links import Links
from peerstor.web.negotiation import wanted_type
from peerstor.web.pages import Pages
from peerstor.web.parameters import number, text
from peerstor.web.rows import rows, seconds

Sort = Literal["name", "size", "mtime"]
SORTS: tuple[Sort, ...] = ("name", "size", "mtime")

LIMIT = 1000
LIMIT_AT_MOST = 10_000
"""Entries a page: more would only make a client wait for what it can ask for next."""

FORMS = ("text/html", "application/json", "text/plain")


@frozen
class Wanted:
    """What a client wants of a listing.

    :param form: one of `FORMS`.
    :param limit: entries.
    """

    form: str
    sort: Sort
    descending: bool
    limit: int
    cursor: str | None

    @classmethod
    def of(cls, request: StreamingRequest) -> "Wanted":
        """Read it from a request.

        :raise BadNumber, BadRequest: a parameter isn't one of those known.
        """
        sort = (text(request, b"sort") or b"name").decode("latin-1")
        order = (text(request, b"order") or b"asc").decode("latin-1")
        limit = number(request, b"limit")
        if limit == 0:
            raise BadNumber("limit")
        if sort not in SORTS:
            raise BadRequest("sort must be name, size or mtime.")
        if order not in ("asc", "desc"):
            raise BadRequest("order must be asc or desc.")
        cursor = text(request, b"cursor")
        return cls(
            form=wanted_type(request.requestHeaders, FORMS),
            sort=sort,
            descending=order == "desc",
            limit=min(limit or LIMIT, LIMIT_AT_MOST),
            cursor=cursor.decode("latin-1") if cursor else None,
        )

    def query(self, **changed: Any) -> str:
        """Write the query that wants the same but for what is changed; defaults are left out."""
        values = {
            "sort": changed.get("sort", self.sort),
            "order": "desc" if changed.get("descending", self.descending) else "asc",
            "limit": str(self.limit),
            "cursor": changed.get("cursor", ""),
        }
        defaults = {"sort": "name", "order": "asc", "limit": str(LIMIT), "cursor": ""}
        left = {name: value for name, value in values.items() if value != defaults[name]}
        return "?" + urlencode(left) if left else "?"


class Listings:
    """Lists folders. Walking and rendering both run in a thread."""

    def __init__(self, *, sandbox: Sandbox, threads: IThreads, pages: Pages) -> None:
        self._sandbox = sandbox
        self._threads = threads
        self._pages = pages

    async def answer(
        self, request: StreamingRequest, admission: Admission, links: Links, *, note: str = ""
    ) -> bytes:
        """Answer GET or HEAD of a folder that exists.

        :param links: of the view that it is shown in.
        :param note: what stands above its entries on the page.
        :raise BadNumber, BadRequest: a parameter isn't one of those known.
        :raise NotFound: the folder vanished meanwhile.
        """
        wanted = Wanted.of(request)
        request.responseHeaders.addRawHeader(b"vary", b"Accept")
        if wanted.form == "text/html":
            set_page_headers(request)
        elif wanted.form == "application/json":
            request.setHeader(b"content-type", b"application/json")
        else:
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        if request.method == b"HEAD":  # nobody sees the entries, so nobody walks them
            return b""
        body, following = await self._threads.run(self._render, wanted, admission, links, note)
        if following is not None:
            target = f"{links.to(admission.path)}{wanted.query(cursor=following)}"
            request.setHeader(b"link", f'<{target}>; rel="next"'.encode())
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def drop(self, request: StreamingRequest, admission: Admission, links: Links) -> bytes:
        """Answer with the page of a folder that somebody may add files to and not see.

        Nothing on it depends on what is there.
        """
        set_page_headers(request)
        request.responseHeaders.addRawHeader(b"vary", b"Accept")
        body = self._pages.render(
            "drop.html",
            visitor=admission.visitor,
            name=admission.path.name,
            **_uploading(admission.path, links, may_create=True),
        )
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def _render(self, wanted: Wanted, admission: Admission, links: Links, note: str) -> tuple[bytes, str | None]:
        path = admission.path
        page = list_page(
            self._sandbox,
            path,
            sort=wanted.sort,
            descending=wanted.descending,
            limit=wanted.limit,
            cursor=wanted.cursor,
        )
        if wanted.form == "application/json":
            body = _json(path, page, links)
        elif wanted.form == "text/plain":
            body = "".join(f"{href}\n" for href, _ in _linked(path, page, links)).encode()
        else:
            body = self._html(page, wanted, admission, links, note)
        return body, page.next

    def _html(self, page: Page, wanted: Wanted, admission: Admission, links: Links, note: str) -> bytes:
        path = admission.path
        share_page = _share_page(path, links) if admission.may(Right.SHARE) else None
        return self._pages.render(
            "listing.html",
            visitor=admission.visitor,
            top=(links.to(links.top), links.top.name),
            crumbs=_crumbs(path, links),
            rows=rows(_linked(path, page, links), share_page=share_page),
            share_page=share_page,
            columns=_columns(wanted),
            note=note,
            first=wanted.cursor is None,
            first_page=wanted.query(),
            next_page=wanted.query(cursor=page.next) if page.next else None,
            **_uploading(path, links, may_create=admission.may(Right.CREATE)),
        )


def _uploading(folder: TreePath, links: Links, *, may_create: bool) -> dict[str, Any]:
    """Give what the templates for sending files ask for.

    The upload API names a folder by its whole path, which a view of a part of the tree doesn't tell.
    """
    return {
        "here": links.to(folder),
        "folder": "".join(f"/{quote_name(part)}" for part in folder.parts) + "/",
        "may_create": may_create,
        "resumable": may_create and links.mount is None,
    }


def _share_page(folder: TreePath, links: Links) -> str:
    """Give the address of the page that shares a folder; with a name behind it, the one that shares an entry."""
    return links.own("/-/shares?path=/") + "".join(f"{quote_name(part)}/" for part in folder.parts)


def _linked(folder: TreePath, page: Page, links: Links) -> Iterator[tuple[str, Entry]]:
    """Give each entry with its link, whose beginning is made once."""
    beginning = links.to(folder)
    for entry in page.entries:
        if folder.parts:
            yield f"{beginning}{quote_name(entry.name)}{'/' if entry.is_folder else ''}", entry
        else:  # at the top, names may clash with ours
            yield links.to(folder.child(entry.name, slash=entry.is_folder)), entry


def _json(path: TreePath, page: Page, links: Links) -> bytes:
    told = {
        "path": links.seen(path).display(),
        "entries": [
            {
                "name": entry.name.decode("utf-8", "replace"),
                "href": href,
                "type": "folder" if entry.is_folder else "file",
                "size": entry.size,
                "mtime": seconds(entry),
            }
            for href, entry in _linked(path, page, links)
        ],
        "next": page.next,
    }
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


def _crumbs(path: TreePath, links: Links) -> list[tuple[str, bytes]]:
    """Give the link and the name of each folder above and including this one, without the view's root."""
    counts = range(len(links.root) + 1, len(path.parts) + 1)
    folders = [TreePath(path.parts[:count], slash=True) for count in counts]
    return [(links.to(folder), folder.name) for folder in folders]


def _columns(wanted: Wanted) -> list[dict[str, str | None]]:
    """Give each column's title, the query that sorts by it (or turns it around), and its state."""
    titles: dict[Sort, str] = {"name": "Name", "size": "Size", "mtime": "Modified"}
    columns: list[dict[str, str | None]] = []
    for sort, title in titles.items():
        chosen = sort == wanted.sort
        state = ("descending" if wanted.descending else "ascending") if chosen else None
        query = wanted.query(sort=sort, descending=chosen and not wanted.descending)
        columns.append({"key": sort, "title": title, "query": query, "state": state})
    return columns
