"""The connection: bodies that stream, answers that come early, clients that misbehave."""

from __future__ import annotations

import re
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.body import BodyCut, BodyTaken, BodyTooLarge, DeliveryStopped
from peerstor.http.request import DRAIN_AT_MOST, StreamingRequest
from peerstor.http.timeouts import Timeouts
from tests.http.sockets import Lane
from tests.http.wire import Plain, Secure, answer


class Collector:
    """A consumer that keeps what it gets, and can be full."""

    def __init__(self) -> None:
        self.data = b""
        self.producer: IPushProducer | None = None
        self.done: Deferred[int] | None = None

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.data += data


def head(method: str = "PUT", target: str = "/x", length: int | None = None, *more: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: test", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def statuses(received: bytes) -> list[int]:
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


class Cases:
    """What holds over TCP and over TLS alike."""

    make: Any

    def taking(self, **site: Any) -> tuple[Any, Collector]:
        """Connect to a handler that takes the body whole and then answers with its length."""
        collector = Collector()

        def handle(request: StreamingRequest) -> None:
            taker = collector if not collector.done or collector.producer is None else Collector()
            done = request.body.deliver(taker)
            collector.done = done
            done.addCallback(lambda count: answer(request, b"%d" % count))
            done.addErrback(self.failures.append)

        self.failures: list[Failure] = []
        return self.make(handle, **site), collector

    def holding(self, **site: Any) -> Any:
        """Connect to a handler that does nothing by itself."""
        return self.make(lambda request: None, **site)

    # Streaming.

    def test_handler_runs_at_the_end_of_the_headers(self) -> None:
        """The handler runs before a byte of the body has come."""
        c = self.holding()
        c.send(head(length=10))
        self.assertEqual(len(c.requests), 1)
        self.assertFalse(c.requests[0].body.ended)

    def test_content_length(self) -> None:
        """A body of declared length arrives whole, in pieces as they come, and then the connection goes on."""
        c, collector = self.taking()
        c.send(head(length=10) + b"01234")
        self.assertEqual(collector.data, b"01234")
        self.assertEqual(c.received(), b"")
        c.send(b"56789")
        self.assertEqual(collector.data, b"0123456789")
        self.assertTrue(c.received().endswith(b"10"))
        c.send(head("GET"))
        self.assertEqual(statuses(c.received()), [200, 200])

    def test_chunked(self) -> None:
        """A chunked body arrives decoded."""
        c, collector = self.taking()
        c.send(head("PUT", "/x", None, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
        self.assertEqual(collector.data, b"hello")
        c.send(b"6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n")
        self.assertEqual(collector.data, b"hello world")
        self.assertEqual(statuses(c.received()), [200])

    def test_empty_body(self) -> None:
        """A body of no bytes ends at once."""
        c, _ = self.taking()
        c.send(head(length=0))
        self.assertTrue(c.received().endswith(b"0"))

    def test_pipelined_request_in_the_same_packet(self) -> None:
        """What follows the last byte of a body is the next request, and waits for the answer."""
        held: list[StreamingRequest] = []
        collector = Collector()

        def handle(request: StreamingRequest) -> None:
            held.append(request)
            request.body.deliver(collector)

        c = self.make(handle)
        c.send(head(length=3) + b"abc" + head("GET", "/next"))
        self.assertEqual(collector.data, b"abc")
        self.assertEqual(len(held), 1)
        answer(held[0])
        self.assertEqual([r.path for r in held], [b"/x", b"/next"])

    def test_ten_pipelined_uploads_in_one_write(self) -> None:
        """Each of ten bodies in one packet reaches its own request, in order."""
        bodies: list[bytes] = []

        def handle(request: StreamingRequest) -> None:
            collector = Collector()
            done = request.body.deliver(collector)
            done.addCallback(lambda _: (bodies.append(collector.data), answer(request)))

        c = self.make(handle)
        c.send(b"".join(head(length=5) + b"body%d" % i for i in range(10)))
        self.assertEqual(bodies, [b"body%d" % i for i in range(10)])
        self.assertEqual(statuses(c.received()), [200] * 10)

    def test_nothing_is_read_ahead_of_a_full_consumer(self) -> None:
        """A consumer that is full stops the reading of the socket, and starts it again."""
        c, collector = self.taking()
        c.send(head(length=10) + b"01")
        assert collector.producer is not None
        collector.producer.pauseProducing()
        self.assertFalse(c.reading)
        collector.producer.resumeProducing()
        self.assertTrue(c.reading)

    def test_reading_stops_while_nobody_listens(self) -> None:
        """At most one read is kept for a handler that has not asked for the body."""
        c = self.holding()
        c.send(head(length=100_000) + b"x" * 10)
        self.assertFalse(c.reading)
        collector = Collector()
        c.requests[0].body.deliver(collector)
        self.assertTrue(c.reading)
        self.assertEqual(collector.data, b"x" * 10)

    def test_two_reasons_to_pause(self) -> None:
        """The socket is read only when neither the consumer nor the transport objects."""
        c, collector = self.taking()
        c.send(head(length=10) + b"01")
        assert collector.producer is not None
        collector.producer.pauseProducing()
        c.transport_full()
        collector.producer.resumeProducing()
        self.assertFalse(c.reading)
        c.transport_drained()
        self.assertTrue(c.reading)
        c.transport_full()
        collector.producer.pauseProducing()
        c.transport_drained()
        self.assertFalse(c.reading)
        collector.producer.resumeProducing()
        self.assertTrue(c.reading)

    def test_body_can_be_taken_once(self) -> None:
        """A second taker is refused by name."""
        c, _ = self.taking()
        c.send(head(length=10))
        self.assertRaises(BodyTaken, c.requests[0].body.deliver, Collector())

    def test_maximum_of_a_declared_length(self) -> None:
        """A body that says it is too large is refused before a byte of it is passed on."""
        c = self.holding()
        c.send(head(length=11) + b"x" * 5)
        collector = Collector()
        failure = self.failureResultOf(c.requests[0].body.deliver(collector, maximum=10))  # type: ignore[attr-defined]
        self.assertEqual(failure.check(BodyTooLarge), BodyTooLarge)
        self.assertEqual(collector.data, b"")

    def test_maximum_inside_a_chunked_body(self) -> None:
        """A body that turns out too large is stopped before the byte that exceeds the maximum is passed on."""
        c = self.holding()
        c.send(head("PUT", "/x", None, "Transfer-Encoding: chunked"))
        collector = Collector()
        done = c.requests[0].body.deliver(collector, maximum=10)
        c.send(b"8\r\n01234567\r\n")
        self.assertNoResult(done)  # type: ignore[attr-defined]
        c.send(b"8\r\n01234567\r\n")
        self.assertEqual(self.failureResultOf(done).check(BodyTooLarge), BodyTooLarge)  # type: ignore[attr-defined]
        self.assertEqual(collector.data, b"01234567")
        answer(c.requests[0], b"too much", 413)
        self.assertTrue(c.closing)
        self.assertIn(b"connection: close", c.received().lower())

    def test_cut_in_mid_body(self) -> None:
        """A lost connection fails the delivery after the handler was cancelled; what came is a prefix."""
        c = self.holding()
        c.send(head(length=10))
        order: list[str] = []
        c.requests[0].notifyFinish().addErrback(lambda _: order.append("handler"))
        collector = Collector()
        done = c.requests[0].body.deliver(collector)
        done.addErrback(lambda f: order.append("body") if f.check(BodyCut) else order.append("other"))
        c.send(b"0123")
        c.lose()
        self.assertEqual(collector.data, b"0123")
        self.assertEqual(order, ["handler", "body"])

    def test_disconnect_while_held(self) -> None:
        """A client that vanishes while nobody listens fails whoever asks for the body afterwards."""
        c = self.holding()
        c.send(head(length=10) + b"0123")
        c.lose()
        collector = Collector()
        failure = self.failureResultOf(c.requests[0].body.deliver(collector))  # type: ignore[attr-defined]
        self.assertEqual(failure.check(BodyCut), BodyCut)
        self.assertEqual(collector.data, b"0123")

    def test_cancelled_delivery(self) -> None:
        """Cancelling the delivery stops it; the consumer gets no further byte."""
        c = self.holding()
        c.send(head(length=10))
        collector = Collector()
        done = c.requests[0].body.deliver(collector)
        c.send(b"01")
        done.cancel()
        c.send(b"23")
        self.assertEqual(self.failureResultOf(done).check(DeliveryStopped), DeliveryStopped)  # type: ignore[attr-defined]
        self.assertEqual(collector.data, b"01")
        self.assertFalse(c.reading)

    def test_malformed_chunk(self) -> None:
        """Broken framing is answered 400, fails the body, and ends the connection."""
        c, collector = self.taking()
        c.send(head("PUT", "/x", None, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
        c.send(b"zz\r\n" + head("GET"))
        self.assertEqual(collector.data, b"hello")
        self.assertEqual([f.type for f in self.failures], [BodyCut])
        self.assertEqual(statuses(c.received()), [400])
        self.assertTrue(c.closing)
        self.assertEqual(len(c.requests), 1)

    # 100 Continue.

    def test_expect_accepted(self) -> None:
        """A 100 is sent when the body is first wanted, not before."""
        c = self.holding()
        c.send(head("PUT", "/x", 5, "Expect: 100-continue"))
        self.assertEqual(c.received(), b"")
        collector = Collector()
        done = c.requests[0].body.deliver(collector)
        self.assertEqual(c.received(), b"HTTP/1.1 100 Continue\r\n\r\n")
        c.send(b"hello")
        self.assertEqual(self.successResultOf(done), 5)  # type: ignore[attr-defined]
        answer(c.requests[0])
        self.assertEqual(statuses(c.received()), [100, 200])
        self.assertFalse(c.closing)

    def test_expect_refused(self) -> None:
        """A refusal instead of a 100 closes the connection: the client may or may not send the body."""
        c = self.holding()
        c.send(head("PUT", "/x", 5, "Expect: 100-continue"))
        answer(c.requests[0], b"no", 403)
        self.assertEqual(statuses(c.received()), [403])
        self.assertIn(b"connection: close", c.received().lower())
        self.assertTrue(c.closing)
        c.send(b"hello" + head("GET"))
        self.assertEqual(len(c.requests), 1)

    def test_no_100_after_a_final_status(self) -> None:
        """Once the answer has begun, wanting the body sends no 100."""
        c = self.holding()
        c.send(head("PUT", "/x", 5, "Expect: 100-continue"))
        c.requests[0].write(b"begun")
        c.requests[0].body.deliver(Collector())
        self.assertEqual(statuses(c.received()), [200])

    def test_no_100_to_a_client_that_sends_already(self) -> None:
        """A client that didn't wait isn't told to go on."""
        c = self.holding()
        c.send(head("PUT", "/x", 5, "Expect: 100-continue") + b"he")
        c.requests[0].body.deliver(Collector())
        c.send(b"llo")
        answer(c.requests[0])
        self.assertEqual(statuses(c.received()), [200])

    # Answers before the end.

    def test_small_refused_body_is_drained(self) -> None:
        """A small rest is read and thrown away, and the connection serves the next request."""
        c = self.make(lambda request: answer(request, b"no", 404))
        c.send(head(length=20) + b"0123")
        self.assertEqual(statuses(c.received()), [404])
        self.assertFalse(c.closing)
        c.send(b"4567890123456789" + head("GET"))
        self.assertEqual(statuses(c.received()), [404, 404])
        self.assertEqual(len(c.requests), 2)

    def test_large_refused_body_closes_in_stages(self) -> None:
        """A large rest is discarded for a while after the answer, so that the answer arrives, and then closed."""
        c = self.make(lambda request: answer(request, b"no", 413))
        c.send(head(length=DRAIN_AT_MOST + 100) + b"0" * 50)
        self.assertIn(b"connection: close", c.received().lower())
        self.assertTrue(c.closing)
        self.assertTrue(c.reading)
        self.assertFalse(c.wire.aborted or c.wire.disconnecting)
        c.send(b"0" * 100_000)
        c.clock.advance(Timeouts().linger + 1)
        self.assertTrue(c.wire.aborted or c.wire.disconnecting or c.lost or c.closing)
        self.assertEqual(len(c.requests), 1)

    def test_refused_body_of_unknown_length_closes(self) -> None:
        """Nobody knows how much of a chunked body would have to be drained."""
        c = self.make(lambda request: answer(request, b"no", 404))
        c.send(head("PUT", "/x", None, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
        self.assertTrue(c.closing)

    def test_body_that_looks_like_a_request(self) -> None:
        """The body of a request that was answered early is never read as a request (smuggling)."""
        smuggled = head("DELETE", "/victim")
        c = self.make(lambda request: answer(request, b"no", 404))
        c.send(head(length=len(smuggled)) + smuggled)
        self.assertEqual([r.method for r in c.requests], [b"PUT"])
        self.assertEqual(statuses(c.received()), [404])

    def test_answer_while_the_body_flows(self) -> None:
        """An answer may begin while a small body is still coming, and end after it."""
        c = self.holding()
        c.send(head(length=10) + b"01234")
        collector = Collector()
        done = c.requests[0].body.deliver(collector)
        c.requests[0].setHeader(b"content-length", b"4")
        c.requests[0].write(b"fi")
        c.send(b"56789")
        self.assertEqual(self.successResultOf(done), 10)  # type: ignore[attr-defined]
        c.requests[0].write(b"ne")
        c.requests[0].finish()
        c.send(head("GET"))
        self.assertEqual(len(c.requests), 2)

    def test_answer_finished_inside_the_last_piece(self) -> None:
        """A handler that answers when the last byte is delivered hands the connection on exactly once."""

        def handle(request: StreamingRequest) -> None:
            if request.method == b"GET":
                answer(request)
                return
            collector = Collector()
            collector.write = lambda data: answer(request) if data.endswith(b"9") else None  # type: ignore[method-assign]
            request.body.deliver(collector).addErrback(lambda _: None)

        c = self.make(handle)
        c.send(head(length=10) + b"0123456789" + head("GET"))
        self.assertEqual(statuses(c.received()), [200, 200])

    def test_delivery_ends_when_the_answer_comes_first(self) -> None:
        """A consumer that is still attached when the answer is finished is told that no more comes."""
        c = self.holding()
        c.send(head(length=10) + b"01")
        done = c.requests[0].body.deliver(Collector())
        answer(c.requests[0])
        self.assertEqual(self.failureResultOf(done).check(DeliveryStopped), DeliveryStopped)  # type: ignore[attr-defined]

    # Time.

    def test_dripping_head(self) -> None:
        """A head has 10 s from accept, however regularly its bytes drip."""
        c = self.holding()
        c.send(b"GET / HTTP/1.1\r\n")
        for _ in range(9):
            c.clock.advance(1)
            c.send(b"X: y\r\n")
        self.assertFalse(c.closing)
        c.clock.advance(1.1)
        self.assertEqual(statuses(c.received()), [408])
        self.assertTrue(c.closing)

    def test_second_head_drips(self) -> None:
        """The 10 s for a head begin anew with the first byte of the next request."""
        c = self.make(answer)
        c.send(head("GET"))
        c.clock.advance(50)
        c.send(b"GET / HT")
        c.clock.advance(9)
        self.assertFalse(c.closing)
        c.clock.advance(2)
        self.assertTrue(c.closing)

    def test_idle_connection(self) -> None:
        """An idle connection is closed after 65 s, without a word, and not before."""
        c = self.make(answer)
        c.send(head("GET"))
        c.clock.advance(64)
        self.assertFalse(c.closing)
        c.clock.advance(2)
        self.assertTrue(c.closing)
        self.assertEqual(statuses(c.received()), [200])

    def test_consumer_slower_than_the_idle_timeout(self) -> None:
        """A client isn't blamed for a consumer that is full for longer than a client may be silent."""
        c, collector = self.taking()
        c.send(head(length=10) + b"01")
        assert collector.producer is not None
        collector.producer.pauseProducing()
        c.clock.pump([5] * 20)
        self.assertFalse(c.closing)
        collector.producer.resumeProducing()
        c.send(b"23456789")
        self.assertEqual(statuses(c.received()), [200])

    def test_consumer_that_never_goes_on(self) -> None:
        """A hold is bounded too: a body that waits for its consumer for 5 minutes is cut."""
        c, collector = self.taking()
        c.send(head(length=10) + b"01")
        assert collector.producer is not None
        collector.producer.pauseProducing()
        c.clock.pump([5] * 62)
        self.assertTrue(c.closing)

    def test_client_that_stalls(self) -> None:
        """A body without progress for 30 s is answered 408, and the delivery fails with its prefix kept."""
        c, collector = self.taking()
        c.send(head(length=10) + b"01")
        c.clock.pump([5] * 5)
        self.assertFalse(c.closing)
        c.clock.pump([5] * 2)
        self.assertEqual(statuses(c.received()), [408])
        self.assertEqual([f.type for f in self.failures], [BodyCut])
        self.assertEqual(collector.data, b"01")

    def test_client_that_trickles(self) -> None:
        """A body of less than 1 kB/s over 60 s is answered 408."""
        c, _ = self.taking()
        c.send(head(length=10_000))
        for _ in range(13):
            c.clock.advance(5)
            c.send(b"x")
        self.assertEqual(statuses(c.received()), [408])

    def test_client_at_a_slow_honest_rate(self) -> None:
        """A body of 2 kB/s is never cut."""
        c, collector = self.taking()
        c.send(head(length=1_000_000))
        for _ in range(40):
            c.clock.advance(5)
            c.send(b"x" * 10_000)
        self.assertFalse(c.closing)
        self.assertEqual(len(collector.data), 400_000)

    def test_keep_alive_after_a_held_upload(self) -> None:
        """An upload that was held when it ended leaves the idle time of the connection as it was."""
        c, collector = self.taking()
        c.send(head(length=4) + b"01")
        assert collector.producer is not None
        collector.producer.pauseProducing()
        c.clock.pump([5] * 4)
        c.send(b"23")
        self.assertTrue(c.reading)
        c.clock.advance(60)
        self.assertFalse(c.closing)
        c.send(head("GET"))
        self.assertEqual(statuses(c.received()), [200, 200])
        c.clock.advance(66)
        self.assertTrue(c.closing)

    # Ends.

    def test_shutdown_during_an_upload(self) -> None:
        """While the server stops, a request that is under way is answered, and then the connection closes."""
        c, _ = self.taking()
        c.send(head(length=4) + b"01")
        c.site.begin_stopping()
        self.assertFalse(c.closing)
        c.send(b"23")
        self.assertEqual(statuses(c.received()), [200])
        self.assertIn(b"connection: close", c.received().lower())
        self.assertTrue(c.closing)

    def test_shutdown_of_an_idle_connection(self) -> None:
        """An idle connection closes at once when the server stops."""
        c = self.make(answer)
        c.send(head("GET"))
        c.site.begin_stopping()
        self.assertTrue(c.closing)

    def test_cut(self) -> None:
        """Cutting ends a chunked answer without its terminator."""
        c = self.holding()
        c.send(head("GET"))
        c.requests[0].write(b"part")
        c.site.cut_all()
        self.assertTrue(c.wire.aborted)
        self.assertNotIn(b"0\r\n\r\n", c.received())

    def test_connection_close_is_a_list(self) -> None:
        """`Connection: TE, close` closes."""
        c = self.make(answer)
        c.send(head("GET", "/", None, "Connection: TE, close"))
        self.assertTrue(c.closing)

    def test_client_that_pipelines_and_does_not_read(self) -> None:
        """The next request waits until the client has taken the answer before; and reading stops at 16 KiB."""
        c = self.make(answer)
        c.transport_full()
        c.send(head("GET") * 3)
        self.assertEqual(len(c.requests), 1)
        for _ in range(20):
            c.send(head("GET") * 100)
        self.assertFalse(c.reading)
        c.transport_drained()
        self.assertGreater(len(c.requests), 3)


class PlainTests(Cases, SynchronousTestCase):
    """The cases over TCP, and what only TCP can show."""

    make = Plain

    def refused(self, data: bytes) -> list[int]:
        """Send a request, and tell how it was answered; it must not have reached a handler."""
        c = self.make(answer)
        c.send(data)
        self.assertEqual(c.requests, [])
        self.assertTrue(c.closing, data)
        return statuses(c.received())

    def test_framing_that_is_in_doubt(self) -> None:
        """Whatever two parsers could read in two ways is 400, and the connection ends."""
        for lines in (
            b"Content-Length: 5\r\nContent-Length: 5",
            b"Content-Length: 5\r\nContent-Length: 6",
            b"Content-Length: +5",
            b"Content-Length: 5, 5",
            b"Content-Length: -1",
            b"Content-Length: 0x5",
            b"Content-Length: " + b"9" * 5000,
            b"Content-Length: \xd9\xa3",
            b"Content-Length:",
            b"Content-Length : 5",
            b"Content-Length: 5\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: chunked\r\nContent-Length: 5",
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: xchunked",
            b"X: a\r\n folded",
            b" X: a",
            b"X\x00: a",
            b"X: a\x00",
            b"X: a\nY: b",
            b"no colon",
            b": no name",
            b"Host: test",
        ):
            with self.subTest(lines=lines):
                self.assertEqual(self.refused(b"PUT / HTTP/1.1\r\nHost: t\r\n" + lines + b"\r\n\r\nhello"), [400])

    def test_request_lines(self) -> None:
        """A malformed request line is 400."""
        for line in (
            b"GET",
            b"GET /",
            b"GET / HTTP/2.0",
            b"GET  / HTTP/1.1",
            b"GET /a b HTTP/1.1",
            b"G\x00T / HTTP/1.1",
        ):
            with self.subTest(line=line):
                self.assertEqual(self.refused(line + b"\r\nHost: t\r\n\r\n"), [400])

    def test_targets_that_are_no_path(self) -> None:
        """A target is origin-form, absolute-form, or `*` for OPTIONS."""
        for line in (b"GET * HTTP/1.1", b"GET x HTTP/1.1", b"CONNECT a:80 HTTP/1.1", b"GET ftp://a/ HTTP/1.1"):
            with self.subTest(line=line):
                self.assertEqual(self.refused(line + b"\r\nHost: t\r\n\r\n"), [400])

    def test_hosts(self) -> None:
        """HTTP/1.1 wants exactly one Host; HTTP/1.0 is served without."""
        self.assertEqual(self.refused(b"GET / HTTP/1.1\r\n\r\n"), [400])
        self.assertEqual(self.refused(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), [400])
        c = self.make(answer)
        c.send(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(len(c.requests), 1)
        self.assertTrue(c.closing)

    def test_chunked_on_http_1_0(self) -> None:
        """HTTP/1.0 knows no transfer codings."""
        self.assertEqual(self.refused(b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), [400])

    def test_absolute_form(self) -> None:
        """The authority of an absolute-form target replaces Host; the rest is the target."""
        for target, path, uri in (
            (b"http://other:81/a?b", b"/a", b"/a?b"),
            (b"HTTP://other:81", b"/", b"/"),
            (b"http://other:81?q=1", b"/", b"/?q=1"),
        ):
            with self.subTest(target=target):
                c = self.make(answer)
                c.send(b"GET " + target + b" HTTP/1.1\r\nHost: test\r\n\r\n")
                request = c.requests[0]
                self.assertEqual((request.path, request.uri), (path, uri))
                self.assertEqual(request.getHeader(b"host"), b"other:81")

    def test_bombs(self) -> None:
        """A target above 8 KiB is 414, more than 100 fields or 16 KiB of head 431."""
        host = b"Host: t\r\n"
        self.assertEqual(self.refused(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n"), [414])
        self.assertEqual(self.refused(b"GET /" + b"a" * 20_000), [414])
        self.assertEqual(self.refused(b"GET / HTTP/1.1\r\n" + host + b"X: y\r\n" * 100 + b"\r\n"), [431])
        self.assertEqual(self.refused(b"GET / HTTP/1.1\r\n" + host + b"X: " + b"y" * 20_000), [431])
        self.assertEqual(
            self.refused(
                b"GET / HTTP/1.1\r\n" + host + b"".join(b"X%d: %s\r\n" % (i, b"y" * 300) for i in range(60))
            ),
            [431],
        )

    def test_just_below_the_bombs(self) -> None:
        """A target of 8 KiB and 100 fields are served."""
        c = self.make(answer)
        c.send(b"GET /" + b"a" * 8191 + b" HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 99 + b"\r\n")
        self.assertEqual(statuses(c.received()), [200])

    def test_refusal_reads_nothing_more(self) -> None:
        """After a refusal, what was pipelined behind is not a request."""
        c = self.make(answer)
        c.send(b"BAD\r\n\r\n" + head("GET") * 3)
        c.send(head("GET"))
        self.assertEqual(c.requests, [])

    def test_stages_of_closing(self) -> None:
        """Half-close, read and discard for 5 s, close, and abort when even that doesn't end it."""
        c = self.make(lambda request: answer(request, b"no", 413))
        c.send(head(length=10_000_000))
        self.assertTrue(c.wire.half_closed)
        c.clock.advance(4)
        self.assertFalse(c.wire.disconnecting)
        c.clock.advance(2)
        self.assertTrue(c.wire.disconnecting)
        c.clock.advance(5)
        self.assertTrue(c.wire.aborted)

    def test_closing_waits_for_a_client_that_still_reads(self) -> None:
        """An answer of which a part is still to be sent when the stages are through is not cut off."""
        c = self.make(lambda request: answer(request, b"no", 413))
        c.send(head(length=10_000_000))
        c.wire.dataBuffer, c.wire.offset, c.wire._tempDataLen = b"no", 0, 0
        for _ in range(6):
            c.clock.advance(Timeouts().linger)
        self.assertTrue(c.wire.disconnecting)
        self.assertFalse(c.wire.aborted)
        for _ in range(30):
            c.clock.advance(Timeouts().linger)
        self.assertTrue(c.wire.aborted)

    def test_silent_connection(self) -> None:
        """A connection on which nothing is asked is closed without an answer after 10 s."""
        c = self.make(answer)
        c.clock.advance(11)
        self.assertTrue(c.wire.disconnecting)
        self.assertEqual(c.received(), b"")

    def test_too_many_from_one_address(self) -> None:
        """The connection beyond the limit of its address is answered 429 and closed; others are served again."""
        c = self.make(answer, per_address=1)
        first = c.wire
        c.wire = type(first)()
        c.connect()
        self.assertEqual(statuses(c.received()), [429])
        self.assertIn(b"Retry-After: ", c.received())
        c.lose()
        c.wire = type(first)()
        c.connect()
        self.assertEqual(statuses(c.received()), [429])

    def test_exempt_from_the_limit(self) -> None:
        """An address that is exempt may have as many as it wants: behind a proxy are many clients."""
        c = self.make(answer, per_address=1, exempt=lambda address: address == "192.0.2.7")
        for _ in range(3):
            c.wire = type(c.wire)()
            c.connect()
            self.assertEqual(c.received(), b"")

    def test_capacity(self) -> None:
        """Reaching capacity is told once, and again when there is room."""
        told: list[bool] = []
        c = self.make(answer, capacity=2, full=told.append)
        self.assertEqual(told, [])
        first, c.wire = c.wire, type(c.wire)()
        c.connect()
        self.assertEqual(told, [True])
        self.assertIsNot(first, c.wire)
        c.lose()
        self.assertEqual(told, [True, False])
        self.assertEqual(c.site.connections, 1)

    def test_answer_that_nobody_takes(self) -> None:
        """An answer of which the client takes nothing for 60 s is cut; one that moves slowly is not."""
        c = self.holding()
        c.send(head("GET"))
        c.wire._tempDataLen, c.wire.dataBuffer, c.wire.offset = 1000, b"", 0  # type: ignore[attr-defined]
        c.requests[0].write(b"x" * 1000)
        for left in range(1000, 800, -10):
            c.wire._tempDataLen = left  # type: ignore[attr-defined]
            c.clock.advance(30)
        self.assertFalse(c.wire.aborted)
        c.clock.pump([5] * 13)
        self.assertTrue(c.wire.aborted)

    def test_last_answer_that_is_taken_slowly(self) -> None:
        """An answer that ends the connection is cut only when the client takes nothing of it, however long it takes."""
        c = self.holding()
        c.send(head("GET", "/", None, "Connection: close"))
        c.wire._tempDataLen, c.wire.dataBuffer, c.wire.offset = 1000, b"", 0  # type: ignore[attr-defined]
        answer(c.requests[0], b"x" * 1000)
        for left in range(990, 800, -10):
            c.wire._tempDataLen = left  # type: ignore[attr-defined]
            c.clock.advance(61)
        self.assertFalse(c.wire.aborted)
        c.clock.pump([61, 61])
        self.assertTrue(c.wire.aborted)

    def test_slow_handler_is_not_cut(self) -> None:
        """A handler may think for as long as it likes before it answers."""
        c = self.holding()
        c.send(head("GET"))
        c.clock.pump([5] * 100)
        self.assertFalse(c.closing)
        answer(c.requests[0])
        self.assertEqual(statuses(c.received()), [200])

    def test_log_of_a_disconnect(self) -> None:
        """A request whose client left is told to the log too, once."""
        logged: list[StreamingRequest] = []
        c = self.make(lambda request: None, log=logged.append)
        c.send(head("GET"))
        c.lose()
        self.assertEqual(logged, c.requests)

    def test_log_of_what_was_not_answered(self) -> None:
        """The log doesn't say 200 of a request that nobody answered, and says what was answered in its place."""
        for end, status in (
            (lambda c: c.lose(), 499),
            (lambda c: c.send(b"nonsense\r\n"), 400),
            (lambda c: c.clock.pump([5] * 8), 408),
        ):
            logged: list[StreamingRequest] = []
            c, _ = self.taking(log=logged.append)
            c.send(head("PUT", "/x", None, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
            end(c)
            self.assertEqual([request.code for request in logged], [status])

    def test_log_of_an_answer_that_was_begun(self) -> None:
        """An answer that was begun keeps its status in the log, though the client left."""
        logged: list[StreamingRequest] = []
        c = self.make(lambda request: request.write(b"begun"), log=logged.append)
        c.send(head("GET"))
        c.lose()
        self.assertEqual([request.code for request in logged], [200])


class SecureTests(Cases, SynchronousTestCase):
    """The cases over TLS, and what only TLS has."""

    make = Secure

    def test_client_that_never_says_goodbye(self) -> None:
        """A connection that is over is closed 5 s later, though the client doesn't end TLS from its side."""
        for end in ("idle", "told"):
            c = self.make(answer)
            c.send(head("GET", "/", None, *(["Connection: close"] if end == "told" else [])))
            c._exchange = lambda: None  # type: ignore[method-assign]
            c.clock.advance(Timeouts().idle if end == "idle" else 0)
            c.clock.advance(Timeouts().linger - 1)
            self.assertFalse(c.wire.aborted, end)
            c.clock.advance(1.5)
            self.assertTrue(c.wire.aborted, end)

    def test_stop_without_a_goodbye(self) -> None:
        """At the end of the server an idle connection is closed in half a second, whatever its client does."""
        c = self.make(answer)
        c.send(head("GET"))
        c._exchange = lambda: None  # type: ignore[method-assign]
        c.site.begin_stopping()
        self.assertFalse(c.wire.aborted)
        c.clock.advance(0.6)
        self.assertTrue(c.wire.aborted)

    def test_last_answer_that_is_taken_slowly(self) -> None:
        """A client that still takes the last answer is not cut for want of a goodbye; one that stops is."""
        c = self.make(answer)
        c.wire._tempDataLen, c.wire.dataBuffer, c.wire.offset = 1000, b"", 0  # type: ignore[attr-defined]
        c.send(head("GET", "/", None, "Connection: close"))
        c._exchange = lambda: None  # type: ignore[method-assign]
        c.clock.advance(6)
        for left in range(990, 800, -10):
            c.wire._tempDataLen = left  # type: ignore[attr-defined]
            c.clock.advance(59)
        self.assertFalse(c.wire.aborted)
        c.clock.pump([61, 61])
        self.assertTrue(c.wire.aborted)


class LaneTests(Cases, SynchronousTestCase):
    """The cases over TLS with OpenSSL at the socket."""

    def make(self, *arguments: Any, **site: Any) -> Lane:
        """Connect; the sockets are closed with the test."""
        lane = Lane(*arguments, **site)
        self.addCleanup(lane.close)
        return lane

    def test_keep_alive_after_a_held_upload(self) -> None:
        """What is sent while an upload is held lies with the kernel; when it is released the idle time is whole."""
        c, collector = self.taking()
        c.send(head(length=4) + b"01")
        assert collector.producer is not None
        collector.producer.pauseProducing()
        c.send(b"23" + head("GET"))
        self.assertFalse(c.reading)
        self.assertEqual(c.received(), b"")
        collector.producer.resumeProducing()
        self.assertEqual(statuses(c.received()), [200, 200])
        c.clock.advance(60)
        self.assertFalse(c.closing)

    def test_client_that_pipelines_and_does_not_read(self) -> None:
        """The next request waits until the client has taken the answer before."""
        c = self.make(lambda request: answer(request, b"x" * 100_000))
        c.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        c.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c._pull, c._exchange = lambda: b"", lambda: None
        c._client.send(head("GET") * 40)
        for _ in range(200):
            c._client_turn()
            c.reactor.turn()
        self.assertLess(len(c.requests), 12)
        del c._pull, c._exchange
        self.assertEqual(statuses(c.received()), [200] * 40)


class Unread(SynchronousTestCase):
    """The parts of a body stream that no connection shows."""

    def test_absent_body(self) -> None:
        """A request without a body delivers none, and has nothing remaining."""
        c = Plain(lambda request: None)
        c.send(head("GET"))
        body = c.requests[0].body
        self.assertEqual(body.remaining, 0)
        self.assertEqual(self.successResultOf(body.deliver(Collector())), 0)
