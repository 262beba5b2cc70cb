"""Which answers may be given again to the same request, and how to find out whether they still hold."""

from attrs import frozen

from peerstor.http.request import StreamingRequest
from peerstor.tree.cached import CachedFiles, Known
from peerstor.tree.sandbox import Opened
from peerstor.tree.stillfiles import StillFiles
from peerstor.web.guard import Admission

TELLING = (
    b"authorization", b"cookie", b"x-request-id", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto",
    b"x-forwarded-host",
)  # fmt: skip
"""Headers that tell who asks, or for whom: the answer may not be the same to the next who sends them."""


@frozen
class FileContent:
    """A small file, sent whole."""

    files: StillFiles
    known: Known

    def content(self) -> bytes | None:
        """See `peerstor.http.repeats.Source`."""
        return self.files.content(self.known)


@frozen
class FileState:
    """A file that the client has already: nothing of it is sent."""

    files: CachedFiles
    known: Known

    def content(self) -> bytes | None:
        """See `peerstor.http.repeats.Source`."""
        return b"" if self.files.unchanged(self.known) else None


def may_repeat(request: StreamingRequest, admission: Admission) -> bool:
    """Tell whether an answer depends on nothing but the request's own bytes, the rules, and what is stored."""
    return request.method == b"GET" and is_anybody(request, admission)


def is_anybody(request: StreamingRequest, admission: Admission) -> bool:
    """Tell whether a request is decided on in the same way whoever sends it, and whenever under the same rules."""
    headers = request.requestHeaders
    return not admission.principal.signed_in and not any(headers.hasHeader(name) for name in TELLING)


def repeat_file(request: StreamingRequest, admission: Admission, still: StillFiles, opened: Opened) -> None:
    """Say that the answer, which is the whole file or that the client has it, may be given again.

    :param still: gives the file's content from now on.
    :param opened: the file, which `still.files` opened.
    """
    if not may_repeat(request, admission) or request.code not in (200, 304):
        return
    known = still.files.known(admission.path, opened.stat)
    request.source = FileContent(still, known) if request.code == 200 else FileState(still.files, known)
