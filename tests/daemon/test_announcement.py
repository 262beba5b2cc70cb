"""Rules of telling people where the server is."""

import io

from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import announcement
from peerstor.daemon.announcement import Announcement, Code, open_warning
from peerstor.daemon.qrcode import qr_lines

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


class Screen(io.StringIO):
    """A terminal of no width that can be told."""

    def isatty(self) -> bool:
        return True


class CodeTests(SynchronousTestCase):
    ADDRESSES = ("https://192.0.2.2:8443/files/", "https://127.0.0.1:8443/files/")

    def show(self, output: io.StringIO, wanted: bool | None, *addresses: str) -> str:
        code = Code(addresses=addresses or self.ADDRESSES, wanted=wanted, environment={"TERM": "xterm"})
        Announcement(lines=LINES, warnings=[], output=output, in_log=False, code=code).startService()
        lines = "".join(f"{line}\n" for line in LINES)
        self.assertTrue(output.getvalue().startswith(lines))
        return output.getvalue().removeprefix(lines)

    def test_wanted(self) -> None:
        """Who asks for it gets it also where no terminal is, without colours: of the first address others reach."""
        drawn = "".join(f"{line}\n" for line in qr_lines(self.ADDRESSES[0], coloured=False))
        self.assertEqual(self.show(io.StringIO(), True), drawn)

    def test_not_asked(self) -> None:
        """Unasked nothing is drawn where no terminal is, or none that is wide enough."""
        self.assertEqual(self.show(io.StringIO(), None), "")
        self.assertEqual(self.show(Screen(), None), "")

    def test_colours(self) -> None:
        """A terminal gets colours."""
        self.assertIn("\x1b[0;97;40m", self.show(Screen(), True))

    def test_unwanted(self) -> None:
        """It can be turned off."""
        self.patch(announcement, "shows_code", lambda output, width: True)
        self.assertEqual(self.show(Screen(), False), "")
        self.assertNotEqual(self.show(Screen(), None), "")

    def test_nobody_reaches(self) -> None:
        """An address of this machine alone is no phone's."""
        self.assertEqual(self.show(io.StringIO(), True, "http://127.0.0.1:80"), "")

    def test_nobody_looks(self) -> None:
        """Without an output, or with one that is closed or takes no such letters, the server starts all the same."""
        closed = io.StringIO()
        closed.close()
        narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        code = Code(addresses=self.ADDRESSES, wanted=True)
        for output in (None, closed, narrow):
            Announcement(lines=LINES, warnings=[], output=output, in_log=False, code=code).startService()


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
