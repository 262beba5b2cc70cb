"""The bytes of a connection: framing, pipelining, answers that come early and late."""

from __future__ import annotations

import re
from typing import Any

from attrs import define, field

from peerstor.http.body import BodyCut, DeliveryStopped
from peerstor.http.channel import PIPELINED_AT_MOST
from peerstor.http.request import StreamingRequest
from tests.fuzz.failures import no_failure_logged
from tests.fuzz.framing import Reading, read
from tests.fuzz.splits import split
from tests.http.wire import Plain

WORDS = (
    b"GET ", b"HEAD ", b"PUT ", b"POST ", b"OPTIONS * ", b"/a", b"/early", b"/late", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    b"Host: h\r\n", b"Host : h\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"\r\n\r\n", b"\r\n", b"\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding:\tChunked\r\n", b"Transfer-Encoding: chunked, identity\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"http://o/", b"\r\n ",
    b"0\r\n\r\n", b"5\r\nhello\r\n", b"5;x=y\r\n", b"0x5\r\n", b"-5\r\n", b"ffffffffffffffff\r\n", b"\r\n\t", b"chunked",
)  # fmt: skip

HEAD_AT_MOST = 16 * 1024
"""Bytes of one head that may be kept until it is complete."""


@define
class Seen:
    """A request as its handler sees it."""

    method: bytes
    path: bytes
    number: int
    body: bytes = b""
    whole: bool = False
    early: bool = False

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Need no pauses."""

    def unregisterProducer(self) -> None:
        """Have nothing to undo."""

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.body += data


@define
class Outcome:
    """What a stream led to."""

    seen: list[Seen] = field(factory=list)
    answers: list[tuple[int, int | None]] = field(factory=list)
    closing: bool = False

    @property
    def told(self) -> Any:
        """What must not depend on how the network cuts the stream."""
        return [(each.method, each.path, each.body, each.whole) for each in self.seen], self.answers, self.closing


class Served:
    """One connection, with handlers that answer at once, at the end of the body, or later."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.connection = Plain(self.handle)

    def handle(self, request: StreamingRequest) -> None:
        seen = Seen(request.method, request.path, len(self.outcome.seen), early=request.path.startswith(b"/early"))
        self.outcome.seen.append(seen)
        if seen.early:
            self.answer(request, seen)
            return
        done = request.body.deliver(seen)
        done.addCallback(lambda _: self.at_the_end(request, seen))
        done.addErrback(lambda failure: failure.trap(BodyCut, DeliveryStopped))

    def at_the_end(self, request: StreamingRequest, seen: Seen) -> None:
        seen.whole = True
        if request.path.startswith(b"/late"):
            self.connection.clock.callLater(1, self.answer, request, seen)
        else:
            self.answer(request, seen)

    def answer(self, request: StreamingRequest, seen: Seen) -> None:
        if request._disconnected:
            return
        request.setHeader(b"x-number", b"%d" % seen.number)
        request.setHeader(b"content-length", b"6")
        request.write(b"answer")
        request.finish()

    def send(self, piece: bytes) -> None:
        before = self.kept()
        self.connection.send(piece)
        # Pipelined bytes are kept in whole reads: one may come after the pause.
        assert self.kept() <= max(before, HEAD_AT_MOST + PIPELINED_AT_MOST) + len(piece), self.kept()

    def kept(self) -> int:
        channel: Any = self.connection.channel
        body = sum(sum(map(len, request.body._early)) for request in self.connection.requests[-1:])
        return len(channel._buffer) + sum(map(len, channel._dataBuffer)) + body

    def end(self) -> Outcome:
        """Let late handlers answer, then let the client close its side, and then vanish."""
        for _ in range(60):
            self.connection.clock.advance(1)
            if not self.connection.channel.busy:
                break
        self.outcome.closing = self.connection.closing
        self.connection.channel.readConnectionLost()
        self.connection.clock.advance(1)
        assert self.connection.closing, "the client has closed, and the server has not"
        self.outcome.answers = answers(self.connection.received(), [each.method for each in self.outcome.seen])
        self.connection.lose()
        return self.outcome


def answers(received: bytes, methods: list[bytes]) -> list[tuple[int, int | None]]:
    """Take everything apart that was sent: the status of each answer, and which request it is for."""
    found: list[tuple[int, int | None]] = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] ([0-9]{3}) ", head)
        assert end and status, head
        if status[1] == b"100":
            continue
        number = re.search(rb"\r\nX-Number: ([0-9]+)", head, re.IGNORECASE)
        length = re.search(rb"\r\nContent-Length: ([0-9]+)", head, re.IGNORECASE)
        assert length, head
        if number is None or methods[int(number[1])] != b"HEAD":
            received = received[int(length[1]) :]
        found.append((int(status[1]), None if number is None else int(number[1])))
    return found


def check(data: bytes) -> None:
    """Send a stream in one piece and in many.

    The handlers see what the most careful reader sees, and no more: no byte of a body is a request. Each request
    has one answer, in order, unless a refusal ends the connection. How the network cuts the bytes changes nothing.
    """
    with no_failure_logged():
        outcome = _served([data])
        in_pieces = _served(list(split(data)))
    reading = read(data)
    for each in (outcome, in_pieces):
        _check_requests(each, reading)
        _check_answers(each)
    assert outcome.told == in_pieces.told, (outcome.told, in_pieces.told)
    if reading.sound and len(data) < HEAD_AT_MOST and data.count(b"\r\n") < 100:
        _check_nothing_lost(outcome, reading)


def _served(pieces: list[bytes]) -> Outcome:
    served = Served()
    for piece in pieces:
        served.send(piece)
    return served.end()


def _check_requests(outcome: Outcome, reading: Reading) -> None:
    assert len(outcome.seen) <= len(reading.requests), (outcome.seen, reading)
    for seen, right in zip(outcome.seen, reading.requests, strict=False):
        assert (seen.method, seen.path) == (right.method, right.path.partition(b"?")[0]), (seen, right)
        assert seen.whole <= right.whole, (seen, right)
        assert right.body.startswith(seen.body), (seen, right)
        assert not seen.whole or seen.body == right.body, (seen, right)


def _check_answers(outcome: Outcome) -> None:
    numbers = [number for _, number in outcome.answers if number is not None]
    assert numbers == list(range(len(numbers))), outcome
    refusals = [status for status, number in outcome.answers if number is None]
    assert len(refusals) <= 1 and all(400 <= status < 500 for status in refusals), outcome
    assert not refusals or outcome.answers[-1][1] is None, outcome
    assert len(outcome.seen) - len(numbers) <= (1 if refusals else 0), outcome


def _check_nothing_lost(outcome: Outcome, reading: Reading) -> None:
    for number, right in enumerate(reading.requests):
        if not right.whole:
            break
        assert number < len(outcome.seen), (number, outcome, reading)
        if outcome.seen[number].early and right.body:
            break  # answered before the end of a body, which may end the connection
        assert outcome.seen[number].body == right.body, (outcome, reading)
        assert outcome.answers[number] == (200, number), (outcome, reading)
