"""The pages of share links for whoever makes them; they work without scripts."""

from collections.abc import Callable
from typing import Any

from peerstor.access.rights import Right
from peerstor.access.shares.share import Mode, Share
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath, quote_name
from peerstor.web.bodies import fields_of
from peerstor.web.cors import Cors
from peerstor.web.display import human_size, time_shown
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard, somewhere
from peerstor.web.headers import set_page_headers
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.parameters import number, text
from peerstor.web.redirects import see_other
from peerstor.web.routes import Routes
from peerstor.web.shares.api import absolute
from peerstor.web.shares.fields import CHANGEABLE, FIELDS, wish_of
from peerstor.web.shares.forms import ENDS, KEEP, changing, making, megabytes
from peerstor.web.shares.guard import UNSTORED
from peerstor.web.shares.making import Sharing
from peerstor.web.shares.view import address_of

PAGE = "/-/shares"

LISTED = 200
"""Shares on one page of the list: thousands at once would hold everybody else up, and nobody reads them."""

SAID = {b"made": "The link is made. Whoever has it can open it.", b"saved": "Saved."}
"""What a page says of what was just done."""


class SharePagesFace:
    """Lists, makes, changes and revokes shares by plain forms."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        pages: Pages,
        links: Links,
        sharing: Sharing,
        wall: Callable[[], float],
    ) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._pages = pages
        self._links = links
        self._sharing = sharing
        self._wall = wall

    @routes.on("/-/shares", "GET", needs=Right.SHARE, at=somewhere)
    async def list(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with the list, and the form that makes another one."""
        given = text(request, b"path")
        path = None if given is None else TreePath.from_parameter(given)
        seen = self._sharing.seen_by(admission.principal)
        last = max(0, len(seen) - 1) // LISTED * LISTED
        begin = min(number(request, b"from") or 0, last)
        end = begin + LISTED
        return self._page(
            request,
            admission,
            "shares.html",
            shares=[self._told(request, share) for share in seen[begin:end]],
            newer=f"?from={max(0, begin - LISTED)}" if begin else None,
            older=f"?from={end}" if len(seen) > end else None,
            ends=ENDS,
            path=None if path is None else path.display(),
            at=None if path is None else _quoted(path),
        )

    @routes.on("/-/shares", "POST", needs=Right.SHARE, at=somewhere)
    async def make(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Make a share, and show it."""
        wish = wish_of(making(await fields_of(request)), FIELDS, self._wall())
        share = await self._sharing.make(request, admission, wish)
        return see_other(request, self._links.own(f"{PAGE}/{share.id}?done=made"))

    @routes.on("/-/shares/<share>", "GET", needs=Right.SHARE, at=somewhere)
    async def look(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Answer with all of one share, and the form that changes it."""
        found = self._sharing.one(admission.principal, share)
        deliveries = [
            {"one": one, "at": time_shown(one.at), "files": [(name, human_size(size)) for name, size in one.files]}
            for one in await self._sharing.deliveries(found)
        ]
        ends = ((KEEP, "as it is now"), *ENDS)
        return self._page(
            request,
            admission,
            "share.html",
            share=self._told(request, found),
            done=SAID.get(text(request, b"done") or b""),
            ends=ends,
            megabytes=megabytes(found.max_bytes),
            deliveries=deliveries,
        )

    @routes.on("/-/shares/<share>", "POST", needs=Right.SHARE, at=somewhere)
    async def change(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Change a share."""
        found = self._sharing.one(admission.principal, share)
        wish = wish_of(changing(await fields_of(request), found), CHANGEABLE, self._wall())
        await self._sharing.change(request, admission, found, wish)
        return see_other(request, self._links.own(f"{PAGE}/{share}?done=saved"))

    @routes.on("/-/shares/<share>/revoke", "GET", needs=Right.SHARE, at=somewhere)
    async def ask_to_revoke(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Ask once more before a share is ended."""
        found = self._sharing.one(admission.principal, share)
        return self._page(request, admission, "share_revoke.html", share=self._told(request, found))

    @routes.on("/-/shares/<share>/revoke", "POST", needs=Right.SHARE, at=somewhere)
    async def revoke(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """End a share."""
        await self._sharing.revoke(request, admission, self._sharing.one(admission.principal, share))
        return see_other(request, self._links.own(PAGE))

    def _told(self, request: StreamingRequest, share: Share) -> dict[str, Any]:
        """Give what the templates ask of a share."""
        href = address_of(self._links, share)
        return {
            "url": absolute(request, href),
            "page": self._links.own(f"{PAGE}/{share.id}"),
            "path": TreePath(share.parts, slash=share.folder).display(),
            "reads": share.mode is Mode.READ,
            "live": self._sharing.holds(share),
            "made_by": share.made_by,
            "created": time_shown(share.created),
            "expires": None if share.expires is None else time_shown(share.expires),
            "password": share.password is not None,
            "max_downloads": share.max_downloads,
            "downloads": share.downloads,
            "max_bytes": None if share.max_bytes is None else human_size(share.max_bytes),
            "bytes": human_size(share.bytes),
            "note": share.note,
        }

    def _page(self, request: StreamingRequest, admission: Admission, template: str, **values: Any) -> bytes:
        set_page_headers(request)
        request.setHeader(b"cache-control", UNSTORED)
        body = self._pages.render(template, visitor=admission.visitor, **values)
        request.setHeader(b"content-length", b"%d" % len(body))
        return body


def _quoted(path: TreePath) -> str:
    return "/" + "/".join(map(quote_name, path.parts))
