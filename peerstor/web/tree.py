"""The face of the storage tree: a folder is a listing, a file is its bytes; PUT, DELETE and forms change it."""

from collections.abc import Sequence

from peerstor.access.rights import Right
from peerstor.errors import MethodRefused, NotFound
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IChangeListener, IThreads
from peerstor.tree.cached import CachedFiles
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.stillfiles import StillFiles
from peerstor.web.archiving import Archives, wished
from peerstor.web.conditions import conditions, refuse_coding
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.files import SMALL, Files, Reading, read_small
from peerstor.web.forms import Forms
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.listing import Listings
from peerstor.web.namesagain import NamesAgain
from peerstor.web.negotiation import wanted_type
from peerstor.web.outliving import outliving
from peerstor.web.putting import Putting
from peerstor.web.rangesagain import RangesAgain
from peerstor.web.redirects import redirect
from peerstor.web.repeating import repeat_file
from peerstor.web.root import path_of
from peerstor.web.routes import Routes

FILE_METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
METHODS = (*FILE_METHODS, "POST")


def _there(request: StreamingRequest, methods: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out what no entry of such an address takes, whatever is stored: only a folder's ends in `/`."""
    if not request.path.endswith(b"/"):
        return methods
    # The top can't be deleted.
    never = ("PUT", "DELETE") if Links().tree_part(request.path) == b"/" else ("PUT",)
    return tuple(method for method in methods if method not in never)


class TreeFace:
    """Klein sees one address, `/`; which entry is meant, the raw address says."""

    routes = Routes(there=_there)

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        links: Links,
        sandbox: Sandbox,
        cached: CachedFiles | None,
        publisher: Publisher,
        putting: Putting,
        names: NamesAgain | None,
        reads: IThreads,
        disk: IThreads,
        files: Files,
        listings: Listings,
        archives: Archives,
        forms: Forms,
        listeners: Sequence[IChangeListener],
    ) -> None:
        """Make the face.

        :param cached: opens what needs no thread; None to have everything opened in one.
        :param names: takes the next files of a folder that one was put into; None to have each read whole.
        :param reads: where the tree is looked at.
        :param disk: where it is changed.
        :param listeners: told of what is deleted (whoever publishes tells of that).
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._sandbox = sandbox
        self._cached = cached
        self._still = None if cached is None else StillFiles(cached)
        self._ranges = None if cached is None else RangesAgain(files=files, cached=cached, guard=guard)
        self._names = names
        self._publisher = publisher
        self._putting = putting
        self._reads = reads
        self._disk = disk
        self._files = files
        self._listings = listings
        self._archives = archives
        self._forms = forms
        self._listeners = listeners

    @routes.on("/", "GET", needs=Right.READ | Right.CREATE, at=path_of)
    async def read(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with the bytes of a file, or the listing or an archive of a folder."""
        path = admission.path
        if admission.blind:
            return self._drop(request, admission)
        if path.slash:
            wish = wished(request)
            if wish is not None:
                return await self._archives.answer(request, path, wish)
            return await self._listings.answer(request, admission, self._links)
        reading = await self._reading(path)
        with reading.opened as opened:
            if not opened.is_folder:
                if reading.at_once and self._ranges is not None:
                    self._ranges.offer(request, admission, opened)
                body = await self._files.answer(request, path.name, reading)
                if reading.at_once and self._still is not None and not request.startedWriting:
                    repeat_file(request, admission, self._still, opened)
                return body
        return self._redirect_to_folder(request, path)

    @routes.on("/", "PUT", needs=Right.CREATE, at=path_of)
    async def put(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Create or replace a file with the body."""
        path = admission.path
        if path.slash:
            raise MethodRefused(_there(request, METHODS))
        body = await self._putting.put(request, admission)
        if self._names is not None:
            self._names.offer(request, admission)
        return body

    @routes.on("/", "DELETE", needs=Right.CHANGE, at=path_of)
    async def delete(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Move a file or folder to the trash."""
        path, by = admission.path, admission.principal.name

        def told(_: str) -> None:
            for listener in self._listeners:
                listener.removed(path.joined, by, request.remote)

        check = conditions(request.requestHeaders)
        await outliving(self._disk.run(self._publisher.delete, path, by=by, check=check), told=told)
        request.setResponseCode(204)
        return b""

    @routes.on("/", "POST", needs=Right.CREATE, at=path_of)
    async def post(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Store the files of a form in a folder."""
        path = admission.path
        reading = await self._reads.run(self._open, path)
        with reading.opened as opened:
            if not opened.is_folder:
                # Whoever adds files unseen isn't told that this one is there.
                raise NotFound() if admission.blind else MethodRefused(FILE_METHODS)
        if not path.slash:
            return self._redirect_to_folder(request, path)
        refuse_coding(request.requestHeaders)
        return await self._forms.answer(request, admission, self._links)

    async def _reading(self, path: TreePath) -> Reading:
        """Open what a path names, at once where the kernel has all that this takes in its memory."""
        opened = None if self._cached is None else self._cached.open(path)
        if opened is None or self._cached is None:
            return await self._reads.run(self._open, path)
        if opened.stat.st_size > SMALL:
            return Reading(opened, None, at_once=True)
        content = self._cached.read(opened)
        if content is None:
            return await self._reads.run(read_small, opened)
        return Reading(opened, content, at_once=True)

    def _open(self, path: TreePath) -> Reading:
        return read_small(self._sandbox.open(path))

    def _drop(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Show somebody who may only add files where to do so; the folder isn't looked at."""
        if not admission.path.slash:
            if all(admission.path.parts != grant.parts for grant in admission.principal.grants):
                self.guard.require(admission, Right.READ)
            return self._redirect_to_folder(request, admission.path)
        if wanted_type(request.requestHeaders, ("text/plain", "application/json", "text/html")) != "text/html":
            self.guard.require(admission, Right.READ)
        return self._listings.drop(request, admission, self._links)

    def _redirect_to_folder(self, request: StreamingRequest, path: TreePath) -> bytes:
        """Send a client to the folder's own address; not for ever, since it may become a file."""
        return redirect(request, self._links.to(TreePath(path.parts, slash=True)))
