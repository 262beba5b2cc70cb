"""Rules of what a service manager is told."""

import os
import socket
import time

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import notify as module
from peerstor.daemon.notify import AGAIN, EXTEND_EVERY, STATUS_EVERY, Notifier
from tests.scratch import scratch_folder


class NotifierTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = f"{scratch_folder(self)}/notify"
        self.manager = self.manage(self.path)
        self.reactor = MemoryReactorClock()
        self.status = "idle"
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def manage(self, address: str | bytes) -> socket.socket:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.setblocking(False)
        return manager

    def told(self) -> list[str]:
        """What the manager has been told since it was last asked."""
        messages = []
        while True:
            try:
                messages.append(self.manager.recv(4096).decode())
            except BlockingIOError:
                return messages

    def notifier(self, **environ: str) -> Notifier:
        self.environ = {"NOTIFY_SOCKET": self.path, "HOME": "/", **environ}
        notifier = Notifier.from_environment(self.environ, self.reactor)
        self.addCleanup(notifier.stop)
        return notifier

    def begun(self, **environ: str) -> Notifier:
        notifier = self.notifier(**environ)
        notifier.start(lambda: self.status)
        self.run_reactor()
        return notifier

    def run_reactor(self) -> None:
        for hook, arguments, keywords in self.reactor.whenRunningHooks:
            hook(*arguments, **keywords)

    def do(self, coroutine: object) -> None:
        self.successResultOf(Deferred.fromCoroutine(coroutine))  # type: ignore[arg-type]

    def ready(self, status: str = "STATUS=idle") -> str:
        return f"READY=1\nMAINPID={os.getpid()}\n{status}"

    def test_ready(self) -> None:
        """It is told once the reactor runs, not before: from then on connections are accepted."""
        notifier = self.notifier()
        notifier.where = "At http://192.0.2.1:8080"
        notifier.start(lambda: self.status)
        self.assertEqual(self.told(), [])
        self.run_reactor()
        self.assertEqual(self.told(), [self.ready("STATUS=At http://192.0.2.1:8080; idle")])

    def test_environment(self) -> None:
        """What was read is taken out of the environment; the rest stays."""
        self.notifier(WATCHDOG_USEC="1", WATCHDOG_PID="1")
        self.assertEqual(self.environ, {"HOME": "/"})

    def test_abstract(self) -> None:
        """A socket in the abstract namespace is meant by an `@`."""
        name = f"peerstor-test-{os.getpid()}-{id(self)}"
        self.manager = self.manage(f"\0{name}")
        self.begun(NOTIFY_SOCKET=f"@{name}")
        self.assertEqual(self.told(), [self.ready()])

    def test_nobody(self) -> None:
        """Without a manager, or with one that is reached in a way that isn't known, nothing happens."""
        for address in ("", "vsock:2:1234", "relative"):
            notifier = self.begun(NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000")
            self.do(notifier.reloading())
            self.do(notifier.reloaded())
            notifier.stopping()
        self.assertEqual((self.told(), self.reactor.getDelayedCalls()), ([], []))

    def test_reload(self) -> None:
        """Reading again begins with the time of the monotonic clock, by which it is told from an earlier one."""
        notifier = self.begun()
        self.told()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.do(notifier.reloading())
        (message,) = self.told()
        first, second = message.split("\n")
        self.assertEqual(first, "RELOADING=1")
        self.assertTrue(before <= int(second.removeprefix("MONOTONIC_USEC=")) <= before + 60_000_000)
        self.do(notifier.reloaded())
        self.assertEqual(self.told(), ["READY=1"])

    def test_reload_at_the_wrong_time(self) -> None:
        """Before it is ready and once it stops, a reload isn't told: the manager would take it for ready."""
        notifier = self.notifier()
        self.do(notifier.reloading())
        self.do(notifier.reloaded())
        notifier.start(lambda: self.status)
        self.do(notifier.reloaded())
        self.assertEqual(self.told(), [])
        self.run_reactor()
        notifier.stopping()
        self.told()
        self.do(notifier.reloading())
        self.do(notifier.reloaded())
        self.assertEqual(self.told(), [])

    def test_status(self) -> None:
        """The status is told again when it has changed, in one line."""
        self.begun()
        self.told()
        self.reactor.advance(STATUS_EVERY)
        self.assertEqual(self.told(), [])
        self.status = "3 transfers\nWATCHDOG=trigger"
        self.reactor.advance(STATUS_EVERY)
        self.assertEqual(self.told(), ["STATUS=3 transfers WATCHDOG=trigger"])

    def test_watchdog(self) -> None:
        """A sign of life comes in half of the time after which none would be taken for death."""
        self.begun(WATCHDOG_USEC="3000000", WATCHDOG_PID=str(os.getpid()))
        self.assertEqual(self.told(), [self.ready(), "WATCHDOG=1"])
        self.reactor.advance(1.49)
        self.assertEqual(self.told(), [])
        self.reactor.advance(0.02)
        self.assertEqual(self.told(), ["WATCHDOG=1"])
        self.reactor.pump([1.5] * 3)
        self.assertEqual(self.told(), ["WATCHDOG=1"] * 3)

    def test_no_watchdog(self) -> None:
        """None is sent where none is asked for, or it is for another process."""
        for environ in (
            {},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "soon"},
            {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)},
        ):
            with self.subTest(environ=environ):
                self.reactor = MemoryReactorClock()
                self.begun(**environ)
                self.reactor.pump([1] * 3)
                self.assertEqual(self.told(), [self.ready()])

    def test_stop(self) -> None:
        """The end is told at once, with a plea for more time that is repeated until it is there."""
        notifier = self.begun(WATCHDOG_USEC="60000000")
        self.told()
        self.status = "2 connections left"
        notifier.stopping()
        plea = "EXTEND_TIMEOUT_USEC=15000000\nSTATUS=2 connections left"
        self.assertEqual(self.told(), ["STOPPING=1", plea])
        notifier.stopping()
        self.assertEqual(self.told(), [])
        self.reactor.advance(EXTEND_EVERY)
        self.assertEqual(self.told(), [plea])
        notifier.stop()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        notifier.stop()

    def test_stopped_before_it_was_ready(self) -> None:
        """Who is stopped while starting is never told to be ready."""
        notifier = self.notifier()
        notifier.start(lambda: self.status)
        notifier.stopping()
        self.run_reactor()
        self.assertNotIn("READY=1", "\n".join(self.told()))

    def test_busy_manager(self) -> None:
        """What the manager has no room for is told again, in order; signs of life don't pile up meanwhile."""
        notifier = self.begun(WATCHDOG_USEC="2000000")
        assert notifier._socket is not None
        with self.assertRaises(BlockingIOError):
            while True:
                notifier._socket.sendto(b"X=1", self.path)
        self.do(notifier.reloading())
        self.do(notifier.reloaded())
        self.reactor.pump([1] * 5)
        self.told()
        self.reactor.advance(AGAIN)
        begun, ended = self.told()[:2]
        self.assertEqual((begun.split("\n")[0], ended), ("RELOADING=1", "READY=1"))
        self.reactor.advance(1)
        self.assertEqual(self.told(), ["WATCHDOG=1"])

    def test_manager_that_is_gone(self) -> None:
        """A manager that is gone is said once."""
        self.manager.close()
        notifier = self.begun(WATCHDOG_USEC="2000000")
        self.reactor.pump([1] * 5)
        notifier.stopping()
        events = [event for event in self.events if event.get("log_namespace") == module.__name__]
        self.assertEqual(len(events), 1)

    def test_kept_from_children(self) -> None:
        """No program that is started from here gets the socket."""
        notifier = self.begun()
        assert notifier._socket is not None
        self.assertFalse(notifier._socket.get_inheritable())
