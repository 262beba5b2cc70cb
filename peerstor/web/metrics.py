"""Figures of the server for Prometheus."""

from collections.abc import Callable, Mapping
from typing import Any

from peerstor.access.rights import Right
from peerstor.daemon.loopdelay import LoopDelay
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.uploads.counts import UploadCounts
from peerstor.web.cors import Cors
from peerstor.web.counts import WebCounts
from peerstor.web.errors import Errors
from peerstor.web.freespace import Disks, Room
from peerstor.web.guard import Admission, Guard, Place
from peerstor.web.routes import Routes

MEDIA_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
"""The format that every scraper reads, and that nobody has to ask for."""


class MetricsGuard(Guard):
    """Lets everybody see the figures where that is wanted, and else is as strict as any.

    :param is_open: tells whether it is (`--metrics-open`).
    """

    def __init__(self, *, is_open: Callable[[], bool], **collaborators: Any) -> None:
        super().__init__(**collaborators)
        self._is_open = is_open

    async def admit(self, request: StreamingRequest, needs: Right, at: Place | None) -> Admission:
        """See `Guard.admit`."""
        return await super().admit(request, Right.NONE if self._is_open() else needs, at)


class MetricsFace:
    """Tells the figures to whoever may see everything."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        counts: WebCounts,
        uploads: UploadCounts,
        delay: LoopDelay,
        disks: Disks,
        threads: IThreads,
    ) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._counts = counts
        self._uploads = uploads
        self._delay = delay
        self._disks = disks
        self._threads = threads

    @routes.on("/-/metrics", "GET", needs=Right.ADMIN)
    async def metrics(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with all figures; a disk that hangs doesn't keep the others back."""
        rooms = await self._disks.rooms()
        await self._threads.run(_bring_in_library)
        body = self._text(request, rooms)
        request.setHeader(b"content-type", MEDIA_TYPE)
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def _text(self, request: StreamingRequest, rooms: Mapping[str, Room | None]) -> bytes:
        # Not at the top: see _bring_in_library, which has been run.
        from peerstor.web.collector import Figures

        site = request.channel.site
        return Figures(
            web=self._counts,
            uploads=self._uploads,
            delay=self._delay,
            connections=site.connections,
            received=site.received,
            sent=site.sent,
            rooms=rooms,
        ).text()


def _bring_in_library() -> None:
    """Import the library of Prometheus where that holds nobody up: few servers are ever asked for figures."""
    from peerstor.web import collector  # noqa: F401
