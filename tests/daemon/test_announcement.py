"""Rules of telling people where the server is."""

import io

from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import announcement
from peerstor.daemon.announcement import Announcement, open_warning

LINES = ["Access at: http://192.0.2.2:8080", "Access at: http://[2001:db8::2]:8080"]


class AnnouncementTests(SynchronousTestCase):
    def announce(
        self, *, output: io.StringIO | None, in_log: bool, warnings: tuple[str, ...] = ()
    ) -> list[tuple[object, str]]:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        Announcement(lines=LINES, warnings=warnings, output=output, in_log=in_log).startService()
        return [
            (event["log_level"], str(event.get("line", event["log_format"])))
            for event in events
            if event.get("log_namespace") == announcement.__name__
        ]

    def test_bare_on_output(self) -> None:
        """On standard output each line stands bare, once, and not in the log that goes there as well."""
        output = io.StringIO()
        self.assertEqual(self.announce(output=output, in_log=False), [])
        self.assertEqual(output.getvalue().splitlines(), LINES)

    def test_in_log(self) -> None:
        """A daemon, whom nobody watches, says it in its log."""
        self.assertEqual(self.announce(output=None, in_log=True), [(LogLevel.info, line) for line in LINES])

    def test_warning(self) -> None:
        """Warnings go to the log as such, wherever the lines go."""
        self.assertEqual(
            self.announce(output=io.StringIO(), in_log=False, warnings=("Open.", "Old.")),
            [(LogLevel.warn, "Open."), (LogLevel.warn, "Old.")],
        )

    def test_closed_output(self) -> None:
        """A standard output that is closed keeps nothing from starting."""
        output = io.StringIO()
        output.close()
        ((level, _),) = self.announce(output=output, in_log=False)
        self.assertEqual(level, LogLevel.warn)


class WarningTests(SynchronousTestCase):
    def test_when(self) -> None:
        """There is a warning when other machines reach the server and no token guards it, else none."""
        self.assertIsNone(open_warning("full", beyond_loopback=False, tokens=False))
        self.assertIsNone(open_warning("full", beyond_loopback=True, tokens=True))
        self.assertIsNotNone(open_warning("full", beyond_loopback=True, tokens=False))

    def test_says_what_is_open(self) -> None:
        """The warning is one line and says what everybody may do."""
        self.assertIn("add new ones", str(open_warning("create", beyond_loopback=True, tokens=False)))
        self.assertIn("delete", str(open_warning("full", beyond_loopback=True, tokens=False)))
        self.assertNotIn("delete", str(open_warning("read", beyond_loopback=True, tokens=False)))
        self.assertNotIn("\n", str(open_warning("none", beyond_loopback=True, tokens=False)))
