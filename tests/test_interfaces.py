"""One contract for each seam, run alike on the real implementers and on the stand-ins that other tests use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

import peerstor.web.site  # noqa: F401 - declares what the plumbing provides
from peerstor.daemon.auditedchanges import AuditedChanges
from peerstor.daemon.auditlog import AuditLog
from peerstor.daemon.threads import Threads
from peerstor.errors import QuotaExceeded
from peerstor.http.formparts import FilePart
from peerstor.http.forms import FormReader
from peerstor.interfaces import IAudit, IByteSource, IChangeListener, IThreads, IViewConsumer
from peerstor.tree.following import Following
from peerstor.uploads.sink import Sink
from peerstor.web.changelog import ChangeLog
from peerstor.web.shares.metered import Metered
from tests.fakes import HeldThreads, ImmediateThreads, KeptAudit
from tests.http.test_channel import Collector, head
from tests.http.test_intake import ViewCollector
from tests.http.wire import Plain
from tests.uploads.scaffold import Source
from tests.uploads.test_sink import Memory


class ThreadsContract:
    """What whoever runs blocking functions promises."""

    threads: Any

    def settle(self) -> None:
        """Let what was asked for be run, where that needs a push."""

    async def outcome(self, done: Deferred[Any]) -> Any:
        self.settle()
        return await done

    async def check_result(self) -> None:
        self.assertEqual(await self.outcome(self.threads.run(divmod, 7, 2)), (3, 1))  # type: ignore[attr-defined]

    async def check_keywords(self) -> None:
        done = self.threads.run(int, "ff", base=16)
        self.assertEqual(await self.outcome(done), 255)  # type: ignore[attr-defined]

    async def check_failure(self) -> None:
        with self.assertRaises(ZeroDivisionError):  # type: ignore[attr-defined]
            await self.outcome(self.threads.run(divmod, 1, 0))

    async def check_all(self) -> None:
        verifyObject(IThreads, self.threads)
        await self.check_result()
        await self.check_keywords()
        await self.check_failure()


class RealThreadsTests(ThreadsContract, TestCase):
    def setUp(self) -> None:
        self.threads = Threads(reactor=reactor, name="test", size=2)  # type: ignore[arg-type]
        self.threads.start()
        self.addCleanup(self.threads.stop, 5)

    def test_contract(self) -> Deferred[None]:
        """A result, keywords and a failure come back."""
        return Deferred.fromCoroutine(self.check_all())

    def test_off_the_reactors_thread(self) -> Deferred[None]:
        """The function runs in another thread, its outcome arrives in this one."""

        async def check() -> None:
            here = threading.get_ident()
            self.assertNotEqual(await self.threads.run(threading.get_ident), here)
            self.assertEqual(threading.get_ident(), here)

        return Deferred.fromCoroutine(check())

    def test_slow_function_holds_nobody_up(self) -> Deferred[None]:
        """One thread is enough while all is quick; behind a function that waits for the disk, another begins."""

        async def check() -> None:
            pool = Threads(reactor=reactor, name="grows", size=2, few=1, patience=0.02)  # type: ignore[arg-type]
            pool.start()
            self.addCleanup(pool.stop, 5)
            names = {await pool.run(lambda: threading.current_thread().name) for _ in range(20)}
            self.assertEqual(len(names), 1)
            go = threading.Event()
            slow = pool.run(go.wait, 10)
            self.assertEqual(await pool.run(int), 0)
            go.set()
            self.assertTrue(await slow)

        return Deferred.fromCoroutine(check())

    def test_cancelled(self) -> Deferred[None]:
        """Cancelling doesn't stop the function; its outcome is thrown away without a word."""

        async def check() -> None:
            begun, go = threading.Event(), threading.Event()

            def work() -> None:
                begun.set()
                go.wait(5)
                raise ValueError("thrown away")

            done = self.threads.run(work)
            begun.wait(5)
            done.cancel()
            go.set()
            with self.assertRaises(CancelledError):
                await done
            await self.threads.run(int)

        return Deferred.fromCoroutine(check())

    def test_stop_does_not_wait_for_ever(self) -> None:
        """A thread that hangs in the disk is left behind, and doesn't keep the process."""
        hung, go = Threads(reactor=reactor, name="hung", size=1), threading.Event()  # type: ignore[arg-type]
        hung.start()
        begun = threading.Event()
        hung.run(lambda: (begun.set(), go.wait(30))).addErrback(lambda _: None)
        begun.wait(5)
        hung.stop(0.05)
        daemons = [thread for thread in threading.enumerate() if "hung" in thread.name]
        self.assertTrue(daemons and all(thread.daemon for thread in daemons))
        go.set()


class ImmediateThreadsTests(ThreadsContract, SynchronousTestCase):
    threads = ImmediateThreads()

    def test_contract(self) -> None:
        """A result, keywords and a failure come back."""
        self.successResultOf(Deferred.fromCoroutine(self.check_all()))


class HeldThreadsTests(ThreadsContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.threads = HeldThreads()

    def settle(self) -> None:
        self.threads.release_all()

    def test_contract(self) -> None:
        """A result, keywords and a failure come back."""
        self.successResultOf(Deferred.fromCoroutine(self.check_all()))


class SourceContract:
    """What bytes that arrive over time promise."""

    def begin(self) -> tuple[Any, Callable[[bytes], Any], Callable[[], Any], Callable[[], Any]]:
        """Give a source, and how to let bytes arrive, end truly, and break off."""
        raise NotImplementedError

    def deliver(self) -> tuple[Collector, Deferred[int], Any, Any, Any]:
        source, push, end, lose = self.begin()
        collector = Collector()
        return collector, source.deliver(collector), push, end, lose

    def test_provides(self) -> None:
        """It says what it is."""
        self.assertTrue(IByteSource.providedBy(self.begin()[0]))  # type: ignore[attr-defined]

    def test_true_end(self) -> None:
        """The bytes arrive in order, the consumer is unregistered, and the count is told."""
        collector, done, push, end, _ = self.deliver()
        self.assertIsNotNone(collector.producer)  # type: ignore[attr-defined]
        push(b"abc")
        push(b"de")
        self.assertNoResult(done)  # type: ignore[attr-defined]
        end()
        self.assertEqual(self.successResultOf(done), 5)  # type: ignore[attr-defined]
        self.assertEqual((collector.data, collector.producer), (b"abcde", None))  # type: ignore[attr-defined]

    def test_broken_off(self) -> None:
        """It fails when the bytes end before their end; what came is a prefix."""
        collector, done, push, _, lose = self.deliver()
        push(b"abc")
        lose()
        self.failureResultOf(done)  # type: ignore[attr-defined]
        self.assertEqual(collector.data, b"abc")  # type: ignore[attr-defined]

    def test_stopped(self) -> None:
        """A consumer that stops its producer gets nothing more, and the delivery fails."""
        collector, done, push, _, _ = self.deliver()
        push(b"abc")
        assert collector.producer is not None
        collector.producer.stopProducing()
        self.failureResultOf(done)  # type: ignore[attr-defined]


class BodyStreamTests(SourceContract, SynchronousTestCase):
    """A request's body."""

    def begin(self) -> Any:
        connection = Plain(lambda request: None)
        connection.send(head(length=5))
        return connection.requests[0].body, connection.send, lambda: None, connection.lose

    def test_true_end(self) -> None:
        """The bytes arrive in order, the consumer is unregistered, and the count is told."""
        collector, done, push, _, _ = self.deliver()
        push(b"abc")
        self.assertNoResult(done)
        push(b"de")
        self.assertEqual(self.successResultOf(done), 5)
        self.assertEqual((collector.data, collector.producer), (b"abcde", None))


class FilePartTests(SourceContract, SynchronousTestCase):
    """One file of a form."""

    def begin(self) -> Any:
        parts: list[FilePart] = []

        async def keep(part: FilePart) -> None:
            parts.append(part)
            await self.finished

        self.finished: Deferred[None] = Deferred()
        reader, form = FormReader(b"b", keep), Source()
        Deferred.fromCoroutine(reader.read(form)).addErrback(lambda _: None)
        form.send(b'--b\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\n')
        return parts[0], form.send, lambda: form.send(b"\r\n--b--\r\n"), form.lose


class StandInTests(SourceContract, SynchronousTestCase):
    """The stand-in that the tests of uploads use."""

    def begin(self) -> Any:
        source = Source()
        return source, source.send, source.end, source.lose


class MeteredTests(SourceContract, SynchronousTestCase):
    """Another source, of which each piece has to be approved."""

    def begin(self) -> Any:
        source = Source()
        return Metered(IByteSource(source), self.approve), source.send, source.end, source.lose

    left = 10

    def approve(self, count: int) -> None:
        if count > self.left:
            raise QuotaExceeded(self.left)
        self.left -= count

    def test_refused(self) -> None:
        """The piece that is refused isn't passed on, nor what follows, and the delivery fails with the reason."""
        collector, done, push, _, _ = self.deliver()
        push(b"1234567")
        push(b"8901")
        self.failureResultOf(done, QuotaExceeded)
        self.assertEqual(collector.data, b"1234567")


class ViewConsumerContract:
    """What a consumer that takes views promises."""

    def begin(self) -> tuple[Any, Callable[[], bytes]]:
        """Give one to which a producer is registered, and what tells all that it took."""
        raise NotImplementedError

    def test_provides(self) -> None:
        """It has what it needs to be one."""
        verifyObject(IViewConsumer, self.begin()[0])

    def test_views_and_bytes(self) -> None:
        """Both arrive in the order in which they came."""
        consumer, taken = self.begin()
        for piece in (b"ab", memoryview(b"cd"), b"ef", memoryview(b""), memoryview(b"g")):
            (consumer.write_through if isinstance(piece, memoryview) else consumer.write)(piece)
        self.assertEqual(taken(), b"abcdefg")  # type: ignore[attr-defined]

    def test_view_is_good_during_the_call_only(self) -> None:
        """Nothing of it is looked at afterwards, whether views are welcome or not."""
        consumer, taken = self.begin()
        room = bytearray(4)
        for piece in (b"abcd", b"efgh"):
            room[:] = piece
            consumer.write_through(memoryview(room))
        room[:] = b"----"
        self.assertEqual(taken(), b"abcdefgh")  # type: ignore[attr-defined]


class ViewCollectorTests(ViewConsumerContract, SynchronousTestCase):
    """The stand-in that the tests of bodies use."""

    def begin(self) -> Any:
        collector = ViewCollector()
        collector.registerProducer(Source(), True)
        return collector, lambda: collector.data


class SinkTests(ViewConsumerContract, SynchronousTestCase):
    """What writes to part files, on a disk that is quick."""

    local = True

    def begin(self) -> Any:
        part, source, threads = Memory(), Source(), HeldThreads()
        part.local = self.local
        sink = Sink(part=part, position=0, threads=threads, clock=Clock())
        Deferred.fromCoroutine(sink.take(source))

        def taken() -> bytes:
            source.end()
            threads.release_all()
            return bytes(part.data)

        return sink, taken


class RemoteSinkTests(SinkTests):
    """The same where the disk may be slow."""

    local = False


class ListenerTests(SynchronousTestCase):
    def test_change_log(self) -> None:
        """The logs of changes are listeners, and so is whoever tells of folders."""
        following = Following(
            sandbox=Mock(root=b"/nowhere"), threads=ImmediateThreads(), clock=Clock(), wall=float
        )
        for listener in (ChangeLog(), AuditedChanges(KeptAudit()), following):
            verifyObject(IChangeListener, listener)


class AuditTests(SynchronousTestCase):
    def test_verified(self) -> None:
        """Whoever keeps an audit takes anything that a caller may say, and answers nothing."""
        log = AuditLog(path=b"/nowhere/audit.log", threads=ImmediateThreads(), clock=Clock())
        for audit in (KeptAudit(), log):
            verifyObject(IAudit, audit)
            self.assertIsNone(
                audit.note("login", principal="\udc80\n", address=None, path=b"\xff", size=1, time="never")
            )
