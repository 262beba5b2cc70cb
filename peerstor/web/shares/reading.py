"""Showing what is shared for reading: a file with its own small page, a folder as any other; downloads count."""

import os

from peerstor.access.shares.downloads import Downloads
from peerstor.access.shares.share import Share
from peerstor.access.shares.tickets import LASTS, Tickets
from peerstor.errors import NotFound
from peerstor.http.conditional import entity_tag
from peerstor.http.media import disposition
from peerstor.http.outflow import unsent
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.web.archiving import Archives, Mark, Wish, wished
from peerstor.web.cookies import set_cookie
from peerstor.web.display import human_size, time_shown
from peerstor.web.files import Files, Reading, read_small
from peerstor.web.guard import Admission
from peerstor.web.headers import allow_previews
from peerstor.web.listing import Listings
from peerstor.web.negotiation import wanted_type
from peerstor.web.pages import Pages
from peerstor.web.redirects import redirect
from peerstor.web.shares.access import COOKIE
from peerstor.web.shares.guard import UNSTORED
from peerstor.web.shares.previews import is_preview
from peerstor.web.shares.view import Visit, visit_of
from peerstor.web.viewing.kinds import PLAYED, kind_of
from peerstor.web.wanted import FORMS, HTML

PAGE_OR_FILE = ("application/octet-stream", "text/html")


class ShareReading:
    """Answers GET and HEAD of what is shared for reading."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        reads: IThreads,
        files: Files,
        plain_files: Files,
        listings: Listings,
        archives: Archives,
        pages: Pages,
        downloads: Downloads,
        tickets: Tickets,
    ) -> None:
        """Show shares.

        :param plain_files: sends files uncompressed: where downloads are limited, every byte counts.
        """
        self._sandbox = sandbox
        self._reads = reads
        self._files = files
        self._plain_files = plain_files
        self._listings = listings
        self._archives = archives
        self._pages = pages
        self._downloads = downloads
        self._tickets = tickets

    async def answer(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with a file, its page, or the listing or an archive of a folder.

        :raise NotFound: there is nothing of what was shared, or nothing left of its downloads.
        :raise TooMany: as many others download as there are downloads left.
        """
        visit, path = visit_of(request), admission.path
        self._downloads.check(visit.share, visit.visitor)
        reading = await self._reads.run(lambda: read_small(self._sandbox.open(path)))
        with reading.opened as opened:
            if path.parts == visit.share.parts and opened.is_folder is not visit.share.folder:
                raise NotFound()  # something else lies there by now
            if not opened.is_folder:
                return await self._file(request, visit, admission, reading)
        if not path.slash:
            return redirect(request, visit.links.to(TreePath(path.parts, slash=True)))
        wish = wished(request)
        if wish is not None and not is_preview(request):
            return await self._archive(request, visit, path, wish)
        return await self._listing(request, visit, admission)

    async def _listing(self, request: StreamingRequest, visit: Visit, admission: Admission) -> bytes:
        # All of the head is settled now: where the folder takes long, it is sent before the folder is read.
        request.setHeader(b"cache-control", UNSTORED)
        if wanted_type(request.requestHeaders, FORMS) == HTML:
            give_ticket(request, visit, self._tickets)
        note = visit.share.note if admission.path.parts == visit.share.parts else ""
        return await self._listings.answer(request, admission, visit.links, note=note)

    async def _file(
        self, request: StreamingRequest, visit: Visit, admission: Admission, reading: Reading
    ) -> bytes:
        bare = request.path.endswith(f"/{visit.share.id}".encode())
        if bare:
            request.responseHeaders.addRawHeader(b"vary", b"Accept")
            request.setHeader(b"content-disposition", disposition(admission.path.name))
        if is_preview(request) or (bare and wanted_type(request.requestHeaders, PAGE_OR_FILE) == "text/html"):
            return self._page(request, visit, admission, reading)
        if request.method != b"GET":
            return await self._send(request, visit.share, admission.path, reading)
        return await self._counted(request, visit, admission.path, reading)

    def _page(self, request: StreamingRequest, visit: Visit, admission: Admission, reading: Reading) -> bytes:
        """Tell of a file in words."""
        request.responseHeaders.removeHeader(b"content-disposition")
        request.setHeader(b"cache-control", UNSTORED)
        if not is_preview(request):
            give_ticket(request, visit, self._tickets)
        share, found, kind = visit.share, reading.opened.stat, kind_of(admission.path.name).value
        # To look at it here is to download it: not where that may be the last time.
        plays = kind in PLAYED and share.max_downloads is None
        page = self._pages.answer(
            request,
            "share_file.html",
            visitor=admission.visitor,
            name=admission.path.name,
            href=visit.links.to(admission.path),
            size=human_size(found.st_size),
            modified=time_shown(found.st_mtime),
            expires=None if share.expires is None else time_shown(share.expires),
            note=share.note,
            kind=kind if plays else None,
        )
        if plays:
            allow_previews(request)
        return page

    async def _counted(self, request: StreamingRequest, visit: Visit, path: TreePath, reading: Reading) -> bytes:
        """Send bytes of a file, and count what was really sent of it."""
        transfer = self._downloads.begin(visit.share, visit.visitor)
        found, transport = reading.opened.stat, request.channel.transport
        body: bytes | None = None
        try:
            body = await self._send(request, visit.share, path, reading)
            return body
        finally:
            whole = body is not None and request.code == 200
            sent = request.sentLength + len(body or b"")
            if body is None:
                sent -= min(sent, unsent(transport))  # what was left behind when the connection ended
            if whole or (sent and request.code in (200, 206)):
                file = _state_of(path, found)
                self._downloads.end(transfer, file=file, size=found.st_size, sent=found.st_size if whole else sent)
            else:
                self._downloads.leave(transfer)

    async def _archive(self, request: StreamingRequest, visit: Visit, path: TreePath, wish: Wish) -> bytes:
        """Send an archive, and count what was sent of the first file in it as if it had been sent alone."""
        if request.method != b"GET":
            return await self._archives.answer(request, path, wish)
        transfer = self._downloads.begin(visit.share, visit.visitor)
        transport, mark, whole = request.channel.transport, Mark(), False
        try:
            body = await self._archives.answer(request, path, wish, mark)
            whole = True
            return body
        finally:
            sent = request.sentLength
            sent -= 0 if whole else min(sent, unsent(transport))
            if whole or (mark.file is not None and sent > mark.start):
                place, size = _first(path, mark)
                self._downloads.end(
                    transfer, file=place, size=size, sent=size if whole else min(sent - mark.start, size)
                )
            else:
                self._downloads.leave(transfer)

    async def _send(self, request: StreamingRequest, share: Share, path: TreePath, reading: Reading) -> bytes:
        files = self._files if share.max_downloads is None else self._plain_files
        return await files.answer(request, path.name, reading)


def _state_of(path: TreePath, found: os.stat_result) -> bytes:
    """Tell a state of a file from every other."""
    return b"\0".join((path.joined, entity_tag(found).encode()))


def _first(folder: TreePath, mark: Mark) -> tuple[bytes, int]:
    """Give the state and the size of the first file of an archive, of one without any those of nothing."""
    if mark.file is None:
        return b"", 0
    found = mark.file.opened.stat
    return _state_of(TreePath((*folder.parts, *mark.file.parts), slash=False), found), found.st_size


def give_ticket(request: StreamingRequest, visit: Visit, tickets: Tickets) -> None:
    """Let a browser be known as one visit, also behind an address that many share."""
    if not visit.known:
        set_cookie(request, COOKIE, tickets.make(visit.share), path=visit.address, seconds=int(LASTS))
