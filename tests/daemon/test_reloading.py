"""Rules of SIGHUP."""

import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.reloading import Reloading


class Reactor:
    """Keeps what it is to do."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []

    def callFromThread(self, function: Callable[[], Any]) -> None:
        self.calls.append(function)


class ReloadingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.done: list[str] = []
        self.waiting: Deferred[None] | None = None
        self.reloading = Reloading(reactor=self.reactor, actions=[self.first, self.second])
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        self.addCleanup(self.reloading.stop)

    async def first(self) -> None:
        self.done.append("first")
        if self.waiting is not None:
            await self.waiting

    async def second(self) -> None:
        self.done.append("second")

    def hang_up(self) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    def test_signal(self) -> None:
        """The signal only leaves word; the reactor then does it all, in order."""
        self.reloading.start()
        self.hang_up()
        self.assertEqual(self.done, [])
        (call,) = self.reactor.calls
        call()
        self.assertEqual(self.done, ["first", "second"])

    def test_stop(self) -> None:
        """Afterwards the signal does what it did before; stopping twice, or before the start, does no harm."""
        self.reloading.stop()
        self.reloading.start()
        self.reloading.stop()
        self.reloading.stop()
        self.hang_up()
        self.assertEqual(self.reactor.calls, [])
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)

    def test_defect(self) -> None:
        """What one action raises keeps no other from its turn, now or at the next signal."""

        async def broken() -> None:
            raise ZeroDivisionError

        reloading = Reloading(reactor=self.reactor, actions=[broken, self.second])
        reloading.reload()
        reloading.reload()
        self.assertEqual(self.done, ["second", "second"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_signals_in_between(self) -> None:
        """Signals that come while it is being done lead to one more turn, behind it."""
        self.waiting = Deferred()
        self.reloading.reload()
        self.reloading.reload()
        self.reloading.reload()
        self.assertEqual(self.done, ["first"])
        waiting, self.waiting = self.waiting, None
        waiting.callback(None)
        self.assertEqual(self.done, ["first", "second"] * 2)
