"""Answering with a folder: a page, JSON, or one link a line."""

from attrs import frozen

from peerstor.access.rights import Right
from peerstor.errors import BadRequest
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.entries import list_folder
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.web.guard import Admission
from peerstor.web.headers import set_page_headers
from peerstor.web.links import Links
from peerstor.web.listed import View, body_of, uploading
from peerstor.web.pages import Pages
from peerstor.web.wanted import HTML, JSON, Wanted


@frozen
class Listed:
    """The answer to one look at a folder.

    :ivar following: the address of the page behind it; None for the last.
    """

    body: bytes
    following: str | None


class Listings:
    """Lists folders. Walking and rendering both run in a thread."""

    def __init__(self, *, sandbox: Sandbox, threads: IThreads, pages: Pages) -> None:
        self._sandbox = sandbox
        self._threads = threads
        self._pages = pages

    async def answer(
        self, request: StreamingRequest, admission: Admission, links: Links, *, note: str = ""
    ) -> bytes:
        """Answer GET or HEAD of a folder.

        :param links: of the view that it is shown in.
        :param note: what stands above its entries on the page.
        :raise BadNumber, BadRequest: a parameter isn't one of those known.
        :raise NotFound, Forbidden, StorageUnavailable, Overloaded: as `Sandbox.folder`.
        """
        try:
            wanted = Wanted.of(request)
        except BadRequest:
            await self._threads.run(self._check, admission.path)  # that there is nothing comes first
            raise
        request.responseHeaders.addRawHeader(b"vary", b"Accept")
        if wanted.form == HTML:
            set_page_headers(request)
        elif wanted.form == JSON:
            request.setHeader(b"content-type", b"application/json")
        else:
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        if request.method == b"HEAD":  # nobody sees the entries, so nobody walks them
            await self._threads.run(self._check, admission.path)
            return b""
        view = View(
            wanted=wanted,
            path=admission.path,
            links=links,
            note=note,
            visitor=admission.visitor,
            may_share=admission.may(Right.SHARE),
            may_create=admission.may(Right.CREATE),
        )
        listed = await self._threads.run(self._list, view)
        if listed.following is not None:
            request.setHeader(b"link", f'<{listed.following}>; rel="next"'.encode())
        request.setHeader(b"content-length", b"%d" % len(listed.body))
        return listed.body

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
            **uploading(admission.path, links, may_create=True),
        )
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def _check(self, path: TreePath) -> None:
        self._sandbox.folder(path).close()

    def _list(self, view: View) -> Listed:
        wanted = view.wanted
        with self._sandbox.folder(view.path) as folder:
            page = list_folder(
                self._sandbox,
                folder,
                sort=wanted.sort,
                descending=wanted.descending,
                limit=wanted.limit,
                cursor=wanted.cursor,
            )
        return Listed(body_of(view, page, self._pages), view.next_page(page))
