"""Rules of what a start brings in, read from what Python itself says of the real command's imports."""

import os
import re
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.daemon import BIN, TWISTD, Foreground
from tests.scratch import scratch_folder

NOT_AT_START = (
    "OpenSSL.crypto",
    "argon2",
    "babel",
    "cryptography",
    "http_sf",
    "jinja2",
    "markdown_it",
    "nh3",
    "peerstor.commands",
    "prometheus_client",
    "segno",
    "service_identity",
    "tomllib",
    "twisted.web.client",
)
"""What costs time or memory that most servers never get anything for, or not at once.

Python tells of an import that failed too, as that of `OpenSSL` itself does here on purpose.
"""

_IMPORTED = re.compile(rb"^import time: [ 0-9|]*\| +(\S+)$", re.MULTILINE)


class ImportsTests(SynchronousTestCase):
    def imported(self, *arguments: str, program: tuple[str, ...] = (TWISTD, "-n", "peerstor")) -> set[str]:
        """Start a server, and tell what it had imported when it served, with the packages around it."""
        command = [sys.executable, "-X", "importtime", *program, "--host", "127.0.0.1", "--port", "0", *arguments]
        with Foreground(command, cwd=scratch_folder(self)) as server:
            server.wait_until_serving()
            names = {name.decode() for name in _IMPORTED.findall(server.err)}
        self.assertIn("peerstor.node", names)
        return names

    def test_without_tls(self) -> None:
        """A start without TLS imports nothing that it doesn't need, however it is called."""
        for program in ((TWISTD, "-n", "peerstor"), (os.path.join(BIN, "peerstor"),)):
            names = self.imported(program=program)
            for late in NOT_AT_START:
                with self.subTest(program=program[0], late=late):
                    self.assertEqual(sorted(n for n in names if n == late or n.startswith(f"{late}.")), [])

    def test_with_tls(self) -> None:
        """One with TLS has what it speaks it with; this is how it would show that the test above sees nothing."""
        names = self.imported("--https-port", "0")
        self.assertLessEqual({"OpenSSL.crypto", "cryptography", "peerstor.tls"}, names)
