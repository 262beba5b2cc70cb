"""The beginning of a page, sent while its content is still being gathered."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from peerstor.errors import Fault
from peerstor.http.request import StreamingRequest

PATIENCE = 0.02
"""Seconds that somebody waits without being shown anything. Nearly all folders are read in less."""


class Beginning:
    """Shows whoever waits where they are; use it in a `with` while the page is made.

    The answer then has no length beforehand, so it is for people alone: what programs are told stays as it is.
    """

    def __init__(
        self, request: StreamingRequest, *, clock: IReactorTime, made: Callable[[], Awaitable[bytes]]
    ) -> None:
        """Wait for a moment, from `with` on.

        :param made: makes what the page will begin with, whatever its content.
        """
        self._request = request
        self._clock = clock
        self._made = made
        self._sent = b""
        self._over = False
        self._call: IDelayedCall | None = None

    @property
    def sent(self) -> bool:
        """Whether the answer has begun."""
        return bool(self._sent)

    def rest(self, page: bytes) -> bytes:
        """Give what is still to be sent of the whole page, and say how long that is where nothing was sent.

        :raise ValueError: it doesn't begin with what was sent.
        """
        if not self._sent:
            self._request.setHeader(b"content-length", b"%d" % len(page))
        elif not page.startswith(self._sent):
            raise ValueError("The page begins in another way than it had begun.")
        return page[len(self._sent) :]

    async def _send(self) -> None:
        try:
            head = await self._made()
        except Fault:
            return  # which the content will meet as well
        if not self._over:
            self._sent = head
            self._request.write(head)

    def __enter__(self) -> Self:
        """See the class."""
        request = self._request
        if request.clientproto == b"HTTP/1.1" and _is_browser(request):
            self._call = self._clock.callLater(PATIENCE, lambda: Deferred.fromCoroutine(self._send()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send nothing any more."""
        self._over = True
        if self._call is not None and self._call.active():
            self._call.cancel()


def _is_browser(request: StreamingRequest) -> bool:
    """Tell whether the client asks for pages by their type: programs take whatever there is."""
    accept = request.requestHeaders.getRawHeaders(b"accept", [])
    return any(b"text/html" in value for value in accept)
