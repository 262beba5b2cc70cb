"""The resumable upload API (`http.md`, section 3): offset, chunk, complete, abandon."""

from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IByteSource
from peerstor.tree.paths import TreePath
from peerstor.uploads.records import UploadKey
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.parameters import required, text
from peerstor.web.renaming import renamed
from peerstor.web.routes import Routes
from peerstor.web.uploadcalls import UploadCalls, answer, completed


def _target(request: StreamingRequest) -> TreePath:
    """Read which path an upload is meant for; its last name is checked by the engine."""
    folder = TreePath.from_parameter(text(request, b"dir") or b"/")
    return folder.child(required(request, b"name"))


class UploadsFace:
    """Each call names an upload by its folder and name; to whom it belongs, the guard says."""

    routes = Routes()

    def __init__(self, *, guard: Guard, errors: Errors, cors: Cors, links: Links, calls: UploadCalls) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._calls = calls

    @routes.on("/api/upload/offset", "GET", needs=Right.CREATE, at=_target)
    async def offset(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Tell how many bytes have arrived."""
        return answer(request, await self._calls.offset(request, _key(request, admission)))

    @routes.on("/api/upload/chunk", "POST", needs=Right.CREATE, at=_target)
    async def chunk(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Take the next bytes."""
        following = await self._calls.chunk(request, _key(request, admission), IByteSource(request.body))
        return answer(request, {"nextOffset": following})

    @routes.on("/api/upload/complete", "POST", needs=Right.CREATE, at=_target)
    async def complete(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Publish what has arrived."""
        done = await self._calls.complete(
            request,
            _key(request, admission),
            blind=admission.blind,
            renamed=renamed(admission),
            may_replace=admission.may(Right.CHANGE),
        )
        shown = admission.path if admission.blind else done.path
        return answer(request, completed(shown, done, self._links))

    @routes.on("/api/upload/abandon", "POST", needs=Right.CREATE, at=_target)
    async def abandon(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Drop what has arrived."""
        abandoned = await self._calls.abandon(request, _key(request, admission))
        return answer(request, {"status": "ok", "abandoned": abandoned is not None})


def _key(request: StreamingRequest, admission: Admission) -> UploadKey:
    folder = admission.path.parent
    return UploadKey(admission.principal.name, folder.joined, required(request, b"name"), within=folder.within)
