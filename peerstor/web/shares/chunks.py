"""The resumable upload API below an upload-only share: the same calls and parameters, `dir` aside."""

from peerstor.access.rights import Right
from peerstor.errors import NotFound
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IByteSource
from peerstor.tree.paths import TreePath
from peerstor.uploads.records import UploadKey
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.parameters import required, text
from peerstor.web.routes import Routes
from peerstor.web.shares.guard import ShareGuard
from peerstor.web.shares.uploads import ShareUploads
from peerstor.web.shares.view import Visit, visit_of
from peerstor.web.uploadcalls import UploadCalls, answer, completed


def _target(request: StreamingRequest) -> TreePath:
    """Read which name of the shared folder an upload is meant for."""
    if text(request, b"dir") not in (None, b"", b"/"):
        raise NotFound()
    return TreePath(visit_of(request).share.parts, slash=True).child(required(request, b"name"))


class ShareChunksFace:
    """An upload belongs to a visit (`Tickets`), so that two visitors don't get into each other's."""

    routes = Routes()

    def __init__(
        self, *, guard: ShareGuard, errors: Errors, cors: Cors, calls: UploadCalls, uploads: ShareUploads
    ) -> None:
        self.guard: Guard = guard
        self.errors = errors
        self.cors = cors
        self._calls = calls
        self._uploads = uploads

    @routes.on("/-/s/<share>/upload/offset", "GET", needs=Right.CREATE, at=_target)
    async def offset(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Tell how many bytes have arrived."""
        return answer(request, await self._calls.offset(request, _key(request, admission)))

    @routes.on("/-/s/<share>/upload/chunk", "POST", needs=Right.CREATE, at=_target)
    async def chunk(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Take the next bytes."""
        key = _key(request, admission)
        following = await self._uploads.append(
            visit_of(request).share,
            source=IByteSource(request.body),
            length=request.body.length,
            append=lambda source, kept: self._calls.chunk(request, key, source, kept),
        )
        return answer(request, {"nextOffset": following})

    @routes.on("/-/s/<share>/upload/complete", "POST", needs=Right.CREATE, at=_target)
    async def complete(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Publish what has arrived."""
        visit, key = visit_of(request), _key(request, admission)
        done = await self._uploads.complete(
            request,
            visit.share,
            admission.path,
            complete=lambda: self._calls.complete(request, key, blind=True, may_replace=False),
            sender=_words(request, b"sender"),
            note=_words(request, b"note"),
        )
        # There is nothing to be seen at its address.
        return answer(request, {**completed(admission.path, done, visit.links), "href": None})

    @routes.on("/-/s/<share>/upload/abandon", "POST", needs=Right.CREATE, at=_target)
    async def abandon(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Drop what has arrived; its bytes may be sent again."""
        key = _key(request, admission)
        abandoned = await self._uploads.give_back(
            visit_of(request).share, lambda: self._calls.abandon(request, key)
        )
        return answer(request, {"status": "ok", "abandoned": abandoned})


def _key(request: StreamingRequest, admission: Admission) -> UploadKey:
    visit: Visit = visit_of(request)
    folder = admission.path.parent
    owner = f"{admission.principal.name} {visit.visitor.hex()}"
    return UploadKey(owner, folder.joined, required(request, b"name"), within=folder.within)


def _words(request: StreamingRequest, name: bytes) -> str:
    return (text(request, name) or b"").decode("utf-8", "replace")
