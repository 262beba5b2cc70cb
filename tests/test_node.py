"""The order in which a node ends, and that nothing holds it up."""

import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.config.live import LiveSettings
from peerstor.daemon.accesslog import AccessLog
from peerstor.daemon.auditlog import AuditLog
from peerstor.daemon.loopdelay import LoopDelay
from peerstor.node import CUT_WITHIN, Node
from peerstor.settings import Settings

DRAIN = 4.0


class Engine:
    """Takes as long for each step as the test wants."""

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.starting: Deferred[None] = succeed(None)
        self.ending: Deferred[None] = succeed(None)
        self.stopping: Deferred[None] = succeed(None)

    async def start(self) -> None:
        await self.starting

    async def end_appends(self) -> None:
        self._done.append("end appends")
        await self.ending

    async def stop(self) -> None:
        self._done.append("stop the engine")
        await self.stopping


class Site:
    """Has some connections, which end when they are cut."""

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.connections = 0
        self.busy = 0
        self.stuck = 0

    def begin_stopping(self) -> None:
        self._done.append("close idle")

    def cut_all(self) -> None:
        self._done.append("cut")
        self.connections = self.stuck


class Listening:
    """Ports that close at once."""

    def __init__(self, done: list[str]) -> None:
        self._done = done

    def startService(self) -> None:
        self._done.append("listen")

    def stopService(self) -> Deferred[None]:
        self._done.append("close ports")
        return succeed(None)


class Kept:
    """Something that is started and stopped, and notes what had been done by then."""

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.started = False
        self.stopped_after = ""

    def start(self) -> None:
        self.started = True

    def stop(self) -> None:
        self.stopped_after = self._done[-1]


class Streams:
    """Those who listen."""

    def __init__(self, done: list[str]) -> None:
        self._done = done

    def close(self) -> None:
        self._done.append("end streams")


class Manager:
    """A service manager; keeps what it is told with what had been done by then."""

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.told: list[tuple[str, str]] = []
        self.status = ""

    def start(self, status: Callable[[], str]) -> None:
        self.told.append(("start", self._done[-1]))
        self.status = status()

    def stopping(self) -> None:
        self.told.append(("stopping", "".join(self._done)))

    def stop(self) -> None:
        self.told.append(("stop", self._done[-1]))


class Pool:
    """Threads that run at once, and notes how long its end may take."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.patience = -1.0
        self.stuck = False

    def start(self) -> None:
        return

    def run(self, function: Any, *args: Any) -> Deferred[Any]:
        return maybeDeferred(function, *args)

    def stop(self, patience: float) -> None:
        self.patience = patience
        if self.stuck:
            self._clock.rightNow += patience


class Private:
    """A private folder without a folder."""

    def __init__(self, done: list[str]) -> None:
        self._done = done

    def write_pid(self) -> None:
        return

    def close(self) -> None:
        self._done.append("unlock")


class Keyring:
    """No credentials."""

    def start(self) -> None:
        return

    async def stop(self) -> None:
        return


class Sweeper:
    """Finds nothing to drop; counts how often it was asked to."""

    def __init__(self) -> None:
        self.swept = 0
        self.wanted = False
        self.broken = False

    def due(self) -> bool:
        return self.wanted

    def sweep(self) -> int:
        self.swept += 1
        if self.broken:
            raise ZeroDivisionError
        return 0


class StopTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.clock = Clock()
        self.done: list[str] = []
        self.engine, self.site, self.sweeper = Engine(self.done), Site(self.done), Sweeper()
        self.reloading, self.certificate = Kept(self.done), Kept(self.done)
        self.manager = Manager(self.done)
        self.pools = [Pool(self.clock) for _ in range(3)]
        self.live = LiveSettings(Settings(storage=os.fsencode(folder), drain=DRAIN))
        threads: Any = self.pools[0]
        self.node = Node(
            reactor=self.clock,
            live=self.live,
            private=Private(self.done),  # type: ignore[arg-type]
            pools=self.pools,  # type: ignore[arg-type]
            sweep_threads=self.pools[0],  # type: ignore[arg-type]
            engine=self.engine,  # type: ignore[arg-type]
            keyring=Keyring(),  # type: ignore[arg-type]
            sweeper=self.sweeper,  # type: ignore[arg-type]
            site=self.site,  # type: ignore[arg-type]
            listening=Listening(self.done),  # type: ignore[arg-type]
            access_log=AccessLog(path=None, threads=threads, clock=self.clock),
            audit_log=AuditLog(path=None, threads=threads, clock=self.clock),
            notifier=self.manager,  # type: ignore[arg-type]
            delay=LoopDelay(self.clock),
            streams=Streams(self.done),  # type: ignore[arg-type]
            reloading=self.reloading,  # type: ignore[arg-type]
            certificate=self.certificate,  # type: ignore[arg-type]
        )

    def test_trash_is_swept_when_due(self) -> None:
        """The trash is swept at the start, then within a minute whenever it is due; a defect doesn't end that."""
        self.start()
        self.assertEqual(self.sweeper.swept, 1)
        self.clock.pump([30] * 4)
        self.assertEqual(self.sweeper.swept, 1)
        self.sweeper.wanted = self.sweeper.broken = True
        self.clock.pump([30] * 4)
        self.assertEqual(self.sweeper.swept, 3)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.stop()

    def start(self) -> None:
        self.node.startService()
        self.done.clear()

    def stop(self) -> float:
        """Stop, and tell how many seconds it took."""
        began = self.clock.seconds()
        stopped = self.node.stopService()
        for _ in range(int(3 * DRAIN / 0.01)):
            if stopped.called:
                self.successResultOf(stopped)
                return self.clock.seconds() - began
            self.clock.advance(0.01)
        raise AssertionError("it never ended")

    def test_idle(self) -> None:
        """With nothing under way it ends at once, the lock last."""
        self.start()
        self.assertLess(self.stop(), 0.1)
        self.assertEqual(
            self.done, ["close ports", "end streams", "close idle", "end appends", "stop the engine", "unlock"]
        )

    def test_signal(self) -> None:
        """SIGHUP is taken from the start to the very end, and the certificate looked at until the stop."""
        self.start()
        self.assertTrue(self.reloading.started and self.certificate.started)
        self.stop()
        self.assertEqual((self.certificate.stopped_after, self.reloading.stopped_after), ("close ports", "unlock"))

    def test_manager(self) -> None:
        """A service manager is told of the start behind the ports, of the stop before anything else, to the end."""
        self.site.connections, self.site.busy = 3, 1
        self.start()
        self.assertEqual(self.manager.status, "3 connections, 1 requests under way")
        self.stop()
        self.assertEqual(self.manager.told, [("start", "listen"), ("stopping", ""), ("stop", "unlock")])

    def test_connections(self) -> None:
        """Connections have the drain to end; then they are cut, before the engine stops."""
        self.site.connections = 2
        self.start()
        self.assertApproximates(self.stop(), DRAIN, 0.1)
        self.assertEqual(self.done[-3:], ["cut", "stop the engine", "unlock"])

    def test_other_drain(self) -> None:
        """The drain is the one that holds when the stop begins, not that of the start."""
        self.site.connections = 2
        self.start()
        self.live.change(evolve(self.live.now, drain=1))
        self.assertApproximates(self.stop(), 1, 0.1)

    def test_hung_in_the_start(self) -> None:
        """A storage that hangs while the node starts doesn't keep it from ending, nor do others wait for it."""
        self.engine.starting = Deferred()
        self.start()
        self.assertLess(self.stop(), CUT_WITHIN + 0.1)
        self.assertEqual(self.done[:4], ["close ports", "end streams", "close idle", "end appends"])
        self.assertEqual(self.done[-1], "unlock")

    def test_hung_in_mid_upload(self) -> None:
        """A disk that doesn't take the last bytes is waited for until the drain is over, and no longer."""
        self.engine.ending = Deferred()
        self.engine.stopping = Deferred()
        self.start()
        self.assertLess(self.stop(), DRAIN + CUT_WITHIN + 0.1)
        self.assertEqual(self.done[-1], "unlock")

    def test_everything_hangs(self) -> None:
        """All that hangs together has a second beyond the drain, not a second each."""
        self.engine.ending = Deferred()
        self.engine.stopping = Deferred()
        self.site.connections = self.site.stuck = 1
        for pool in self.pools:
            pool.stuck = True
        self.start()
        self.assertLess(self.stop(), DRAIN + CUT_WITHIN + 0.1)
        self.assertGreaterEqual(min(pool.patience for pool in self.pools), 0)
        self.assertEqual(self.done[-1], "unlock")

    def test_stuck_thread(self) -> None:
        """Pools that don't end share a second too."""
        for pool in self.pools:
            pool.stuck = True
        self.start()
        self.assertLess(self.stop(), CUT_WITHIN + 0.1)
