"""Rules of a lean start."""

import gc
import sys

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import leanstart
from peerstor.daemon.leanstart import SETTLE_AFTER, Settling, lean_imports


class LeanImportsTests(SynchronousTestCase):
    def without_openssl(self) -> None:
        """Have it as a process has that didn't import it yet."""
        kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "OpenSSL"}
        for name in kept:
            del sys.modules[name]
        self.addCleanup(sys.modules.update, kept)

    def test_hidden(self) -> None:
        """Meanwhile pyOpenSSL isn't there, and afterwards it is again, also when an import failed."""
        self.without_openssl()
        with self.assertRaises(ImportError), lean_imports():
            import OpenSSL  # noqa: F401
        self.assertNotIn("OpenSSL", sys.modules)

    def test_afterwards(self) -> None:
        """What was imported without it does not keep it away: TLS comes behind a start."""
        self.without_openssl()
        with lean_imports():
            pass
        import OpenSSL

        self.assertIs(sys.modules["OpenSSL"], OpenSSL)

    def test_there_already(self) -> None:
        """Where somebody has imported it before, it stays."""
        import OpenSSL

        with lean_imports():
            self.assertIs(sys.modules["OpenSSL"], OpenSSL)
        self.assertIs(sys.modules["OpenSSL"], OpenSSL)

    def test_collector(self) -> None:
        """Garbage is not looked for meanwhile, and afterwards as before."""
        self.addCleanup(gc.enable)
        for before in (gc.enable, gc.disable):
            before()
            enabled = gc.isenabled()
            with lean_imports():
                self.assertFalse(gc.isenabled())
            self.assertEqual(gc.isenabled(), enabled)


class AtOnce:
    """A thread that has run to its end as soon as it is started."""

    def __init__(self, *, target: object, name: str, daemon: bool) -> None:
        assert callable(target)
        self.start = target


class Reactor(Clock):
    def callFromThread(self, function: object) -> None:
        assert callable(function)
        function()


class SettlingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.done: list[str] = []
        self.patch(leanstart, "Thread", AtOnce)
        self.patch(leanstart, "import_module", self.done.append)
        self.patch(gc, "collect", lambda: self.done.append("collect"))
        self.patch(gc, "freeze", lambda: self.done.append("freeze"))
        self.clock = Reactor()
        self.settling = Settling(self.clock)

    def test_settles(self) -> None:
        """Some time after the start what was put off is imported, and then everything frozen, without the garbage."""
        self.settling.startService()
        self.clock.advance(SETTLE_AFTER / 2)
        self.assertEqual(self.done, [])
        self.clock.advance(SETTLE_AFTER)
        self.assertEqual(self.done, [leanstart.PUT_OFF, "collect", "freeze"])
        self.settling.stopService()

    def test_stopped_before(self) -> None:
        """Who stops before that leaves nothing behind."""
        self.settling.startService()
        self.settling.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
