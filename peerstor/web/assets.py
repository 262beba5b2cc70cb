"""The face of the pages' own files: stylesheet, scripts, icon."""

from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.pages import Pages
from peerstor.web.routes import Routes


class AssetsFace:
    """Serves from memory; whoever may not read a thing still sees pages as they are meant to look."""

    routes = Routes()

    def __init__(self, *, guard: Guard, errors: Errors, cors: Cors, pages: Pages) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._pages = pages

    @routes.on("/-/static/<digest>/<name>", "GET", needs=Right.NONE)
    async def static(self, request: StreamingRequest, admission: Admission, digest: str, name: str) -> bytes:
        """Answer with one file, to be kept for ever: another version has another address."""
        kind, content = self._pages.static(digest, name)
        request.setHeader(b"content-type", kind.encode())
        request.setHeader(b"cache-control", b"public, max-age=31536000, immutable")
        request.setHeader(b"content-length", b"%d" % len(content))
        return content
