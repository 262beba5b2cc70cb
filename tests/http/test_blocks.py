"""Pushing blocks: back-pressure, fairness, and every way a transfer can end."""

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerstor.http.blocks import BYTES_PER_TURN, LEAST_COST, BlockProducer, TransferStopped, send
from tests.http.streams import FillingTransport, ListSource


class Broken(Exception):
    """A fault of a source."""


class Blocks(SynchronousTestCase):
    """`send` with sources and consumers of every temper."""

    def setUp(self) -> None:
        """A clock to turn by hand."""
        self.clock = Clock()

    def test_provides_the_interface(self) -> None:
        """The producer is a push producer."""
        verifyObject(
            IPushProducer, BlockProducer(consumer=StringTransport(), source=ListSource([]), clock=self.clock)
        )

    def test_everything_in_order(self) -> None:
        """Ready blocks and late ones arrive in order; then the consumer is free and the source closed."""
        late: Deferred[bytes] = Deferred()
        source = ListSource([b"one ", succeed(b"two "), late, b"four"])
        transport = FillingTransport()
        done = send(transport, source, clock=self.clock)
        self.assertEqual(transport.value(), b"one two ")
        self.assertTrue(transport.streaming)
        self.assertNoResult(done)
        late.callback(b"three ")
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(transport.value(), b"one two three four")
        self.assertEqual((transport.registered, transport.unregistered, source.closed), (1, 1, 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_is_asked_for_while_full(self) -> None:
        """A consumer that pauses within `write` gets nothing more until it resumes; nothing is read for it."""
        source = ListSource([b"a" * 10, b"b" * 10, b"c" * 10])
        transport = FillingTransport(mark=10)
        done = send(transport, source, clock=self.clock)
        self.assertEqual((transport.value(), source.asked), (b"a" * 10, 1))
        self.clock.advance(1)
        self.assertEqual(source.asked, 1)
        transport.drain()
        self.assertEqual((transport.value(), source.asked), (b"b" * 10, 2))
        transport.drain()
        transport.drain()
        self.successResultOf(done)
        self.assertEqual(transport.received, b"a" * 10 + b"b" * 10 + b"c" * 10)

    def test_a_block_that_arrives_during_a_pause_waits(self) -> None:
        """What was under way when the consumer paused is written at the next resume, and only one such exists."""
        late: Deferred[bytes] = Deferred()
        source = ListSource([late, b"next"])
        transport = FillingTransport()
        done = send(transport, source, clock=self.clock)
        transport.producer.pauseProducing()
        late.callback(b"late ")
        self.assertEqual((transport.value(), source.asked), (b"", 1))
        transport.producer.resumeProducing()
        self.assertEqual(transport.value(), b"late next")
        self.successResultOf(done)

    def test_one_block_under_way(self) -> None:
        """Resuming again and again never asks for a second block while one is under way."""
        source = ListSource([Deferred()])
        transport = FillingTransport()
        send(transport, source, clock=self.clock)
        for _ in range(5):
            transport.producer.pauseProducing()
            transport.producer.resumeProducing()
        self.assertEqual(source.asked, 1)

    def test_the_reactor_gets_its_turn(self) -> None:
        """A source that is always ready and a consumer that never fills end their turn after 1 MiB."""
        source = ListSource([b"x" * 65536] * 48)
        transport = FillingTransport(mark=10**9)
        done = send(transport, source, clock=self.clock)
        self.assertEqual(len(transport.value()), BYTES_PER_TURN)
        seen_by_others: list[int] = []
        self.clock.callLater(0, lambda: seen_by_others.append(len(transport.value())))
        self.assertNoResult(done)
        self.clock.advance(0)
        self.assertEqual(seen_by_others, [2 * BYTES_PER_TURN])
        self.successResultOf(done)
        self.assertEqual(len(transport.value()), 3 * BYTES_PER_TURN)

    def test_tiny_blocks_end_a_turn_too(self) -> None:
        """A turn is bounded in calls as well as in bytes."""
        source = ListSource([b"x"] * 1000)
        send(FillingTransport(mark=10**9), source, clock=self.clock)
        self.assertEqual(source.asked, BYTES_PER_TURN // LEAST_COST)

    def test_many_fired_deferreds_do_not_recurse(self) -> None:
        """Blocks that are ready at once, but as Deferreds, cost no stack."""
        source = ListSource([succeed(b"x") for _ in range(5000)])
        transport = FillingTransport(mark=10**9)
        done = send(transport, source, clock=self.clock)
        self.clock.pump([0] * 200)
        self.successResultOf(done)
        self.assertEqual(len(transport.value()), 5000)

    def test_pause_between_turns(self) -> None:
        """A pause while the next turn is due holds, and a resume keeps the turn."""
        source = ListSource([b"x" * BYTES_PER_TURN, b"end"])
        transport = FillingTransport(mark=10**9)
        done = send(transport, source, clock=self.clock)
        transport.producer.pauseProducing()
        self.clock.advance(0)
        self.assertEqual(len(transport.value()), BYTES_PER_TURN)
        transport.producer.resumeProducing()
        self.successResultOf(done)
        self.assertTrue(transport.value().endswith(b"end"))

    def test_a_source_that_fails(self) -> None:
        """A fault of the source, raised or late, frees the consumer, closes the source and is the outcome."""
        for fault in (Broken(), Deferred()):
            with self.subTest(fault=fault):
                source = ListSource([b"begun", fault])
                transport = FillingTransport()
                done = send(transport, source, clock=self.clock)
                if isinstance(fault, Deferred):
                    fault.errback(Failure(Broken()))
                self.failureResultOf(done, Broken)
                self.assertEqual((transport.value(), transport.unregistered), (b"begun", 1))
                self.assertEqual((source.closed, source.asked), (1, 2))

    def test_a_consumer_that_fails(self) -> None:
        """What `write` raises ends the transfer with it."""

        class Raising(FillingTransport):
            def write(self, data: bytes) -> None:
                raise Broken

        source = ListSource([b"x"])
        transport = Raising()
        self.failureResultOf(send(transport, source, clock=self.clock), Broken)
        self.assertEqual((transport.unregistered, source.closed), (1, 1))

    def test_a_consumer_that_cannot_register(self) -> None:
        """Where another producer is registered, nothing is sent and the source is closed."""
        transport = FillingTransport()
        transport.registerProducer(object(), True)
        source = ListSource([b"x"])
        self.failureResultOf(send(transport, source, clock=self.clock), RuntimeError)
        self.assertEqual((transport.value(), source.closed, source.asked), (b"", 1, 0))

    def test_a_consumer_that_is_gone_already(self) -> None:
        """A transport that stops the producer in `registerProducer` gets nothing."""

        class Gone(FillingTransport):
            def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
                producer.stopProducing()

        source = ListSource([b"x"])
        transport = Gone()
        self.failureResultOf(send(transport, source, clock=self.clock), TransferStopped)
        self.assertEqual((transport.value(), transport.unregistered, source.closed, source.asked), (b"", 0, 1, 0))

    def test_lost_between_blocks(self) -> None:
        """A connection lost while paused ends the transfer at once, and the consumer is not touched again."""
        source = ListSource([b"x" * 10, b"y"])
        transport = FillingTransport(mark=10)
        done = send(transport, source, clock=self.clock)
        producer = transport.producer
        transport.lose()
        self.failureResultOf(done, TransferStopped)
        producer.resumeProducing()
        self.assertEqual((transport.unregistered, source.closed, source.asked), (0, 1, 1))

    def test_lost_between_turns(self) -> None:
        """Nothing stays with the clock after the connection is lost."""
        transport = FillingTransport(mark=10**9)
        done = send(transport, ListSource([b"x" * BYTES_PER_TURN, b"y"]), clock=self.clock)
        transport.lose()
        self.failureResultOf(done, TransferStopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lost_within_write(self) -> None:
        """A consumer that stops us from within `write` gets no second block."""

        class Dying(FillingTransport):
            def write(self, data: bytes) -> None:
                super().write(data)
                self.lose()

        source = ListSource([b"x", b"y"])
        transport = Dying()
        self.failureResultOf(send(transport, source, clock=self.clock), TransferStopped)
        self.assertEqual((transport.value(), transport.unregistered, source.closed), (b"x", 0, 1))

    def test_lost_in_mid_block(self) -> None:
        """While a block is under way the outcome waits for it, so that no descriptor is closed under a read; the
        block itself, or its fault, is dropped."""
        for late_outcome in (b"late", Failure(Broken())):
            with self.subTest(late_outcome=late_outcome):
                late: Deferred[bytes] = Deferred()
                source = ListSource([late])
                transport = FillingTransport()
                done = send(transport, source, clock=self.clock)
                transport.lose()
                self.assertNoResult(done)
                self.assertEqual(source.closed, 0)
                late.callback(late_outcome)
                self.failureResultOf(done, TransferStopped)
                self.assertEqual((transport.value(), source.closed), (b"", 1))

    def test_cancelled(self) -> None:
        """Cancelling frees the consumer at once, and fires only when no block is under way."""
        late: Deferred[bytes] = Deferred()
        source = ListSource([late])
        transport = FillingTransport()
        done = send(transport, source, clock=self.clock)
        done.cancel()
        self.assertEqual(transport.unregistered, 1)
        self.assertNoResult(done)
        done.cancel()
        self.assertNoResult(done)
        late.callback(b"late")
        self.failureResultOf(done, CancelledError)
        self.assertEqual((transport.value(), transport.unregistered, source.closed), (b"", 1, 1))

    def test_cancelled_while_paused(self) -> None:
        """With nothing under way, cancelling ends it at once."""
        source = ListSource([b"x" * 10, b"y"])
        transport = FillingTransport(mark=10)
        done = send(transport, source, clock=self.clock)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual((transport.unregistered, source.closed), (1, 1))
