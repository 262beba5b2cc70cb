"""Whether the server can do its work, for whoever watches over it."""

import os
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from peerstor.access.rights import Right
from peerstor.errors import Fault
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.routes import Routes

_log = Logger()

FRESH = 1.0
"""Seconds for which an answer of the storage holds, so that a crowd of probes costs one look."""

PATIENCE = 2.0
"""Seconds that the storage has to answer in: a busy disk does, and a probe waits that long."""


class Pulse:
    """Asks the storage whether it is there, one question at a time: if one hangs, it costs one thread, no more."""

    def __init__(self, *, look: Callable[[], None], threads: IThreads, clock: IReactorTime) -> None:
        """Know nothing yet.

        :param look: looks at the storage; raises what is wrong with it. It may block for ever.
        """
        self._look = look
        self._threads = threads
        self._clock = clock
        self._good = False
        self._known_until = float("-inf")
        self._asked_at: float | None = None
        self._waiting: list[Deferred[None]] = []

    async def felt(self) -> bool:
        """Tell whether the storage answers, within `PATIENCE`."""
        now = self._clock.seconds()
        if self._asked_at is None and now >= self._known_until:
            self._asked_at = now
            Deferred.fromCoroutine(self._ask())
        if self._asked_at is not None:
            await self._answered(PATIENCE - (now - self._asked_at))
        return self._good and self._asked_at is None

    async def _ask(self) -> None:
        try:
            await self._threads.run(self._look)
            self._good = True
        except (Fault, OSError):
            self._good = False
        except Exception:
            _log.failure("The storage could not be asked whether it is well")
            self._good = False
        self._asked_at, self._known_until = None, self._clock.seconds() + FRESH
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)

    async def _answered(self, seconds: float) -> None:
        """Wait for the answer, for so long at most; a client that leaves waits no longer."""
        if seconds <= 0:
            return
        done: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(done)
        patience = self._clock.callLater(seconds, self._give_up, done)
        try:
            await done
        finally:
            if patience.active():
                patience.cancel()

    def _give_up(self, done: Deferred[None]) -> None:
        self._waiting.remove(done)
        done.callback(None)


def look_at(sandbox: Sandbox) -> Callable[[], None]:
    """Make the look at a storage: its folder is the right one, can be opened, and its file system answers."""

    def look() -> None:
        with sandbox.folder(TreePath((), slash=True)) as root:
            os.fstatvfs(root.fd)

    return look


class HealthFace:
    """Says that all is well, or not; nothing of what, where or which version."""

    routes = Routes()

    def __init__(self, *, guard: Guard, errors: Errors, cors: Cors, pulse: Pulse) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._pulse = pulse

    @routes.on("/-/health", "GET", needs=Right.NONE)
    async def health(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer 200 or 503."""
        site = request.channel.site
        # Asked again behind the wait: the server may have begun to stop meanwhile.
        good = not site.stopping and await self._pulse.felt() and not site.stopping
        body = b'{"status":"ok"}\n' if good else b'{"status":"unavailable"}\n'
        request.setResponseCode(200 if good else 503)
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-length", b"%d" % len(body))
        return body
