"""Answering with a folder: a page, JSON, or one link a line."""

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from peerstor.access.rights import Right
from peerstor.errors import BadRequest, Fault
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.entries import list_folder
from peerstor.tree.following import version_of
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.watches import Since, Watches
from peerstor.web.beginning import Beginning
from peerstor.web.coalescing import Coalesced
from peerstor.web.folderview import View
from peerstor.web.frames import Frames, uploading
from peerstor.web.guard import Admission
from peerstor.web.headers import allow_previews
from peerstor.web.kept import Again, Kept, KeptListings
from peerstor.web.links import Links
from peerstor.web.listed import Listed, write
from peerstor.web.pages import Pages
from peerstor.web.repeating import may_repeat
from peerstor.web.texts.languages import ENGLISH
from peerstor.web.viewing.readmes import Readmes, readme_of, with_readme
from peerstor.web.wanted import HTML, JSON, Wanted

_log = Logger()


class Listings:
    """Lists folders. Walking and rendering both run in a thread."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        threads: IThreads,
        beginnings: IThreads,
        clock: IReactorTime,
        pages: Pages,
        readmes: Readmes,
        kept: KeptListings | None = None,
    ) -> None:
        """List what the sandbox shows.

        :param threads: where folders are read.
        :param beginnings: where what stands above the entries is written meanwhile.
        :param kept: has what may be given again; None to read every folder each time.
        """
        self._sandbox = sandbox
        self._threads = threads
        self._beginnings = beginnings
        self._clock = clock
        self._pages = pages
        self._frames = Frames(pages)
        self._readmes = readmes
        self._kept = kept
        self._readings = Coalesced(self._fresh)

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
        language = ENGLISH  # that is what machines are told
        if wanted.form == HTML:
            language = self._pages.head(request).language
            if links.mount is None:
                allow_previews(request)
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
            floor=admission.path.within,
            links=links,
            language=language,
            note=note,
            visitor=admission.visitor,
            may_share=admission.may(Right.SHARE),
            may_create=admission.may(Right.CREATE),
            may_change=admission.may(Right.CHANGE),
        )
        listed = self._known(request, admission, view)
        if listed is None and wanted.form == HTML:
            return await self._page(request, admission, view)
        listed = listed or await self._listed(request, admission, view)
        if listed.following is not None and wanted.form != HTML:  # Firefox would fetch it right away
            request.setHeader(b"link", f'<{listed.following}>; rel="next"'.encode())
        request.setHeader(b"content-length", b"%d" % len(listed.body))
        return listed.body

    def drop(self, request: StreamingRequest, admission: Admission, links: Links) -> bytes:
        """Answer with the page of a folder that somebody may add files to and not see.

        Nothing on it depends on what is there.
        """
        request.responseHeaders.addRawHeader(b"vary", b"Accept")
        return self._pages.answer(
            request,
            "drop.html",
            visitor=admission.visitor,
            name=admission.path.name,
            **uploading(admission.path, links, may_create=True),
        )

    async def _page(self, request: StreamingRequest, admission: Admission, view: View) -> bytes:
        """Give what is to be sent of a page for people, who are shown its beginning if the folder takes long."""
        with Beginning(request, clock=self._clock, made=lambda: self._beginnings.run(self._begin, view)) as begun:
            try:
                listed = await self._listed(request, admission, view)
            except Fault as fault:
                if not begun.sent:
                    raise
                _log.warn("{path} could not be listed: {fault!r}", path=view.path.display(), fault=fault)
                return begun.rest(self._frames.unreadable(view))
        if begun.sent:
            request.source = None  # the next one is told how long it is
        return begun.rest(listed.body)

    def _known(self, request: StreamingRequest, admission: Admission, view: View) -> Listed | None:
        """Give what a view shows where that is in memory, and known to be what the folder would say."""
        kept = None if self._kept is None else self._kept.find(view)
        return None if kept is None else self._again(request, admission, kept)

    def _again(self, request: StreamingRequest, admission: Admission, kept: Kept) -> Listed:
        if self._kept is not None and may_repeat(request, admission):
            request.source = Again(self._kept, kept)
        return kept.listed

    async def _listed(self, request: StreamingRequest, admission: Admission, view: View) -> Listed:
        """Give what a view shows that isn't known."""
        listed, kept = await self._readings.ask(view)
        return listed if kept is None else self._again(request, admission, kept)

    async def _fresh(self, view: View) -> tuple[Listed, Kept | None]:
        """Read a folder, and keep what it says if that is worth it and can be known to last."""
        memory = self._kept
        if memory is None:
            return (await self._threads.run(self._read, view, None))[0], None
        kept = memory.find(view)  # what was read for others may still hold
        if kept is not None:
            return kept.listed, kept
        if not memory.worth_keeping(view):
            return (await self._threads.run(self._read, view, None))[0], None
        began = memory.now()
        listed, since = await self._threads.run(self._read, view, memory.watches)
        return listed, memory.keep(view, listed, since, began)

    def _read(self, view: View, watches: Watches | None) -> tuple[Listed, Since | None]:
        """Read a folder.

        :return: what it says, and since when it is watched, where all that this tells is.
        """
        wanted, since = view.wanted, None
        with self._sandbox.folder(view.path) as folder:
            if watches is not None and folder.real == view.path.parts:  # a link on the way isn't watched
                since = watches.begin(folder)
            page = list_folder(
                self._sandbox,
                folder,
                sort=wanted.sort,
                descending=wanted.descending,
                limit=wanted.limit,
                cursor=wanted.cursor,
            )
            entry = readme_of(self._sandbox, folder, page) if view.shows_readme else None
            covered = with_readme(page, entry)
            if watches is not None and since is not None and not watches.settle(since, folder, covered):
                since = None
            # Read when it is watched: what is written to it from now on is heard of.
            readme = None if entry is None else self._readmes.read(folder, view.path, entry.name, view.links)
        return write(view, page, self._frames, version=version_of(folder.stat), readme=readme), since

    def _begin(self, view: View) -> bytes:
        self._check(view.path)
        return self._frames.beginning(view)

    def _check(self, path: TreePath) -> None:
        self._sandbox.folder(path).close()
