"""Asking for an archive of more entries than fit into an address: their names come in the body."""

from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web.archiving import Archives, Mark, Wish, checked, known_form
from peerstor.web.bodies import values_of
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.parameters import required, text
from peerstor.web.routes import Routes

NAMES_AT_MOST = 10_000
BODY_AT_MOST = 8 * 1024 * 1024
"""Bytes: so many names, each of 255 bytes that are all percent-encoded. Few such forms are in memory at once, as
whoever sends one has their turn already."""


def _folder(request: StreamingRequest) -> TreePath:
    """Read of which folder an archive is wanted."""
    return TreePath.from_parameter(text(request, b"dir") or b"/")


class ArchivesFace:
    """Changes nothing, for all that it is a POST."""

    routes = Routes()

    def __init__(self, *, guard: Guard, errors: Errors, cors: Cors, archives: Archives) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._archives = archives

    @routes.on("/api/archive", "POST", needs=Right.READ, at=_folder)
    async def archive(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with an archive of the folder's entries that the form names; without any, of all."""
        form = known_form("format", required(request, b"format"))
        with self._archives.turn(request):
            names = await values_of(request, b"name", at_most=NAMES_AT_MOST, size=BODY_AT_MOST)
            await self._archives.send(request, admission.path, Wish(form, checked(names)), Mark())
        return b""
