"""Server-sent events (HTML standard, section 9.2): telling a client that folders have changed, while it listens.

An event tells which folder, and in which version it is; whoever wants to know what is in it asks for its listing,
and is judged anew. So an event that waits for a slow client is nothing but a mark on a folder: however many
changes there are meanwhile, one event tells of the last.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from peerstor.access.throttle import network
from peerstor.errors import Overloaded, Stopping, TooMany
from peerstor.http.blocks import TransferStopped
from peerstor.http.request import StreamingRequest
from peerstor.tree.following import Followed, Following
from peerstor.tree.paths import TreePath
from peerstor.web.counts import WebCounts

BEAT = 20.0
"""Seconds between two signs of life: proxies take a connection that is silent for a minute for a dead one, and so
does a page."""

RETRY = 3000
"""Milliseconds after which a client is to come back that lost its stream."""

EACH, ALL = 32, 2000
"""Streams for one client and in all. A browser has one; behind one address there may be a family, or a school."""

RETRY_AFTER = 30
"""Seconds after which a client may ask again that has too many: until then it can ask for versions."""


class Streams:
    """Keeps the streams within bounds, and ends them."""

    def __init__(self, *, counts: WebCounts, most: int = ALL) -> None:
        """Begin without any.

        :param most: streams in all.
        """
        self._counts = counts
        self._most = most
        self._clients: Counter[str] = Counter()
        self._open: set[EventStream] = set()
        self._closed = False

    @contextmanager
    def turn(self, request: StreamingRequest) -> Iterator[None]:
        """Let a client have a stream.

        :raise TooMany: it has too many.
        :raise Overloaded: there are too many in all.
        :raise Stopping: the server stops.
        """
        who = network(request.remote)
        if self._closed:
            raise Stopping()
        if self._clients[who] >= EACH:
            raise TooMany(retry_after=RETRY_AFTER)
        if self._clients.total() >= self._most:
            raise Overloaded()
        self._clients[who] += 1
        self._counts.streams += 1
        try:
            yield
        finally:
            self._counts.streams -= 1
            self._clients[who] -= 1
            if not self._clients[who]:
                del self._clients[who]

    @contextmanager
    def running(self, stream: "EventStream") -> Iterator[None]:
        """Know a stream while it runs."""
        self._open.add(stream)
        try:
            yield
        finally:
            self._open.discard(stream)

    def look_again(self) -> None:
        """Have each stream ask whether its client may still listen."""
        for stream in list(self._open):
            stream.look_again()

    def close(self) -> None:
        """End all of them; none begins any more."""
        self._closed = True
        for stream in list(self._open):
            stream.end()


@implementer(IPushProducer)
class EventStream:
    """One client that listens.

    At most one event per folder waits for it. Whether it reads at all is for the connection to find out, as with
    any other answer: it is cut when it takes nothing for a minute.
    """

    def __init__(
        self,
        *,
        request: StreamingRequest,
        following: Following,
        clock: IReactorTime,
        may_listen: Callable[[], bool],
        address: Callable[[TreePath], str],
    ) -> None:
        """Make a stream that has yet to run.

        :param may_listen: tells whether the client still may do all that it might when it was let in.
        :param address: spells a folder's path in events.
        """
        self._request: Any = request  # twisted's half of it has no annotations
        self._following = following
        self._clock = clock
        self._may_listen = may_listen
        self._address = address
        self._waiting: dict[Followed, None] = {}
        self._ended: Deferred[None] = Deferred()
        self._paused, self._left = True, False
        self._beat: IDelayedCall | None = None

    async def run(self, folders: Mapping[TreePath, str | None]) -> None:
        """Tell of folders until the client leaves or `end` is called.

        :param folders: those that it wants to hear of, with their versions; None for one that it may not list.
        :raise Overloaded: as `Following.follow`; nothing was written then.
        :raise TransferStopped: the client has left.
        """
        followed: list[Followed] = []
        try:
            for path, version in folders.items():
                if version is not None:
                    followed.append(self._following.follow(path, version, self._changed))
            self._request.registerProducer(self, True)
            events = [_event(self._address(path), version) for path, version in folders.items()]
            self._request.write(b"retry: %d\n\n%s" % (RETRY, b"".join(events)))
            self._await_beat()
            self.resumeProducing()
            await self._ended
        finally:
            self._leave(followed)

    def look_again(self) -> None:
        """End the stream if its client may no longer listen."""
        if not self._may_listen():
            self.end()

    def end(self) -> None:
        """Let the answer come to its end."""
        if not self._ended.called:
            self._ended.callback(None)

    def pauseProducing(self) -> None:
        """Write nothing until the client has taken what was written."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Write what waits."""
        self._paused = False
        self._flush()

    def stopProducing(self) -> None:
        """Write nothing any more: the client has left."""
        self._left = True
        if not self._ended.called:
            self._ended.errback(TransferStopped())

    def _changed(self, followed: Followed) -> None:
        self._waiting[followed] = None
        self._flush()

    def _flush(self) -> None:
        """Write what waits, unless the client is behind or may not hear it."""
        if self._waiting and not self._paused and not self._ended.called:
            self.look_again()
        if self._waiting and not self._paused and not self._ended.called:
            waiting, self._waiting = self._waiting, {}
            self._request.write(b"".join(_event(self._address(each.path), each.version) for each in waiting))

    def _await_beat(self) -> None:
        self._beat = self._clock.callLater(BEAT, self._give_sign)

    def _give_sign(self) -> None:
        """Say that the stream is alive: as an event too, since a page doesn't see comments."""
        self._await_beat()
        self.look_again()
        if not self._paused and not self._ended.called:
            self._request.write(b": alive\nevent: beat\ndata: {}\n\n")

    def _leave(self, followed: list[Followed]) -> None:
        for each in followed:
            self._following.leave(each, self._changed)
        if self._beat is not None:
            self._beat.cancel()
            if not self._left:
                self._request.unregisterProducer()


def _event(address: str, version: str | None) -> bytes:
    data = json.dumps({"path": address, "version": version})
    return f"event: folder\ndata: {data}\n\n".encode()
