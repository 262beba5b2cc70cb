"""Figures of the server for Prometheus."""

from collections.abc import Callable
from typing import Any

from peerstor.access.rights import Right
from peerstor.daemon.loopdelay import LoopDelay
from peerstor.http.request import StreamingRequest
from peerstor.uploads.counts import UploadCounts
from peerstor.web.collector import Figures
from peerstor.web.cors import Cors
from peerstor.web.counts import WebCounts
from peerstor.web.errors import Errors
from peerstor.web.freespace import Disks
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
    ) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._counts = counts
        self._uploads = uploads
        self._delay = delay
        self._disks = disks

    @routes.on("/-/metrics", "GET", needs=Right.ADMIN)
    async def metrics(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with all figures; a disk that hangs doesn't keep the others back."""
        rooms = await self._disks.rooms()
        site = request.channel.site
        figures = Figures(
            web=self._counts,
            uploads=self._uploads,
            delay=self._delay,
            connections=site.connections,
            received=site.received,
            sent=site.sent,
            rooms=rooms,
        )
        body = figures.text()
        request.setHeader(b"content-type", MEDIA_TYPE)
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-length", b"%d" % len(body))
        return body
