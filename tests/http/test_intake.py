"""Bodies that are read straight into a buffer: the same as bodies that are not, down to each byte."""

from __future__ import annotations

import re
import socket
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from peerstor.http.basin import READ_AT_LEAST, READ_AT_MOST, Basin
from peerstor.http.body import BodyTooLarge
from peerstor.http.formparts import FilePart
from peerstor.http.forms import FormReader
from peerstor.http.intake import Intake
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IViewConsumer
from tests.http.live import Live
from tests.http.test_channel import Collector, head, statuses
from tests.http.wire import Wire, answer

_OURS_ALONE = re.compile(rb"(Date|X-Request-ID): [^\r]*\r\n", re.IGNORECASE)


@implementer(IViewConsumer)
class ViewCollector(Collector):
    """A consumer that takes views too, at the times that the test gives, and counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.direct = True
        self.views: list[int] = []
        self.full_at: int | None = None

    def write_through(self, data: memoryview) -> None:
        self.views.append(len(data))
        self.write(bytes(data))
        if self.full_at is not None and len(self.data) >= self.full_at and self.producer is not None:
            self.producer.pauseProducing()


class Exchange:
    """What clients send and get, and what arrives at the handlers.

    :ivar heard: of each body, the bytes and how it ended: their count, or the name of an error.
    """

    def __init__(self, *, maximum: int | None = None, **site: Any) -> None:
        self.collectors: list[ViewCollector] = []
        self.ends: list[object] = []
        self._maximum = maximum
        self.live = Live(self.handle, **site)

    def handle(self, request: StreamingRequest) -> None:
        """Take the body whole, then answer with its length."""
        if request.method == b"GET":
            answer(request, b"got")
            return
        collector = ViewCollector()
        self.collectors.append(collector)
        done = request.body.deliver(collector, self._maximum)
        done.addCallback(lambda count: (self.ends.append(count), answer(request, b"%d" % count)))
        done.addErrback(lambda failure: self.broken(request, failure.value))

    def broken(self, request: StreamingRequest, error: Exception) -> None:
        """Answer early, where anybody is there to hear it."""
        self.ends.append(type(error).__name__)
        if isinstance(error, BodyTooLarge):
            answer(request, b"no", 413)

    @property
    def heard(self) -> list[bytes]:
        """What arrived of each body."""
        return [collector.data for collector in self.collectors]

    @property
    def views(self) -> list[int]:
        """Sizes of all views."""
        return [size for collector in self.collectors for size in collector.views]

    def outcome(self) -> tuple[Any, ...]:
        """All that anybody could notice."""
        site = self.live.site
        told = _OURS_ALONE.sub(b"", self.live.answers)
        return told, self.heard, self.ends, site.received, site.connections, site.basin.bodies


class BothWays(SynchronousTestCase):
    """The same bytes, sent to a site that lends and to one that doesn't."""

    def both(self, act: Any, **more: Any) -> Exchange:
        """Compare the outcomes; gives the exchange that lent."""
        outcomes = []
        for lanes in (False, True):
            exchange = Exchange(lanes=lanes, **more)
            try:
                act(exchange.live)
                outcomes.append(exchange.outcome())
            finally:
                exchange.live.close()
            if not lanes:
                self.assertEqual(exchange.views, [])
        self.assertEqual(outcomes[0], outcomes[1])
        return exchange

    def sent(self, *pieces: bytes, **more: Any) -> Exchange:
        """Send pieces, each by itself."""

        def act(live: Live) -> None:
            for piece in pieces:
                live.send(piece)

        return self.both(act, **more)

    def test_body_after_its_head(self) -> None:
        """What comes behind the head goes into the buffer, and arrives whole."""
        body = bytes(range(256)) * 10_000
        exchange = self.sent(head(length=len(body)), body)
        self.assertEqual((exchange.heard, exchange.ends), ([body], [len(body)]))
        self.assertEqual(sum(exchange.views), len(body))

    def test_unix(self) -> None:
        """A UNIX socket is as good."""
        body = b"x" * 300_000
        exchange = self.sent(head(length=len(body)), body, family=socket.AF_UNIX)
        self.assertEqual((exchange.heard, sum(exchange.views)), ([body], len(body)))

    def test_bytes_with_the_head(self) -> None:
        """Bytes that came with the head go the ordinary way, and first."""
        exchange = self.sent(head(length=10) + b"abc", b"defghij")
        self.assertEqual((exchange.heard, exchange.views), ([b"abcdefghij"], [7]))

    def test_next_request(self) -> None:
        """Not a byte behind the body's end is read for it: there begins the next request."""
        behind = head("GET", "/y")
        exchange = self.sent(head(length=5), b"hello" + behind, head(length=3) + b"abc" + behind)
        self.assertEqual((exchange.heard, exchange.views), ([b"hello", b"abc"], [5]))
        self.assertEqual(statuses(exchange.live.answers), [200] * 4)

    def test_chunked(self) -> None:
        """A body of unknown length goes the ordinary way."""
        coded = head("PUT", "/x", None, "Transfer-Encoding: chunked")
        exchange = self.sent(coded, b"5\r\nhello\r\n", b"0\r\n\r\n")
        self.assertEqual((exchange.heard, exchange.views), ([b"hello"], []))

    def test_one_byte_short(self) -> None:
        """A body that lacks its last byte has not ended; when the client goes, what came is kept."""

        def act(live: Live) -> None:
            live.send(head(length=6))
            live.send(b"hello")
            self.assertEqual(live.answers, b"")
            live.lose()

        exchange = self.both(act)
        self.assertEqual((exchange.heard, exchange.ends), ([b"hello"], ["BodyCut"]))

    def test_reset(self) -> None:
        """So is what came before the client vanished."""

        def act(live: Live) -> None:
            live.send(head(length=6) + b"he")
            live.send(b"llo")
            live.lose(reset=True)

        exchange = self.both(act)
        self.assertEqual((exchange.heard, exchange.ends), ([b"hello"], ["BodyCut"]))

    def test_half_close(self) -> None:
        """A client that says in mid-body that nothing more comes is refused."""

        def act(live: Live) -> None:
            live.send(head(length=6))
            live.send(b"hello")
            live.half_close()

        exchange = self.both(act)
        self.assertEqual((statuses(exchange.live.answers), exchange.ends), ([400], ["BodyCut"]))

    def test_too_large(self) -> None:
        """A maximum that is exceeded ends the delivery, and the early answer is heard."""
        body = b"x" * 400_000
        exchange = self.sent(head(length=len(body)), body, maximum=1000)
        self.assertEqual(statuses(exchange.live.answers), [413])

    def test_continue(self) -> None:
        """A client that waits for a 100 gets one, then sends."""
        exchange = self.sent(head("PUT", "/x", 5, "Expect: 100-continue"), b"hello")
        self.assertEqual((statuses(exchange.live.answers), exchange.views), ([100, 200], [5]))

    def test_answered_before_the_end(self) -> None:
        """After an early answer the rest of a body is drained, and the connection used again."""
        begun: list[StreamingRequest] = []

        def act(live: Live) -> None:
            begun.clear()
            live.send(head(length=3000))
            live.send(b"x" * 1000)
            answer(begun[0], b"enough")
            live.send(b"x" * 1500)
            live.send(b"x" * 500 + head("GET", "/y"))

        def handle(exchange: Exchange, request: StreamingRequest) -> None:
            begun.append(request)
            before(exchange, request)

        before = Exchange.handle
        self.patch(Exchange, "handle", handle)
        exchange = self.both(act)
        self.assertEqual(statuses(exchange.live.answers), [200, 200])
        self.assertEqual(exchange.views, [1000])

    @settings(max_examples=60, deadline=None)
    @given(
        sizes=st.lists(
            st.sampled_from([0, 1, 2, 63, 64, 65_535, 65_536, 65_537, 200_000]), min_size=1, max_size=4
        ),
        cuts=st.lists(st.floats(0, 1), max_size=6),
        nudges=st.lists(st.integers(-2, 2), min_size=6, max_size=6),
        short=st.integers(0, 3),
    )
    def test_any_cut(self, sizes: list[int], cuts: list[float], nudges: list[int], short: int) -> None:
        """However a connection's bytes are cut, and wherever they break off, both ways hear and answer alike."""
        stream, ends = b"", [0]
        for size in sizes:
            for part in (head(length=size), (bytes(range(251)) * 800)[:size]):
                ends += [len(stream) + len(part) // 2, len(stream) + len(part)]
                stream += part
        stream = stream[: len(stream) - short]
        near = (ends[int(cut * (len(ends) - 1))] + nudge for cut, nudge in zip(cuts, nudges, strict=False))
        marks = sorted({0, len(stream), *(min(max(0, one), len(stream)) for one in near)})
        pieces = [stream[begin:end] for begin, end in pairwise(marks)]

        def act(live: Live) -> None:
            for piece in pieces:
                live.send(piece)
            live.lose()

        self.both(act)


class FormTests(SynchronousTestCase):
    """Forms: their files' bytes reach who takes them as views of what was parsed."""

    @settings(max_examples=30, deadline=None)
    @given(
        sizes=st.lists(st.sampled_from([0, 1, 65_536, 300_000]), min_size=1, max_size=3),
        cuts=st.lists(st.floats(0, 1), max_size=3),
    )
    def test_both_ways(self, sizes: list[int], cuts: list[float]) -> None:
        """The same files arrive, however the form is cut, and only the lent way gives views."""
        form = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="n%d"\r\n\r\n%b\r\n'
            % (number, (b"ab\r\n--c" * 50_000)[:size])
            for number, size in enumerate(sizes)
        )
        form += b"--b--\r\n"
        marks = sorted({0, len(form), *(int(cut * len(form)) for cut in cuts)})
        fast, ordinary = (self.read(form, marks, lanes=lanes) for lanes in (True, False))
        self.assertEqual(fast[:2], ordinary[:2])
        self.assertEqual([len(data) for data in fast[1]], sizes)
        self.assertEqual(ordinary[2], 0)
        self.assertEqual(fast[2], sum(sizes))

    def read(self, form: bytes, marks: list[int], *, lanes: bool) -> tuple[list[int], list[bytes], int]:
        """Send a form in pieces; gives the statuses, the files, and how many bytes came as views."""
        collectors: list[ViewCollector] = []

        async def keep(part: FilePart) -> None:
            collectors.append(ViewCollector())
            await part.deliver(collectors[-1])

        def handle(request: StreamingRequest) -> None:
            done = Deferred.fromCoroutine(FormReader(b"b", keep).read(request.body))
            done.addCallbacks(lambda _: answer(request), lambda _: answer(request, b"no", 400))

        live = Live(handle, lanes=lanes)
        try:
            live.send(head("POST", "/", len(form)))
            for begin, end in pairwise(marks):
                live.send(form[begin:end])
            views = sum(sum(collector.views) for collector in collectors)
            return statuses(live.answers), [collector.data for collector in collectors], views
        finally:
            live.close()


class IntakeTests(SynchronousTestCase):
    """What is lent, to whom, and for how long."""

    def exchange(self, **more: Any) -> Exchange:
        exchange = Exchange(**more)
        self.addCleanup(exchange.live.close)
        return exchange

    def test_for_the_time_of_the_body(self) -> None:
        """Reading is lent from the body's first wish to its end, and no longer."""
        exchange = self.exchange()
        live = exchange.live
        live.send(head(length=6))
        self.assertTrue(live.lent)
        live.send(b"hello")
        self.assertTrue(live.lent)
        live.send(b"!")
        self.assertFalse(live.lent)
        self.assertEqual(live.site.basin.bodies, 0)

    def test_given_back_with_the_connection(self) -> None:
        """A connection that is lost or aborted keeps nobody."""
        for part in ("lose", "abort"):
            exchange = self.exchange()
            live = exchange.live
            live.send(head(length=6))
            if part == "lose":
                live.lose()
            else:
                live.channel.abort()
                live.settle()
            self.assertEqual(live.site.basin.bodies, 0, part)
            self.assertEqual(exchange.ends, ["BodyCut"])

    def test_plain_consumer(self) -> None:
        """A consumer that knows no views gets bytes."""
        collector = Collector()
        live = Live(lambda request: collector.__dict__.update(done=request.body.deliver(collector)))
        self.addCleanup(live.close)
        live.send(head(length=6))
        self.assertFalse(live.lent)
        live.send(b"hello!")
        self.assertEqual(collector.data, b"hello!")

    def test_no_views_for_now(self) -> None:
        """While a consumer has no use for views, it gets bytes; order is kept."""
        exchange = self.exchange()
        exchange.live.send(head(length=9))
        [collector] = exchange.collectors
        for piece, direct in ((b"abc", True), (b"def", False), (b"ghi", True)):
            collector.direct = direct
            exchange.live.send(piece)
        self.assertEqual((collector.data, collector.views), (b"abcdefghi", [3, 3]))

    def test_full(self) -> None:
        """A consumer that is full has the socket left alone, whatever lies in it, until it has room."""
        exchange = self.exchange()
        live = exchange.live
        body = b"x" * 2_000_000
        live.send(head(length=len(body)))
        [collector] = exchange.collectors
        collector.full_at = 1
        live.send(body[:1_000_000])
        self.assertEqual(collector.views, [READ_AT_LEAST])
        assert collector.producer is not None
        collector.full_at = None
        collector.producer.resumeProducing()
        live.settle()
        live.send(body[len(collector.data) :])
        self.assertEqual(collector.data, body)

    def test_room(self) -> None:
        """A first read is small, later ones are larger, and none is longer than others may wait for."""
        exchange = self.exchange()
        exchange.live.client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        exchange.live.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        exchange.live.send(head(length=8 << 20))
        exchange.live.send(b"x" * (8 << 20))
        sizes = exchange.views
        self.assertLessEqual(sizes[0], READ_AT_LEAST)
        self.assertLessEqual(max(sizes), READ_AT_MOST)
        self.assertGreater(max(sizes), READ_AT_LEAST)

    def test_shares(self) -> None:
        """The more bodies flow, the smaller the reads, down to what twisted's own would be."""
        basin = Basin()
        for bodies, size in ((0, READ_AT_MOST), (1, READ_AT_MOST), (4, READ_AT_MOST // 4), (500, READ_AT_LEAST)):
            basin.bodies = bodies
            self.assertEqual(len(basin.room(1 << 30)), size)
            self.assertEqual(len(basin.room(17)), 17)

    def test_slow_client(self) -> None:
        """A body that doesn't come is noticed as ever."""
        exchange = self.exchange()
        live = exchange.live
        live.send(head(length=6))
        live.send(b"hel")
        live.reactor.pump([1.0] * 100)
        live.settle()
        self.assertEqual((statuses(live.answers), exchange.ends), ([408], ["BodyCut"]))
        self.assertEqual(live.site.basin.bodies, 0)

    def test_suits(self) -> None:
        """What isn't a plain socket, or is read in another's way, is left alone."""
        live = Live(lambda request: None)
        self.addCleanup(live.close)
        self.assertTrue(Intake.suits(live.transport))
        self.assertFalse(Intake.suits(Wire()))
        live.transport.TLS = True
        self.assertFalse(Intake.suits(live.transport))
        live.transport.TLS = False
        live.transport.doRead = live.transport.doRead
        self.assertFalse(Intake.suits(live.transport))

    def test_deliver_later(self) -> None:
        """A handler that takes its time before it takes the body gets what came first, and then views."""
        requests: list[StreamingRequest] = []
        live = Live(requests.append)
        self.addCleanup(live.close)
        live.send(head(length=300_000) + b"x" * 100_000)
        collector = ViewCollector()
        done: Deferred[int] = requests[0].body.deliver(collector)
        live.settle()
        live.send(b"y" * 200_000)
        self.assertEqual(self.successResultOf(done), 300_000)
        self.assertEqual(collector.data, b"x" * 100_000 + b"y" * 200_000)
        self.assertGreaterEqual(sum(collector.views), 200_000)
