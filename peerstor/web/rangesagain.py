"""Sending another range of a file to whoever asks as somebody did before (`peerstor.http.rangerepeats`)."""

import os

from attrs import frozen

from peerstor.daemon.requestcontext import REQUEST_ID
from peerstor.http.ranges import ByteRange
from peerstor.http.request import StreamingRequest
from peerstor.tree.cached import CachedFiles, Known
from peerstor.tree.sandbox import Opened
from peerstor.web.completion import complete
from peerstor.web.files import Files
from peerstor.web.guard import Admission, Guard
from peerstor.web.repeating import may_repeat


@frozen
class FileRanges:
    """A file of which any range may be sent."""

    again: "RangesAgain"
    known: Known

    def open(self) -> int | None:
        """See `peerstor.http.rangerepeats.RangeSource`."""
        return self.again.cached.open_again(self.known)

    def answer(self, request: StreamingRequest, fd: int, wanted: ByteRange) -> None:
        """See `peerstor.http.rangerepeats.RangeSource`."""
        self.again.send(request, fd, wanted)


class RangesAgain:
    """Sends ranges as the tree's face does, with what that has decided before.

    :ivar cached: opens files again.
    """

    def __init__(self, *, files: Files, cached: CachedFiles, guard: Guard) -> None:
        """Make a sender.

        :param guard: answers what goes wrong.
        """
        self.cached = cached
        self._files = files
        self._guard = guard

    def offer(self, request: StreamingRequest, admission: Admission, opened: Opened) -> None:
        """Say of a request that any range of the file may be sent to another like it.

        :param opened: the file, which `cached` opened.
        """
        if request.requestHeaders.hasHeader(b"range") and may_repeat(request, admission):
            request.ranges = FileRanges(self, self.cached.known(admission.path, opened.stat))

    def send(self, request: StreamingRequest, fd: int, wanted: ByteRange) -> None:
        """Send a range and end the answer.

        :param fd: the open file; it is closed here.
        """
        before = REQUEST_ID.set(request.request_id)
        try:
            complete(self._send(request, fd, wanted), request, self._guard.failed)
        finally:
            REQUEST_ID.reset(before)

    async def _send(self, request: StreamingRequest, fd: int, wanted: ByteRange) -> bytes:
        try:
            await self._files.send_range(request, fd, wanted)
        except Exception as error:
            return await self._guard.answer(request, error)
        finally:
            os.close(fd)
        return b""
