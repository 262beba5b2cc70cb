"""The QR code in a real terminal."""

import contextlib
import http.client
import os
import pty
import re
import signal
import subprocess
import termios
import threading

from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.qrcode import qr_lines
from tests.integration.daemon import BIN, PATIENCE, environment, until
from tests.scratch import scratch_folder

LAST = re.compile(rb"Access at: http://127\.0\.0\.1:(\d+)\r\n")
FIRST = re.compile(rb"^Access at: (\S+)\r$", re.MULTILINE)


class TerminalTests(SynchronousTestCase):
    def seen(self, columns: int, *options: str) -> bytes:
        """Start a server in a terminal so wide, and give what stands there once the server has ended."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, columns))
        process = subprocess.Popen(
            [os.path.join(BIN, "peerstor"), "--port", "0", "--storage", scratch_folder(self), *options],
            stdout=theirs,
            stderr=subprocess.DEVNULL,
            env=environment(TERM="xterm-256color", PYTHONUTF8="1"),
        )
        os.close(theirs)
        shown = bytearray()

        def read() -> None:
            with contextlib.suppress(OSError):  # how a terminal ends
                while piece := os.read(ours, 65536):
                    shown.extend(piece)

        reading = threading.Thread(target=read)
        reading.start()
        try:
            until(lambda: LAST.search(shown), "a server")
            self.ask(int(LAST.search(shown)[1]))  # type: ignore[index]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
            reading.join(PATIENCE)
            os.close(ours)
        return bytes(shown)

    def ask(self, port: int) -> None:
        """Have an answer: all has been said by then."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/-/health")
        self.assertEqual(connection.getresponse().status, 200)

    def drawn(self, shown: bytes) -> str:
        """Draw the code that ought to be there."""
        first = FIRST.search(shown)
        assert first is not None
        return "".join(f"{line}\r\n" for line in qr_lines(first[1].decode(), coloured=True))

    def test_wide(self) -> None:
        """A terminal shows the code of the first address behind the lines, each of which stands alone on its line."""
        shown = self.seen(80)
        self.assertNotIn(b"127.0.0.1", FIRST.findall(shown)[0], "this machine has an address that others reach")
        self.assertIn(self.drawn(shown), shown.decode())
        self.assertTrue(shown.decode().index(self.drawn(shown)) > shown.rindex(b"Access at: "))

    def test_narrow(self) -> None:
        """One that is too narrow shows it only when asked to."""
        self.assertNotIn("█".encode(), self.seen(30))
        shown = self.seen(30, "--qr")
        self.assertIn(self.drawn(shown), shown.decode())
