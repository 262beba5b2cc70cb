"""Rules of the certificate in use."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import certificate
from peerstor.daemon.certificate import LOOK_EVERY, KeptCertificate
from peerstor.daemon.identity import Identity
from peerstor.errors import StartupError
from tests.certificates import Authority
from tests.fakes import ImmediateThreads

AUTHORITY = Authority()


def identity() -> Identity:
    issued = AUTHORITY.issue()
    return Identity(issued.key, issued.chain)


class Source:
    """Gives whatever the test puts there."""

    def __init__(self, given: Identity | Exception) -> None:
        self.given = given
        self.asked = 0

    def load(self) -> Identity:
        self.asked += 1
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


class KeptCertificateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.first = identity()
        self.source = Source(self.first)
        self.used: list[Identity] = []
        self.clock = Clock()
        self.kept = KeptCertificate(
            source=self.source,
            identity=self.first,
            use=self.used.append,
            threads=ImmediateThreads(),
            clock=self.clock,
        )
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def reload(self) -> int:
        """Reload, and tell how many lines that brought into the log."""
        self.events.clear()
        self.successResultOf(Deferred.fromCoroutine(self.kept.reload()))
        return len([event for event in self.events if event.get("log_namespace") == certificate.__name__])

    def test_other_certificate(self) -> None:
        """Another certificate is taken into use, and the log has what people compare."""
        self.source.given = second = identity()
        self.assertEqual(self.reload(), 2)
        self.assertEqual(self.used, [second])
        self.assertEqual(self.kept.identity, second)
        self.assertEqual(self.reload(), 0)

    def test_same_certificate(self) -> None:
        """The same one again is no event."""
        self.assertEqual(self.reload(), 0)
        self.assertEqual(self.used, [])

    def test_unreadable(self) -> None:
        """One that can't be loaded leaves the old one, and is one line in the log."""
        self.source.given = StartupError("It is gone.")
        self.assertEqual(self.reload(), 1)
        self.assertEqual((self.used, self.kept.identity), ([], self.first))

    def test_unusable(self) -> None:
        """One that can't be used leaves the old one, and is tried again."""

        def refuse(new: Identity) -> None:
            raise StartupError("It is too weak.")

        self.source.given = identity()
        self.kept._use = refuse
        for _ in range(2):
            self.assertEqual(self.reload(), 1)
            self.assertEqual(self.kept.identity, self.first)

    def test_defect(self) -> None:
        """A defect of ours is logged with its trace, and the next look comes all the same."""
        self.source.given = ZeroDivisionError()
        self.kept.start()
        self.clock.advance(LOOK_EVERY)
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.kept.stop()

    def test_each_day(self) -> None:
        """It is looked at once a day, from the first day to the end."""
        self.kept.start()
        self.assertEqual(self.source.asked, 0)
        self.clock.pump([LOOK_EVERY / 2] * 6)
        self.assertEqual(self.source.asked, 3)
        self.kept.stop()
        self.kept.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
