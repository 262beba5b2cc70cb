"""Giving root up: what the daemon may do before, and to whom everything belongs after."""

import contextlib
import glob
import http.client
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

from twisted.trial.unittest import SynchronousTestCase

import peerstor
import twisted
from tests.integration.daemon import PATIENCE, TWISTD, environment, until
from tests.integration.server import free_port
from tests.scratch import scratch_folder

SECRET = "a secret of the owner"


@unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
class PrivilegesTests(SynchronousTestCase):
    """`twistd --uid --gid`, daemonised, below a folder that belongs to the other user."""

    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        os.chmod(self.folder, 0o755)
        self.nobody = pwd.getpwnam("nobody")
        self.program, self.environment = self.everybodys()
        self.storage = os.path.join(self.folder, "files")
        self.state = os.path.join(self.folder, "state")
        for path in (self.storage, self.state):
            os.mkdir(path, 0o755)
            os.chown(path, self.nobody.pw_uid, self.nobody.pw_gid)
        os.chmod(self.state, 0o700)

    def everybodys(self) -> tuple[list[str], dict[str, str]]:
        """Give a twistd that everybody can run, and its environment.

        What lies below a folder of root's own, Python itself perhaps, is out of reach once root is given up; it
        is shown at another place for the time of the test.
        """
        packages = [os.path.dirname(os.path.dirname(module.__file__)) for module in (twisted, peerstor)]
        if all(map(_readable, [os.__file__, *packages])):
            return [TWISTD], environment()
        shown = [self.show(place) for place in (sys.base_prefix, *packages)]
        python, *packages = shown
        interpreter = os.path.join(python, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
        return [interpreter, TWISTD], environment(PYTHONPATH=os.pathsep.join(packages))

    def show(self, place: str) -> str:
        """Show a folder at another place, for reading only: nothing that clears up may reach the real one."""
        shown = tempfile.mkdtemp(prefix="peerstor-shown-")
        self.addCleanup(os.rmdir, shown)
        subprocess.run(["mount", "-o", "bind,ro", place, shown], check=True, timeout=PATIENCE)
        self.addCleanup(subprocess.run, ["umount", "-l", shown], check=True, timeout=PATIENCE)
        return shown

    def daemon(self, port: int, *options: str) -> int:
        """Start it, and tell its process id."""
        pidfile, log = os.path.join(self.folder, "pid"), os.path.join(self.folder, "log")
        subprocess.run(
            [
                *(
                    *self.program,
                    "--uid",
                    str(self.nobody.pw_uid),
                    "--gid",
                    str(self.nobody.pw_gid),
                    "--umask=022",
                ),
                *(f"--pidfile={pidfile}", f"--logfile={log}", "peerstor", "--host", "127.0.0.1"),
                *("--port", str(port), "--strict-port", "--storage", self.storage, "--token", SECRET),
                *options,
            ],
            cwd=self.folder,
            env=self.environment,
            check=True,
            timeout=PATIENCE,
        )
        until(lambda: os.path.exists(pidfile) and self._answers(port), "the daemon to serve")
        with open(pidfile, encoding="ascii") as file:
            pid = int(file.read())
        self.addCleanup(self.end, pid)
        return pid

    def end(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            until(lambda: not os.path.exists(f"/proc/{pid}"), "the daemon to end")

    def _answers(self, port: int) -> bool:
        try:
            return self.ask(port, "GET", "/-/login") == 200
        except OSError:
            return False

    def ask(self, port: int, method: str, path: str, body: bytes | None = None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Authorization": f"Bearer {SECRET}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def test_becomes_somebody_else(self) -> None:
        """It binds a port of root's, and serves, writes and keeps its secrets as the user; nothing is root's."""
        port = next(port for port in range(900, 1000) if _is_free(port))
        pid = self.daemon(port, "--state", self.state)
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        self.assertEqual(set(status["Uid"].split()), {str(self.nobody.pw_uid)})
        self.assertEqual(set(status["Gid"].split()), {str(self.nobody.pw_gid)})
        self.assertNotIn("0", status["Groups"].split())
        self.assertEqual(self.ask(port, "PUT", "/new.txt", b"content"), 201)
        self.assertEqual(self.ask(port, "GET", "/new.txt"), 200)
        made = [
            path
            for top in (self.storage, self.state)
            for path in (top, *glob.glob(f"{top}/**", recursive=True, include_hidden=True))
        ]
        self.assertGreater(len(made), 8)
        owners = {path: os.stat(path).st_uid for path in made}
        self.assertEqual({path for path, uid in owners.items() if uid != self.nobody.pw_uid}, set())
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.storage, "new.txt")).st_mode), 0o644)

    def test_unix_socket(self) -> None:
        """A UNIX socket belongs to the user; in a folder of root's it is left behind, for the next start to remove."""
        path, pidfile, log = (os.path.join(self.folder, name) for name in ("socket", "pid", "log"))
        user = ("--uid", str(self.nobody.pw_uid), f"--pidfile={pidfile}", f"--logfile={log}")
        for turn in range(1, 3):
            subprocess.run(
                [*self.program, *user, "peerstor", "--listen", f"unix:{path}:mode=600", "--storage", self.storage],
                cwd=self.folder,
                env=self.environment,
                check=True,
                timeout=PATIENCE,
            )
            with open(pidfile, encoding="ascii") as file:
                pid = int(file.read())
            self.addCleanup(self.end, pid)
            found = os.stat(path)
            self.assertEqual((found.st_uid, found.st_gid), (self.nobody.pw_uid, self.nobody.pw_gid))
            self.assertEqual(stat.S_IMODE(found.st_mode), 0o600)
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
                client.settimeout(PATIENCE)
                client.connect(path)
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 200 "))
            self.end(pid)
            self.assertTrue(os.path.lexists(path))
            with open(log, encoding="utf-8") as file:
                said = file.read()
            self.assertEqual(said.count("is left behind"), turn)
            self.assertNotIn("Traceback", said)

    def test_secrets_are_for_their_owner_alone(self) -> None:
        """The private folder lets nobody else in, and each file with a secret in it is its owner's alone."""
        self.daemon(free_port(), "--state", self.state)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.storage, ".peerstor")).st_mode), 0o700)
        kept = [path for path in glob.glob(f"{self.state}/**", recursive=True) if os.path.isfile(path)]
        self.assertGreaterEqual(len(kept), 2)
        for path in kept:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o077, 0, path)


def _readable(path: str) -> bool:
    while path != "/":
        if not os.stat(path).st_mode & stat.S_IROTH:
            return False
        path = os.path.dirname(path)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
