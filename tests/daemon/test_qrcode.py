"""Rules of the QR code in a terminal."""

import io
import os
import pty
import re
import termios

import segno
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.qrcode import BORDER, phone_address, qr_lines, shows_code, takes_colours

ADDRESS = "https://192.168.1.20:8443/files/"
_LIGHT = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}


def modules(lines: list[str]) -> list[list[int]]:
    """Read the modules of drawn lines back, 1 is dark."""
    rows = []
    for line in lines:
        for half in (0, 1):
            rows.append([1 - _LIGHT[letter][half] for letter in line])
    return rows


class DrawingTests(SynchronousTestCase):
    def test_is_the_code(self) -> None:
        """Each module of the code is drawn, dark as dark, with the light border that cameras need."""
        wanted = [list(map(int, row)) for row in segno.make(ADDRESS, error="m").matrix_iter(border=BORDER)]
        drawn = modules(qr_lines(ADDRESS, coloured=False))
        self.assertEqual(drawn[: len(wanted)], wanted)
        self.assertEqual(set(map(tuple, drawn[len(wanted) :])), {(0,) * len(wanted[0])})

    def test_colours(self) -> None:
        """With colours each line says which, and is left as it was found: light terminals are right too."""
        plain, coloured = qr_lines(ADDRESS, coloured=False), qr_lines(ADDRESS, coloured=True)
        for bare, line in zip(plain, coloured, strict=True):
            self.assertEqual(re.sub("\x1b\\[[0-9;]*m", "", line), bare)
            self.assertTrue(line.startswith("\x1b[0;97;40m") and line.endswith("\x1b[0m"))

    def test_fits(self) -> None:
        """An ordinary address fits a terminal of 80 columns and 24 lines."""
        lines = qr_lines("http://192.168.100.200:8080", coloured=False)
        self.assertLessEqual(len(lines), 20)
        self.assertLessEqual(max(map(len, lines)), 40)


class ChoiceTests(SynchronousTestCase):
    def test_first_that_others_reach(self) -> None:
        """The first address that isn't of this machine alone is a phone's, whatever its scheme and path."""
        for addresses, wanted in (
            (["http://192.0.2.2:80", "http://127.0.0.1:80"], "http://192.0.2.2:80"),
            (["https://127.0.0.1:80/a/", "https://[2001:db8::2]:80/a/"], "https://[2001:db8::2]:80/a/"),
            (["http://127.0.0.1:80", "http://[::1]:80"], None),
            (["unix:/run/peerstor.sock", "http://192.0.2.2:80"], "http://192.0.2.2:80"),
            (["unix:/run/peerstor.sock"], None),
            ([], None),
        ):
            self.assertEqual(phone_address(addresses), wanted)


class TerminalTests(SynchronousTestCase):
    def terminal(self, columns: int) -> io.TextIOWrapper:
        """Open a terminal so wide."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        termios.tcsetwinsize(theirs, (24, columns))
        opened = os.fdopen(theirs, "w")
        self.addCleanup(opened.close)
        return opened

    def test_wide_enough(self) -> None:
        """A terminal shows as many columns as it has."""
        self.assertTrue(shows_code(self.terminal(33), 33))
        self.assertFalse(shows_code(self.terminal(32), 33))

    def test_no_terminal(self) -> None:
        """A file, a pipe and a closed output are none, and have no colours."""
        closed = io.StringIO()
        closed.close()
        for output in (io.StringIO(), closed):
            self.assertFalse(shows_code(output, 1))
            self.assertFalse(takes_colours(output, {"TERM": "xterm"}))

    def test_colours(self) -> None:
        """A terminal that says it is dumb, or nothing, gets no colours."""
        terminal = self.terminal(80)
        self.assertTrue(takes_colours(terminal, {"TERM": "xterm"}))
        self.assertFalse(takes_colours(terminal, {"TERM": "dumb"}))
        self.assertFalse(takes_colours(terminal, {}))
