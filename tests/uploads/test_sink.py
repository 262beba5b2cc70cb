"""The sink between a source and a part file."""

import errno
import os
import time
from itertools import count
from typing import Any

from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerstor.errors import BodyCut, Stopping, TooLarge
from peerstor.uploads.pace import HELD_AT_MOST, REST, SLOW, STALLED_AT_MOST, Pace, waits
from peerstor.uploads.sink import BATCH, HIGH, LINGER, Sink
from tests.fakes import HeldThreads, ImmediateThreads
from tests.uploads.scaffold import Body, Source


class Memory:
    """A part file in memory that takes at most so many bytes a write, and so many in all."""

    local = True

    def __init__(self, *, room: int = 1 << 30, taken: int = 1 << 30) -> None:
        self.data = bytearray()
        self.writes = 0
        self._room = room
        self._taken = taken

    def write(self, data: memoryview, position: int) -> int:
        assert position == len(self.data), "not a prefix"
        self.writes += 1
        count = min(len(data), self._taken, self._room - len(self.data))
        if count == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.data += data[:count]
        return count


class SinkTests(SynchronousTestCase):
    """With threads that the test lets run."""

    def setUp(self) -> None:
        self.threads = HeldThreads()
        self.clock = Clock()
        self.part = Memory()
        self.source = Source()

    def take(self, length: int | None = None, **more: Any) -> tuple[Sink, "Deferred[int]"]:
        sink = Sink(**{"part": self.part, "position": 0, "threads": self.threads, "clock": self.clock, **more})
        return sink, Deferred.fromCoroutine(sink.take(self.source, length))

    def test_interface(self) -> None:
        """A sink is a consumer."""
        verifyObject(IConsumer, self.take()[0])

    def test_bounded(self) -> None:
        """Above the high mark the producer is paused; it is resumed once a batch or less is left."""
        sink, _ = self.take()
        piece = b"x" * 65536
        while not self.source.paused:
            self.source.send(piece)
        self.assertEqual(self.source.count, HIGH)
        self.source.send(piece)
        self.assertEqual(len(self.threads.waiting), 1)
        while self.source.paused:
            self.threads.release()
        left = self.source.count - sink.written
        self.assertLessEqual(left, BATCH)
        self.assertGreater(left, 0)
        self.assertEqual(self.source.pauses, 1)

    def test_one_batch_at_a_time(self) -> None:
        """However much waits, one thread is borrowed."""
        self.take()
        for _ in range(10):
            self.source.send(b"x" * 100_000)
            self.assertLessEqual(len(self.threads.waiting), 1)

    def test_lingers(self) -> None:
        """Less than a batch waits for more, but not for long."""
        self.take()
        self.source.send(b"x")
        self.assertEqual(len(self.threads.waiting), 0)
        self.clock.advance(LINGER)
        self.assertEqual(len(self.threads.waiting), 1)

    def test_end_waits_for_no_timer(self) -> None:
        """At the end of the body everything is written at once, and no timer is left."""
        _, taken = self.take()
        self.source.send(b"x").end()
        self.threads.release_all()
        self.assertEqual(self.successResultOf(taken), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_tiny_pieces(self) -> None:
        """Many tiny pieces are joined as they come."""
        sink, taken = self.take()
        for _ in range(20_000):
            self.source.send(b"x")
        self.assertLessEqual(len(sink._waiting), 2)
        self.source.end()
        self.threads.release_all()
        self.assertEqual(self.successResultOf(taken), 20_000)
        self.assertEqual(self.part.data, b"x" * 20_000)

    def test_silence(self) -> None:
        """Silence counts from the last byte, and only while nothing waits for the disk."""
        sink, _ = self.take()
        self.clock.advance(1)
        self.assertEqual(sink.silence, 1)
        self.source.send(b"x")
        self.clock.advance(5)
        self.assertEqual(sink.silence, 0)
        self.threads.release_all()
        self.assertEqual(sink.silence, 5)

    def test_cut(self) -> None:
        """A cut stops the producer at once, writes what arrived, and only then tells the reason."""
        sink, taken = self.take()
        self.source.send(b"hello")
        sink.cut(Stopping())
        self.assertTrue(self.source.stopped)
        self.source.consumer.write(b"more")
        self.assertNoResult(taken)
        self.threads.release_all()
        self.failureResultOf(taken, Stopping)
        self.assertEqual((bytes(self.part.data), sink.written), (b"hello", 5))

    def test_cut_before_the_producer_registers(self) -> None:
        """A producer that comes after the cut is stopped."""
        source = Source()
        sink = Sink(part=self.part, position=0, threads=self.threads, clock=self.clock)
        sink.cut(Stopping())
        taken = Deferred.fromCoroutine(sink.take(source))
        self.failureResultOf(taken, Stopping)
        self.assertIsNone(source.consumer)

    def test_source_that_never_answers(self) -> None:
        """After a cut nobody waits for the source's own end."""

        class Mute(Source):
            def stopProducing(self) -> None:
                self.stopped = True

        self.source = Mute()
        sink, taken = self.take()
        sink.cut(Stopping())
        self.failureResultOf(taken, Stopping)

    def test_source_that_fails_at_once(self) -> None:
        """A source that raises instead of delivering is a cut body."""

        class Broken(Source):
            def deliver(self, consumer: Any) -> Any:
                raise RuntimeError("no")

        self.source = Broken()
        self.failureResultOf(self.take()[1], BodyCut)

    def test_fault_of_the_source(self) -> None:
        """A fault by which the source ends (a body over its maximum) is passed on as it is."""
        _, taken = self.take()
        self.source.consumer.unregisterProducer()
        self.source.done.errback(TooLarge(7))
        self.assertEqual(self.failureResultOf(taken, TooLarge).value.limit, 7)

    def test_progress_holds_the_next_batch(self) -> None:
        """While whoever is told of progress asks to wait, nothing more is written, and the client waits too."""
        hold: Deferred[None] = Deferred()
        sink, taken = self.take(progress=lambda offset: hold if not hold.called else None)
        self.source.send(b"x" * HIGH)
        self.threads.release()
        self.source.send(b"y")
        self.assertEqual(self.threads.waiting, [])
        self.assertTrue(self.source.paused)
        hold.callback(None)
        self.threads.release_all()
        self.assertFalse(self.source.paused)
        self.source.end()
        self.threads.release_all()
        self.successResultOf(taken)
        self.assertEqual(sink.written, HIGH + 1)

    def test_defect_in_the_thread(self) -> None:
        """Anything unexpected while writing ends the upload instead of leaving it to wait."""
        self.part.write = None  # type: ignore[assignment, method-assign]
        _, taken = self.take()
        self.source.send(b"x").end()
        self.threads.release_all()
        self.failureResultOf(taken, OSError)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)


class SlowMemory(Memory):
    """A part file whose writes take so many seconds each, as its clock has it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.seconds = 0.0
        self._clock = clock

    def write(self, data: memoryview, position: int) -> int:
        self._clock.advance(self.seconds)
        return super().write(data, position)


class ViewTests(SynchronousTestCase):
    """Views: written in the reactor's thread while that is quick."""

    def setUp(self) -> None:
        self.threads = HeldThreads()
        self.clock = Clock()
        self.part = SlowMemory(self.clock)
        self.source = Source()

    def take(self, **more: Any) -> tuple[Sink, "Deferred[int]"]:
        source = more.pop("source", self.source)
        more.setdefault("pace", self.pace())
        more = {"part": self.part, "position": 0, "threads": self.threads, "clock": self.clock, **more}
        sink = Sink(**more)
        return sink, Deferred.fromCoroutine(sink.take(source))

    def pace(self) -> Pace:
        """A pace by which each write has had to wait for something."""
        return Pace(clock=self.clock, waited=count().__next__)

    def finish(self, taken: "Deferred[int]") -> int:
        self.source.end()
        self.threads.release_all()
        return self.successResultOf(taken)

    def test_at_once(self) -> None:
        """A view is in the file, in the digest and in `written` when the call returns; no thread is borrowed."""
        hasher, told = blake3(), list[int]()
        sink, _ = self.take(hasher=hasher, progress=told.append)
        self.assertTrue(sink.direct)
        sink.write_through(memoryview(b"hello"))
        self.assertEqual((bytes(self.part.data), sink.written, told), (b"hello", 5, [5]))
        self.assertEqual(hasher.digest(), blake3(b"hello").digest())
        self.assertEqual((self.threads.waiting, self.clock.getDelayedCalls()), ([], []))

    def test_bytes_that_wait_go_first(self) -> None:
        """What came as bytes and lingers is written before the view, with it."""
        sink, _ = self.take()
        self.source.send(b"ab")
        sink.write_through(memoryview(b"cd"))
        self.assertEqual((bytes(self.part.data), sink.written), (b"abcd", 4))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_behind_a_thread(self) -> None:
        """While a thread writes what came before, a view is copied and waits its turn."""
        sink, taken = self.take()
        self.source.send(b"x" * BATCH)
        self.assertFalse(sink.direct)
        sink.write_through(memoryview(b"y"))
        self.assertEqual(bytes(self.part.data), b"")
        self.threads.release()
        self.assertTrue(sink.direct)
        sink.write_through(memoryview(b"z"))
        self.assertEqual(bytes(self.part.data), b"x" * BATCH + b"yz")
        self.finish(taken)

    def test_slow_write(self) -> None:
        """After one write that took too long, the rest of the upload goes to threads, a batch at a time."""
        sink, taken = self.take()
        self.part.seconds = SLOW
        sink.write_through(memoryview(b"a"))
        self.assertTrue(sink.direct)
        self.part.seconds = SLOW + 0.001
        sink.write_through(memoryview(b"b"))
        self.assertFalse(sink.direct)
        for _ in range(2):
            sink.write_through(memoryview(b"c" * BATCH))
        self.assertEqual((len(self.part.data), len(self.threads.waiting)), (2, 1))
        self.threads.release_all()
        self.clock.advance(1000 * REST)
        self.assertFalse(sink.direct)
        self.finish(taken)
        self.assertEqual(bytes(self.part.data), b"ab" + b"c" * 2 * BATCH)

    def test_slow_write_of_another(self) -> None:
        """The others keep away from the reactor's thread as long as needed for slow writes to be rare in it."""
        pace = self.pace()
        first, _ = self.take(pace=pace)
        second, _ = self.take(pace=pace, part=Memory(), source=Source())
        self.part.seconds = 1.0
        first.write_through(memoryview(b"a"))
        self.assertFalse(second.direct)
        self.clock.advance(1.0 / STALLED_AT_MOST - 0.1)
        self.assertFalse(second.direct)
        self.clock.advance(0.1)
        self.assertTrue(second.direct)
        self.assertFalse(first.direct)

    def test_busy_processor(self) -> None:
        """A write that took long and waited for nothing is no fault of the disk's: the processor was others'."""
        self.part.seconds = 1.0
        sink, _ = self.take(pace=Pace(clock=self.clock, waited=lambda: 7))
        sink.write_through(memoryview(b"a"))
        self.assertTrue(sink.direct)

    def test_waits(self) -> None:
        """Whoever sleeps has waited."""
        before = waits()
        time.sleep(0.001)
        self.assertGreater(waits(), before)

    def test_remote(self) -> None:
        """A file system that isn't on this machine is never written to in the reactor's thread."""
        self.part.local = False
        sink, _ = self.take()
        self.assertFalse(sink.direct)

    def test_full_disk(self) -> None:
        """A disk that takes only a part of a view keeps that part, and the delivery ends at once."""
        self.part._room = 3
        sink, taken = self.take()
        sink.write_through(memoryview(b"hello"))
        self.failureResultOf(taken, OSError)
        self.assertTrue(self.source.stopped)
        self.assertEqual((bytes(self.part.data), sink.written), (b"hel", 3))
        sink.write_through(memoryview(b"more"))
        self.assertEqual(bytes(self.part.data), b"hel")

    def test_limit(self) -> None:
        """Of a view that goes beyond the limit, what lies within it is kept."""
        sink, taken = self.take(limit=4)
        sink.write_through(memoryview(b"hello"))
        self.threads.release_all()
        self.failureResultOf(taken, TooLarge)
        self.assertEqual((bytes(self.part.data), sink.written), (b"hell", 4))

    def test_cut(self) -> None:
        """After a cut nothing more is taken."""
        sink, taken = self.take()
        sink.write_through(memoryview(b"hello"))
        sink.cut(Stopping())
        self.assertFalse(sink.direct)
        sink.write_through(memoryview(b"more"))
        self.failureResultOf(taken, Stopping)
        self.assertEqual(bytes(self.part.data), b"hello")

    def test_progress_pauses(self) -> None:
        """While whoever is told of progress asks to wait, the client waits, and isn't taken for silent."""
        hold: Deferred[None] = Deferred()
        sink, taken = self.take(progress=lambda offset: hold if not hold.called else None)
        sink.write_through(memoryview(b"a"))
        self.assertEqual((self.source.paused, sink.direct), (True, False))
        self.clock.advance(60)
        self.assertEqual(sink.silence, 0)
        hold.callback(None)
        self.assertEqual((self.source.paused, sink.direct), (False, True))
        sink.write_through(memoryview(b"b"))
        self.assertEqual(self.finish(taken), 2)

    def test_failed_sync(self) -> None:
        """Where that wait ends in an error of the disk, the upload ends with it; what is written is known."""
        hold: Deferred[None] = Deferred()
        sink, taken = self.take(progress=lambda offset: hold)
        sink.write_through(memoryview(b"a"))
        hold.errback(OSError(errno.EIO, "no"))
        self.failureResultOf(taken, OSError)
        self.assertEqual(sink.written, 1)

    def test_silence(self) -> None:
        """Silence counts from the last view."""
        sink, _ = self.take()
        self.clock.advance(1)
        sink.write_through(memoryview(b"a"))
        self.clock.advance(5)
        self.assertEqual(sink.silence, 5)

    def test_many_hold_less_each(self) -> None:
        """What uploads hold for a slow disk is bounded for all together; each has at least one read."""
        pace = Pace(clock=self.clock)
        sources = [Source() for _ in range(100)]
        for source in sources:
            part = Memory()
            part.local = False
            self.take(pace=pace, source=source, part=part)
        for source in sources:
            while not source.paused:
                source.send(b"x" * 65536)
        held = sum(source.count for source in sources)
        self.assertLessEqual(held, HELD_AT_MOST + len(sources) * 65536)
        self.assertGreater(held, HELD_AT_MOST // 2)
        self.threads.release_all()
        self.assertFalse(any(source.paused for source in sources))


class AnyBodyTests(SynchronousTestCase):
    """For whatever arrives."""

    @settings(deadline=None)
    @given(
        pieces=st.lists(st.integers(0, 3 * BATCH // 2), max_size=6),
        taken=st.sampled_from([1 << 14, 100_003, 1 << 30]),
        room=st.one_of(st.none(), st.integers(0, 2 * BATCH)),
        limit=st.one_of(st.none(), st.integers(0, 2 * BATCH)),
        cut=st.booleans(),
        views=st.lists(st.booleans(), max_size=12),
    )
    def test_prefix(
        self,
        pieces: list[int],
        taken: int,
        room: int | None,
        limit: int | None,
        cut: bool,
        views: list[bool],
    ) -> None:
        """What is in the file is a prefix of the body, `written` is its length, the digest is the prefix's own."""
        whole = b"".join(bytes([65 + number]) * size for number, size in enumerate(pieces))
        part = Memory(room=1 << 30 if room is None else room, taken=taken)
        hasher = blake3()
        sink = Sink(part=part, position=0, threads=ImmediateThreads(), clock=Clock(), hasher=hasher, limit=limit)
        done: list[Any] = []
        Deferred.fromCoroutine(sink.take(Body(whole, cut=cut, views=views))).addBoth(done.append)
        self.assertEqual(bytes(part.data), whole[: sink.written])
        self.assertEqual(len(part.data), sink.written)
        self.assertEqual(hasher.digest(), blake3(part.data).digest())
        expected = min(len(whole), part._room, len(whole) if limit is None else limit)
        self.assertEqual(sink.written, expected)
        if expected == len(whole) and not cut:
            self.assertEqual(done, [expected])
        elif expected == len(whole):
            done[0].trap(BodyCut)
        else:
            done[0].trap(OSError if part._room == expected and len(whole) > expected else TooLarge, TooLarge)
