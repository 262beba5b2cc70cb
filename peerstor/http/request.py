"""A request that runs its handler when the headers are complete, and spools nothing."""

import random
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.python.failure import Failure
from twisted.web.server import Request

from peerstor.http.answerheaders import set_header
from peerstor.http.body import BodyCut, BodyStream
from peerstor.http.dates import http_now
from peerstor.http.namerepeats import NameSource
from peerstor.http.phrases import phrase
from peerstor.http.rangerepeats import RangeSource
from peerstor.http.repeats import Source
from peerstor.http.seams import Connection

DRAIN_AT_MOST = 256 * 1024
"""Bytes of an unwanted body that are read for the sake of the connection; above, a new connection is cheaper."""

UNANSWERED = 499
"""What the access log says of a request whose client left before the answer began: nginx's number for it."""

UNROUTED = "none"
"""The route of a request that nobody took: its address is none of ours, or it was refused before that mattered."""


def new_request_id() -> str:
    """Make up an id: at random, so that it tells nobody how many there were, and two servers have no two alike.

    It is no secret, so a fast generator will do.
    """
    return f"{random.getrandbits(64):016x}"


class StreamingRequest(Request):
    """One request on a `StreamingChannel`.

    `body` is its content, as a stream. twisted.web calls `requestReceived` when a body is complete; here the
    channel calls it at the end of the headers, and twisted.web's own later call is taken as the end of the body.

    Who asks for what, and how, are attributes that begin as the connection has them; whoever knows better (a
    trusted proxy told) may set them, and everybody reads them instead of the connection or the Host header.

    :ivar remote: the client's address; `-` where it is unknown, `unix` for a UNIX socket.
    :ivar secure: whether the client's request came over TLS.
    :ivar authority: the host, and the port where there is one, as the client spelled it; None where HTTP/1.0 told
        none.
    :ivar request_id: tells it from all others, in answers and logs: of `[A-Za-z0-9._-]`, 64 characters at most.
    :ivar source: where the answer came from, set by whoever would give the same one again to the same request;
        None where that isn't known.
    :ivar ranges: likewise, where any range of the same file may be sent to a request that asks for another one.
    :ivar names: likewise, where another file may be stored beside the one that this request brought.
    :ivar endless: whether its answer has no end of its own, so that a client which has closed its side of the
        connection has left, and isn't waiting for the rest.
    :ivar route: what took it, in one of so many words as there are routes; whoever takes it says so.
    """

    channel: Connection  # type: ignore[assignment]
    site: Any
    defaultContentType = None

    def __init__(self, channel: Connection, *args: Any, **kw: Any) -> None:
        super().__init__(channel, *args, **kw)
        self._body: BodyStream | None = None
        self.expects_continue = False
        self.remote = channel.address
        self.secure = channel.isSecure()
        self.authority: bytes | None = None
        self.request_id = new_request_id()
        self.route = UNROUTED
        self.endless = False
        self.source: Source | None = None
        self.ranges: RangeSource | None = None
        self.names: NameSource | None = None
        self._dispatched = False
        self._answered_early = False
        self._refused = 0

    @property
    def body(self) -> BodyStream:
        """The content. Most requests have none, and need no stream either."""
        if self._body is None:
            self._body = BodyStream(None, length=0)
        return self._body

    @property
    def bodiless(self) -> bool:
        """Whether it came without content."""
        return self._body is None or self._body.length == 0

    def open_body(self, length: int | None, *, expects_continue: bool) -> None:
        """Make `body` a stream that is fed by the channel.

        :param length: bytes; None when chunked.
        :param expects_continue: the client waits for a 100 before it sends anything (RFC 9110, section 10.1.1).
        """
        self._body = BodyStream(self.channel, length=length)
        self.expects_continue = expects_continue

    def handleContentChunk(self, data: bytes | memoryview) -> None:
        """Pass on what the channel decoded."""
        self.channel.site.received += len(data)
        self.body.data(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Run the handler at the first call; take the second one as the end of the body."""
        if not self._dispatched:
            self._dispatched = True
            self.authority = self.requestHeaders.getRawHeaders(b"host", [None])[0]
            self.method, self.uri, self.clientproto = command, path, version
            self.path = path.partition(b"?")[0]
            self.process()
            return
        # Delivering the end can run the handler, and with it the answer, to the end inside this call; only an
        # answer that was finished before has its clean-up outstanding.
        answered = self._answered_early
        self.body.end()
        if answered:
            super()._cleanup()

    def decided(self) -> None:
        """Be one that is like another, which was read and decided on before; it is described next."""
        self._dispatched = True
        self.site = self.channel.site

    def process(self) -> None:
        """Have the site's resource answer.

        That is so for `OPTIONS *` too: twisted would answer it before anybody has looked at the Host. Nor are the
        parameters taken apart here: whoever asks for one reads it strictly.
        """
        self.site = self.channel.site
        self.setHeader(b"date", http_now())
        segments = self.path[1:].split(b"/")
        self.prepath = []
        self.postpath = [unquote_to_bytes(each) for each in segments] if b"%" in self.path else segments
        try:
            self.render(self.site.getResourceFor(self))
        except BaseException:
            self.processingFailed(Failure())

    def setHeader(self, name: bytes, value: bytes) -> None:
        """Set a header of the answer."""
        set_header(self.responseHeaders, name, value)

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        """Set the status, and what it is called."""
        super().setResponseCode(code, phrase(code) if message is None else message)

    def write(self, data: bytes) -> None:
        """Write a piece of the answer, deciding at the first one what becomes of an unread body."""
        if self.startedWriting or self.finished or self._disconnected:
            super().write(data)
            return
        self._settle_connection()
        with self.channel.gathering():
            super().write(data)

    @property
    def drainable(self) -> bool:
        """Whether reading the rest of the body costs less than a new connection."""
        waits = self.expects_continue and not self.channel.continue_sent and not self.body.received
        remaining = self.body.remaining
        return remaining is not None and remaining <= DRAIN_AT_MOST and not waits

    def _settle_connection(self) -> None:
        if (self._body is not None and self._body.open and not self.drainable) or self.channel.site.stopping:
            self.channel.persistent = False
        if not self.channel.persistent:
            self.setHeader(b"connection", b"close")

    def _cleanup(self) -> None:
        """Hand the connection on, but never before the body has ended: its rest would be read as a request."""
        if self._body is not None and self._body.open:
            self._answered_early = True
            self.channel.answered_early(self)
            return
        super()._cleanup()

    def cut(self) -> None:
        """Break the connection off: an answer that was begun can't be finished truthfully."""
        if not (self._disconnected or self.finished or self._refused):
            self.channel.abort()

    def refused(self, status: int) -> None:
        """Take note that the connection answers in the handler's place, which must not answer any more.

        As with a lost connection, whoever produces the answer hears of it first, and then the handler.
        """
        self._refused = status
        producer: Any = self.producer
        if producer is not None:
            self.unregisterProducer()
            producer.stopProducing()
        self.connectionLost(Failure(BodyCut()))

    def connectionLost(self, reason: Failure) -> None:
        """Let twisted.web cancel the handler first, then fail the body."""
        if not self.finished and self._dispatched:
            if not self.startedWriting:
                self.code = self._refused or UNANSWERED
            self.channel.site.log(self)
        super().connectionLost(reason)
        if self._body is not None:
            self._body.fail(Failure(BodyCut()))

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer an unforeseen error; when the answer has begun, cut the connection instead."""
        if self.startedWriting or self._disconnected:
            self._log.failure("an answer failed after it had begun", failure=reason, request=self.request_id)
            self.cut()
        else:
            super().processingFailed(reason)
        return reason
