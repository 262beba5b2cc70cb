"""One HTTP/1.1 connection that runs a request's handler at the end of its headers.

twisted.web spools a body before its handler runs. Everything that has to differ for streaming lives in this file
and in `request.py`; the private names of twisted that they touch are listed in `tests/http/test_twisted_names.py`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any, cast

from twisted.internet.interfaces import IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers, InvalidHeaderName, _nameEncoder
from zope.interface import implementer

from peerstor.http.body import BodyStream, Hold
from peerstor.http.chunks import BoundedChunks
from peerstor.http.clients import LOCAL, UNKNOWN, client_address
from peerstor.http.deadline import Deadline
from peerstor.http.heads import lines_of
from peerstor.http.intake import Intake
from peerstor.http.outflow import unsent
from peerstor.http.outright import emptied, send
from peerstor.http.progress import Progress, Verdict
from peerstor.http.repeats import Answer, repeatable
from peerstor.http.request import StreamingRequest, new_request_id
from peerstor.http.seams import House

TARGET_AT_MOST = 8 * 1024
PIPELINED_AT_MOST = 16 * 1024
UNSENT_AT_MOST = 64 * 1024 - 1
"""Bytes that wait to be sent before a producer is paused: one less than a block of `http/sender.py`, so that a
client that stalls holds one block in memory and not two, while one that reads never waits for the next."""
FRAMING = (b"content-length", b"transfer-encoding")
"""The headers that tell how long a body is."""

ABSOLUTE_FORM = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


class Phase(Enum):
    """What a connection is in the middle of."""

    HEAD = auto()
    IDLE = auto()
    BUSY = auto()
    CLOSING = auto()


@implementer(IHalfCloseableProtocol)
class StreamingChannel(HTTPChannel):
    """The protocol of one connection; see the module's docstring."""

    site: House
    transport: Any  # twisted's interfaces name a part each of what a stream transport offers
    _networkProducer: Any
    requestFactory: Any = StreamingRequest
    maxHeaders = 100
    totalHeadersSize = 16 * 1024
    timeOut = None  # twisted's own timer restarts with every byte, so that a dripping head is never cut

    def __init__(self) -> None:
        super().__init__()
        self.continue_sent = False
        self.address = UNKNOWN
        self._secure = False
        self._phase = Phase.HEAD
        self._body: BodyStream | None = None
        self._intake: Intake | None = None
        self._paused = False
        self._heard_all = False
        self._written = 0
        self._untouched = True
        self._raw: bytes | None = None
        self._gathered: list[bytes] | None = None
        self._waiting_to_be_done: StreamingRequest | None = None

    # Life of the connection.

    def connectionMade(self) -> None:
        """Begin to wait for a head, or refuse a client that has too many connections."""
        self.transport.bufferSize = UNSENT_AT_MOST
        self.address = client_address(self.transport)
        self._secure = bool(super().isSecure())
        self._place = (self._secure, self.address == LOCAL)
        super().connectionMade()
        self._deadline = Deadline(self.site.reactor)
        self._progress = Progress(clock=self.site.reactor, limits=self.site.timeouts)
        if not self.site.admit(self):
            if self.site.swamped(self):
                self.abort()
                return
            self._refuse(429, {b"Retry-After": b"5"})
            return
        self._deadline.set(self.site.timeouts.head, self._head_expired)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let go of everything."""
        self._deadline.clear()
        self._body = None
        self._end_intake()
        super().connectionLost(reason)
        self.site.forget(self)

    def readConnectionLost(self) -> None:
        """Answer what was asked in whole, though the client has closed its side, and then close ours.

        A client may say by its close that it has no more to ask (`nc -N`, small devices); whoever is gone
        altogether shows by refusing what is written. The reactor may tell of the same close again.
        """
        self._heard_all = True
        if self._body is not None and not self.requests[0].finished:
            self._refuse(400)
        if self._is_closing():
            self._linger_expired()
        elif self._body is not None or not self.busy:
            self._close()

    def writeConnectionLost(self) -> None:
        """Note nothing: that side is closed by ourselves alone."""

    def isSecure(self) -> bool:
        """Tell whether the connection is encrypted, which is so or not for as long as there is one."""
        return self._secure

    def _is_closing(self) -> bool:
        return self._phase is Phase.CLOSING

    @property
    def busy(self) -> bool:
        """Whether a request is under way (the head complete, the answer not)."""
        return self._phase is Phase.BUSY

    def abort(self) -> None:
        """Close at once and drop what was not yet sent."""
        self.transport.abortConnection()

    def finish_and_close(self) -> None:
        """Close as soon as the request that is under way has been answered; at once where there is none."""
        self.persistent = False
        if self._phase in (Phase.IDLE, Phase.HEAD):
            self._phase = Phase.CLOSING
            self._deadline.set(self.site.timeouts.goodbye, self._give_up)
            self.loseConnection()

    # Reading.

    def dataReceived(self, data: bytes) -> None:
        """Read, without twisted's restart of the timer at every byte."""
        if self._is_closing():
            return
        if self._answered_again(data):
            return
        if self._phase is Phase.IDLE:
            self._phase = Phase.HEAD
            self._deadline.set(self.site.timeouts.head, self._head_expired)
        LineReceiver.dataReceived(self, self._behind_head(data))
        self.body_held()

    def _behind_head(self, data: bytes) -> bytes:
        """Take the lines of a head that came whole (`peerstor.http.heads`); give what is left to be read.

        What is left begins with the empty line: the end of the head, and all behind it, is read the ordinary way.
        """
        begins = self.line_mode and self.persistent and "_command" not in self.__dict__
        if not (begins and self.site.lanes) or self._buffer or self._busyReceiving:
            return data
        lines = lines_of(data)
        if lines is None:
            return data
        self.lineReceived(lines[0])
        if "_command" in self.__dict__ and all(map(self.headerReceived, lines[1:])):
            return data[sum(map(len, lines)) + 2 * len(lines) :]
        return b""

    # The fast lane: see `peerstor.http.repeats`.

    def _answered_again(self, data: bytes) -> bool:
        """Answer a request that came before and whose answer still holds; else remember the request, if it may."""
        fresh, self._untouched = self._untouched or self._phase is Phase.IDLE, False
        repeats, self._raw = self.site.repeats, None
        if repeats is None or not fresh or self._buffer or self._busyReceiving or not repeatable(data):
            return False
        self._raw = data
        if self._waitingForTransport or not emptied(self.transport):
            return False
        found = repeats.find(data, self._place)
        if found is None:
            return False
        self._answer_again(*found)
        return True

    def _answer_again(self, answer: Answer, content: bytes) -> None:
        told = answer.told
        told.channel, told.sentLength, told.request_id = self, len(content), new_request_id()
        send(self.transport, b"".join((*answer.head(told.request_id), content)))
        self._written += len(content)
        self.site.sent += len(content)
        self._phase = Phase.IDLE
        self._deadline.set(self.site.timeouts.idle, self._close)
        self.site.log(told)
        told.channel = None

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Write the head of an answer, and remember it where the same may be given again."""
        lines = [b"%s: %s\r\n" % (name, value) for name, values in headers.getAllRawHeaders() for value in values]
        self._pass_on(b"%s %s %s\r\n%s\r\n" % (version, code, reason, b"".join(lines)))
        request = cast(StreamingRequest, self.requests[0])
        raw, self._raw = self._raw, None
        if raw is None or request.source is None or self.site.repeats is None or not self.persistent:
            return
        if self._body is None and code in (b"200", b"304") and not headers.hasHeader(b"set-cookie"):
            status = b" ".join((version, code, reason))
            answer = Answer(request, request.source, status, headers.getAllRawHeaders())
            self.site.repeats.keep(raw, self._place, answer)

    def lineReceived(self, line: bytes) -> None:
        """Check what twisted doesn't: the target's length and letters, folded headers, the size of the head."""
        if self._is_closing():
            return
        if "_command" not in self.__dict__:
            if len(line) > TARGET_AT_MOST and len(line.split(b" ")[1 % (line.count(b" ") + 1)]) > TARGET_AT_MOST:
                self._refuse(414)
                return
            if not line.isascii() or b"\x7f" in line:  # twisted lets some of these pass, and not others
                self._refuse(400)
                return
        elif line[:1] in (b" ", b"\t"):  # obsolete folding: RFC 9112, section 5.2
            self._refuse(400)
            return
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self._refuse(431)
            return
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is longer than a whole head may be."""
        if not self._is_closing():
            self._refuse(431 if "_command" in self.__dict__ else 414)

    def headerReceived(self, line: bytes) -> bool:
        """Refuse framing that two parsers could read in two ways (RFC 9112, sections 6.1 and 11.2)."""
        if self._is_closing():
            return False
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        lower = name.lower()
        framing = lower in FRAMING
        if framing and self._is_doubtful(lower, value):
            self._refuse(400)
            return False
        if self._receivedHeaderCount >= self.maxHeaders:
            self._refuse(431)
            return False
        return self._framed(line, lower) if framing else self._noted(name, value, whole=bool(colon))

    def _is_doubtful(self, name: bytes, value: bytes) -> bool:
        if name == b"content-length":
            return not (value.isdigit() and len(value) <= 18)
        return value.lower() != b"chunked" or self._version != b"HTTP/1.1"

    def _framed(self, line: bytes, name: bytes) -> bool:
        """Have twisted choose who decodes the body."""
        accepted = bool(super().headerReceived(line)) and not self._is_closing()
        if accepted and name == b"transfer-encoding":
            self._transferDecoder = BoundedChunks(self.requests[-1].handleContentChunk, self._finishRequestBody)
        return accepted

    def _noted(self, name: bytes, value: bytes, *, whole: bool) -> bool:
        """Keep a header that has nothing to do with framing; each of twisted's checks, in a third of the time.

        RFC 9110, sections 5.1 and 5.5: the name is a token, and the value holds no NUL, CR or LF.

        :param whole: whether there was a colon.
        """
        try:
            known = _nameEncoder.encode(name)
        except InvalidHeaderName:
            whole = False
        if not whole or len(value.translate(None, b"\0\r\n")) != len(value):
            self._refuse(400)
            return False
        self.requests[-1].requestHeaders._rawHeaders.setdefault(known, []).append(value)
        self._receivedHeaderCount += 1
        return True

    def allHeadersReceived(self) -> None:
        """Run the handler, with the body still to come."""
        request = cast(StreamingRequest, self.requests[-1])
        if self._is_closing() or not self._target_settled(request):
            self._refuse(400)
            return
        self.persistent = self.checkPersistence(request, self._version)
        self._begin_busy()
        if self.length == 0:
            return  # twisted goes on to allContentReceived at once, and that runs the handler
        expect = request.requestHeaders.getRawHeaders(b"Expect", [b""])[0]
        self.continue_sent = False
        request.open_body(
            self.length, expects_continue=expect.lower() == b"100-continue" and self._version == b"HTTP/1.1"
        )
        self._body = request.body
        request.requestReceived(self._command, self._path, self._version)

    def _target_settled(self, request: StreamingRequest) -> bool:
        """Turn an absolute-form target into origin-form and its Host; tell whether the head can be trusted.

        RFC 9112, section 3.2: a request of HTTP/1.1 without or with two Hosts is malformed; the authority of an
        absolute-form target replaces Host.
        """
        hosts = request.requestHeaders.getRawHeaders(b"Host", [])
        if len(hosts) > 1 or (not hosts and self._version == b"HTTP/1.1"):
            return False
        if absolute := ABSOLUTE_FORM.fullmatch(self._path):
            authority, rest = absolute.groups()
            request.requestHeaders.setRawHeaders(b"Host", [authority])
            self._path = rest if rest.startswith(b"/") else b"/" + rest
        return self._path.startswith(b"/") or (self._path == b"*" and self._command == b"OPTIONS")

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Read `Connection` as the list that it is (RFC 9112, section 9.3)."""
        options = b",".join(request.requestHeaders.getRawHeaders(b"Connection", [])).lower()
        return version == b"HTTP/1.1" and b"close" not in {o.strip() for o in options.split(b",")}

    def rawDataReceived(self, data: bytes) -> None:
        """Decode the body; keep what is pipelined behind it, within bounds even for a client that doesn't read."""
        if self._is_closing():
            return
        if self._handlingRequest:
            self._dataBuffer.append(data)
            if sum(map(len, self._dataBuffer)) > PIPELINED_AT_MOST:
                self._networkProducer.pauseProducing()
            return
        super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        """Give the request its end; from here on the connection reads for the next one."""
        if self._is_closing():
            return
        if self._body is not None:
            # What held the body must not hold the next request.
            self._body = None
            self._end_intake()
            self._resume()
        super().allContentReceived()

    # The body's side: see `peerstor.http.body.Flow`.

    def body_wanted(self) -> None:
        """Send the 100 that the client waits for, but never after a final status."""
        request = cast(StreamingRequest, self.requests[0])
        if request.expects_continue and not self.continue_sent and not request.startedWriting:
            self.continue_sent = True
            if not request.body.received:
                self._send100Continue()
        if self.site.lanes and request.body.takes_views and Intake.suits(self.transport):
            self._intake = Intake(
                transport=self.transport, basin=self.site.basin, body=request.body, arrived=self._body_arrived
            )

    def _body_arrived(self, view: memoryview) -> None:
        """Take bytes of the body that came past the decoder, and have the decoder tell of the end."""
        decoder: Any = self._transferDecoder
        decoder.contentLength -= len(view)
        self.requests[0].handleContentChunk(view)
        if self._body is not None and not self._body.remaining:
            self.rawDataReceived(b"")
        self.body_held()

    def _end_intake(self) -> None:
        if self._intake is not None:
            self._intake.give_back()
            self._intake = None

    def body_held(self) -> None:
        """Stop reading, once the first bytes of a body are there that nobody may take yet.

        Before that the socket is still read, since only so a client that leaves is noticed.
        """
        if self._body is not None and self._body.held and self._body.received:
            self._pause()

    def body_released(self) -> None:
        """Read again, and begin anew to measure how fast the client is."""
        self._resume()
        self._measure_anew()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._networkProducer.pauseProducing()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._networkProducer.resumeProducing()

    # Writing.

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Send the head of an answer and what is written with it in one go, and at once.

        Twisted would wait for the next turn of its loop, which costs as much as all of its sending does.
        """
        if not self.site.lanes or self._waitingForTransport or not emptied(self.transport):
            yield
            return
        self._gathered = []
        try:
            yield
        finally:
            gathered, self._gathered = self._gathered, None
            send(self.transport, b"".join(gathered))

    def _pass_on(self, data: bytes) -> None:
        if self._gathered is None:
            self.transport.write(data)
        else:
            self._gathered.append(data)

    def write(self, data: bytes) -> None:
        """Write, and count."""
        self._written += len(data)
        self.site.sent += len(data)
        self._pass_on(data)

    def writeSequence(self, iovec: list[bytes]) -> None:
        """Write, and count."""
        length = sum(map(len, iovec))
        self._written += length
        self.site.sent += length
        if self._gathered is None:
            super().writeSequence(iovec)
        else:
            self._gathered += iovec

    def sent_aside(self, count: int) -> None:
        """Count bytes of an answer that go to the socket in another way than through `write`."""
        self._written += count
        self.site.sent += count

    def pauseProducing(self) -> None:
        """Hold the producer of the answer, and the body: who doesn't read may not send."""
        self._waitingForTransport = True
        if self._requestProducer is not None:
            self._requestProducer.pauseProducing()
        if self._body is not None:
            self._body.hold(Hold.WRITING)
        elif not self._handlingRequest:
            self._networkProducer.pauseProducing()

    def resumeProducing(self) -> None:
        """Let the answer, the body and the next request go on."""
        self._waitingForTransport = False
        if self._requestProducer is not None:
            self._requestProducer.resumeProducing()
        if self._waiting_to_be_done is not None:
            request, self._waiting_to_be_done = self._waiting_to_be_done, None
            self.requestDone(request)
        elif self._body is not None:
            self._body.release(Hold.WRITING)
        elif not self._handlingRequest:
            self._networkProducer.resumeProducing()

    def requestDone(self, request: StreamingRequest) -> None:
        """Go on to the next request, once the client has taken enough of this answer.

        Without the wait, a client that pipelines and doesn't read has all its answers piled up in memory.
        """
        if self.persistent and self._waitingForTransport:
            self._waiting_to_be_done = request
            return
        if self.persistent:
            self._phase = Phase.IDLE
            self._deadline.set(self.site.timeouts.idle, self._close)
        else:
            self._begin_closing()
        super().requestDone(request)
        if self._heard_all and not (self.busy or self._is_closing()):
            self._close()

    # Answering before the end of the body.

    def answered_early(self, request: StreamingRequest) -> None:
        """Decide what becomes of the rest of a body that nobody wants."""
        request.body.discard()
        if not self.persistent:
            self._linger()

    def _linger(self) -> None:
        """Close in stages (RFC 9112, section 9.6).

        Closing with unread data resets the connection, and the client may lose the answer.
        """
        self._phase = Phase.CLOSING
        self._paused = False
        self._networkProducer.unregisterProducer()
        self.transport.resumeProducing()
        if ITCPTransport.providedBy(self.transport) and not self.isSecure():
            self.transport.loseWriteConnection()
        self._deadline.set(self.site.timeouts.linger, self._linger_expired)

    def _refuse(self, status: int, headers: dict[bytes, bytes] | None = None) -> None:
        """Answer a request that can't be dispatched or gone on with, and close."""
        if self._is_closing():
            return
        self._phase = Phase.CLOSING
        begun = any(request.startedWriting for request in self.requests)
        request_id = self.requests[0].request_id if self.requests else new_request_id()
        for request in list(self.requests):
            self.requests.remove(request)
            request.refused(status)
        self._body = None
        self._end_intake()
        if begun:
            self.abort()
            return
        self.transport.write(self.site.refusal(status, request_id, headers or {}))
        self._linger()

    def _respondToBadRequestAndDisconnect(self) -> None:
        self._refuse(400)

    def _close(self) -> None:
        """Close as soon as the client has taken what is written."""
        self._begin_closing()
        self.loseConnection()

    def _begin_closing(self) -> None:
        self._phase = Phase.CLOSING
        if self.isSecure():
            # twisted waits for the client's own goodbye (close_notify), which may never come.
            self._deadline.set(self.site.timeouts.linger, self._give_up)
        else:
            self._watch_closing()

    def _watch_closing(self) -> None:
        self._deadline.set(self.site.timeouts.response, self._closing_expired)
        self._measure_anew()

    # Time.

    def _begin_busy(self) -> None:
        self._phase = Phase.BUSY
        self._measure_anew()
        self._deadline.set(self.site.timeouts.check, self._check_progress)

    def _measure_anew(self) -> None:
        received = self._body.received if self._body is not None else 0
        self._progress.begin(taken=self._written - unsent(self.transport), received=received)

    def _head_expired(self) -> None:
        if self.requests:
            self._refuse(408)
        else:  # nothing was asked, so nothing is to be answered
            self._close()

    def _linger_expired(self) -> None:
        self._deadline.set(self.site.timeouts.linger, self._give_up)
        self.transport.loseConnection()

    def _give_up(self) -> None:
        """Abort, unless the client is still taking the answer."""
        if unsent(self.transport):
            self._watch_closing()
        else:
            self.abort()

    def _closing_expired(self) -> None:
        if unsent(self.transport) and self._takes():
            self._deadline.set(self.site.timeouts.response, self._closing_expired)
        else:
            self.abort()

    def _takes(self) -> bool:
        return self._progress.takes(written=self._written, pending=unsent(self.transport))

    def _check_progress(self) -> None:
        """Look whether a busy connection moves; cut it where the client is at fault for long enough."""
        verdict = self._progress.judge(body=self._body, taking=self._takes(), waiting=self._waitingForTransport)
        if verdict is Verdict.TOO_SLOW:
            self._refuse(408)
        elif verdict is Verdict.STALLED:
            self.abort()
        else:
            self._deadline.set(self.site.timeouts.check, self._check_progress)
