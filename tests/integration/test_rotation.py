"""Rotating log files as README and conf/peerstor.logrotate say, while requests come in."""

import glob
import grp
import gzip
import http.client
import json
import os
import pwd
import re
import signal
import stat
import subprocess
import threading
from pathlib import Path

from tests.integration.daemon import PATIENCE, TWISTD, Foreground, until
from tests.integration.server import free_port
from tests.integration.test_startup import ProcessCase

CONFIGURATION = Path(__file__).parent.parent.parent / "conf/peerstor.logrotate"


class Asking(threading.Thread):
    """Asks for one name after another until it is told to stop."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self.asked = 0
        self.over = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while not self.over.wait(0.002):
            connection.request("GET", f"/?cursor={self.asked}")
            connection.getresponse().read()
            self.asked += 1
        connection.close()


class RotationTests(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.logs = f"{self.folder}/logs"
        os.mkdir(self.logs, 0o750)

    def serve(self) -> Foreground:
        server = Foreground(
            [
                *(TWISTD, "-n", "--logfile", f"{self.logs}/peerstor.log", "peerstor", "--host", "127.0.0.1"),
                *("--port", str(self.port), "--strict-port", "--access-log", f"{self.logs}/access.log"),
                *("--audit-log", f"{self.folder}/audit.log"),
            ],
            cwd=self.folder,
        )
        self.addCleanup(server.__exit__, None, None, None)
        server.wait_until_serving()
        return server

    def lines(self, name: str) -> list[str]:
        found = []
        for path in glob.glob(f"{self.logs}/{name}*"):
            with gzip.open(path, "rt") if path.endswith(".gz") else open(path) as file:
                found += file.read().splitlines()
        return found

    def asked(self) -> list[int]:
        """The numbers of the requests that stand in the access log and all that it was renamed to."""
        return sorted(
            int(number) for line in self.lines("access.log") for number in re.findall(r"cursor=(\d+)", line)
        )

    def hang_up(self, server: Foreground) -> None:
        server.process.send_signal(signal.SIGHUP)

    def test_renamed(self) -> None:
        """Renamed and told by SIGHUP, again and again, no log loses or doubles a line, and the new files are used."""
        server = self.serve()
        asking = Asking(self.port)
        asking.start()
        for turn in range(1, 6):
            until(lambda turn=turn: asking.asked > 200 * turn, "requests")  # type: ignore[misc]
            for name in ("peerstor.log", "access.log"):
                until(lambda name=name: os.path.exists(f"{self.logs}/{name}"), name)  # type: ignore[misc]
                os.rename(f"{self.logs}/{name}", f"{self.logs}/{name}.{turn}")
            self.hang_up(server)
            until(lambda: os.path.exists(f"{self.logs}/peerstor.log"), "the new log")
        until(lambda: os.path.exists(f"{self.logs}/access.log"), "the new access log")
        asking.over.set()
        asking.join()
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(self.asked(), list(range(asking.asked)))
        log = self.lines("peerstor.log")
        self.assertEqual(len([line for line in log if "(SIGHUP)" in line]), 5)
        with open(f"{self.logs}/peerstor.log") as file:
            self.assertIn("Server Shut Down.", file.read())
        self.assertEqual([line for line in log if "Traceback" in line], [])

    def test_audit_log(self) -> None:
        """The audit log, renamed likewise, goes on in a new file of its owner's, and loses no event."""
        server = self.serve()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        for number in range(60):
            connection.request("PUT", f"/{number}", b"x")
            self.assertEqual(connection.getresponse().read(), b"")
            if number % 20 == 10:
                until(lambda: os.path.exists(f"{self.folder}/audit.log"), "the audit log")
                os.rename(f"{self.folder}/audit.log", f"{self.folder}/moved.{number}")
                self.hang_up(server)
        connection.close()
        server.stop()
        paths = [f"{self.folder}/audit.log", *glob.glob(f"{self.folder}/moved.*")]
        self.assertEqual({stat.S_IMODE(os.stat(path).st_mode) for path in paths}, {0o600})
        events = [json.loads(line) for path in paths for line in Path(path).read_text().splitlines()]
        self.assertEqual(sorted(event["path"] for event in events), sorted(f"/{number}" for number in range(60)))

    def test_logrotate(self) -> None:
        """The configuration that is handed out, run by logrotate itself, loses nothing and compresses the old."""
        server = self.serve()
        user = pwd.getpwuid(os.getuid()).pw_name
        group = grp.getgrgid(os.getgid()).gr_name
        text = CONFIGURATION.read_text().replace("/var/log/peerstor/", f"{self.logs}/")
        text = re.sub(r"\bpeerstor peerstor\b", f"{user} {group}", text)
        text, count = re.subn(
            r"^.*systemctl reload.*$", f"kill -HUP {server.process.pid}", text, flags=re.MULTILINE
        )
        self.assertEqual(count, 1)
        configuration = f"{self.folder}/logrotate.conf"
        Path(configuration).write_text(text)
        os.chmod(configuration, 0o644)
        asking = Asking(self.port)
        asking.start()
        for turn in range(1, 4):
            until(lambda turn=turn: asking.asked > 300 * turn, "requests")  # type: ignore[misc]
            until(lambda: os.path.exists(f"{self.logs}/access.log"), "the access log")
            until(lambda: os.path.getsize(f"{self.logs}/access.log"), "lines of the access log")
            before = len([line for line in self.lines("peerstor.log") if "(SIGHUP)" in line])
            ended = subprocess.run(
                ["logrotate", "--force", "--state", f"{self.folder}/state", configuration],
                capture_output=True,
                timeout=PATIENCE,
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
            )
            self.assertEqual((ended.returncode, ended.stderr), (0, b""))
            until(
                lambda before=before: len([x for x in self.lines("peerstor.log") if "(SIGHUP)" in x]) > before,  # type: ignore[misc]
                "the signal",
            )
        asking.over.set()
        asking.join()
        server.stop()
        self.assertEqual(self.asked(), list(range(asking.asked)))
        kept = [name for name in os.listdir(self.logs) if name.startswith("access")]
        self.assertEqual(sorted(kept), ["access.log", "access.log.1", "access.log.2.gz", "access.log.3.gz"])
        # Not each turn need have one of this: it isn't rotated while it is empty.
        self.assertTrue(os.path.exists(f"{self.logs}/peerstor.log.1"))
