"""One HTTP/1.1 connection that runs a request's handler at the end of its headers.

twisted.web spools a body before its handler runs. What has to differ for streaming lives in this file and in
`request.py`; how heads are read, in `strict.py`; how answers are sent, in `answering.py`. The private names of
twisted that they touch are listed in `tests/http/test_twisted_names.py`.
"""

from enum import Enum, auto
from typing import Any, cast

from twisted.internet.interfaces import IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.http.answering import UNSENT_OF_KEEN, AnsweringChannel
from peerstor.http.body import BodyStream, Hold
from peerstor.http.clients import LOCAL, UNKNOWN, client_address
from peerstor.http.deadline import Deadline
from peerstor.http.intake import Intake
from peerstor.http.keen import Keenness
from peerstor.http.outflow import unsent
from peerstor.http.progress import Progress, Verdict
from peerstor.http.request import StreamingRequest, new_request_id

PIPELINED_AT_MOST = 16 * 1024
UNSENT_AT_MOST = 64 * 1024 - 1
"""Bytes that wait to be sent before a producer is paused: one less than a block of `http/sender.py`, so that a
client that stalls holds one block in memory and not two, while one that reads never waits for the next."""


class Phase(Enum):
    """What a connection is in the middle of."""

    HEAD = auto()
    IDLE = auto()
    BUSY = auto()
    CLOSING = auto()


@implementer(IHalfCloseableProtocol)
class StreamingChannel(AnsweringChannel):
    """The protocol of one connection; see the module's docstring."""

    _networkProducer: Any
    requestFactory: Any = StreamingRequest
    timeOut = None  # twisted's own timer restarts with every byte, so that a dripping head is never cut

    def __init__(self) -> None:
        super().__init__()
        self.continue_sent = False
        self.address = UNKNOWN
        self._secure = False
        self._host: Any = None
        self._phase = Phase.HEAD
        self._body: BodyStream | None = None
        self._intake: Intake | None = None
        self._paused = False
        self._heard_all = False
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
        self._keenness = Keenness(UNSENT_OF_KEEN, now=self.site.reactor.seconds)
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
        if self.requests and self.requests[0].endless:
            self.abort()
            return
        if self._body is not None and not self.requests[0].finished:
            self._refuse(400)
        if self._is_closing():
            self._linger_expired()
        elif self._body is not None or not self.busy:
            self._close()

    def writeConnectionLost(self) -> None:
        """Note nothing: that side is closed by ourselves alone."""

    def getHost(self) -> Any:
        """Give our end's address: twisted asks for it at each request, and would ask the kernel each time."""
        if self._host is None:
            self._host = super().getHost()
        return self._host

    def isSecure(self) -> bool:
        """Tell whether the connection is encrypted, which is so or not for as long as there is one."""
        return self._secure

    def _is_closing(self) -> bool:
        return self._phase is Phase.CLOSING

    def _is_idle(self) -> bool:
        return self._phase is Phase.IDLE

    def _begin_idle(self) -> None:
        self._phase = Phase.IDLE
        self._deadline.set(self.site.timeouts.idle, self._close)

    def _begin_request(self) -> StreamingRequest:
        # What of the last answer is still under way isn't asked of the kernel: for that the first look is enough.
        self._begin_busy(taken=self._written)
        # As twisted has it once a head is complete: what comes meanwhile waits for the end of the answer.
        self.persistent = True
        self._handlingRequest = True
        self.setRawMode()
        request: StreamingRequest = self.requestFactory(self)
        self.requests.append(request)
        return request

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
            self._begin_idle()
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

    def _begin_busy(self, taken: int | None = None) -> None:
        self._phase = Phase.BUSY
        self._measure_anew(taken)
        self._deadline.set(self.site.timeouts.check, self._check_progress)

    def _measure_anew(self, taken: int | None = None) -> None:
        received = self._body.received if self._body is not None else 0
        taken = self._written - unsent(self.transport) if taken is None else taken
        self._progress.begin(taken=taken, received=received)

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
