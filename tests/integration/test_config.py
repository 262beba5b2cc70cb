"""Rules of settings from a file and the environment, and of SIGHUP, tried on real processes."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from tests.integration.daemon import BIN, PATIENCE, TWISTD, environment, until
from tests.integration.server import Server, ServerCase
from tests.integration.test_startup import ProcessCase, status_of
from tests.integration.wire import head, upload_target
from tests.scratch import scratch_folder

PEERSTOR = os.path.join(BIN, "peerstor")
LARGE = 300 * 2**20


def write(path: str, text: str) -> None:
    """Write a file as editors do: another one takes its name."""
    with open(f"{path}.new", "w") as file:
        file.write(text)
    os.rename(f"{path}.new", path)


class StartTests(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        os.mkdir(f"{self.folder}/etc")
        self.file = f"{self.folder}/etc/peerstor.toml"
        write(self.file, 'host = "127.0.0.1"\nport = 0\nstorage = "../files"\nmax-upload = "1K"\n')

    def test_three_ways(self) -> None:
        """twistd, `python -m` and the command all take a file, whose paths are relative to where it lies."""
        for program in ([TWISTD, "-n", "peerstor"], [sys.executable, "-m", "peerstor"], [PEERSTOR]):
            with (
                self.subTest(program=program[-1]),
                self.foreground("--config", "etc/peerstor.toml", program=program) as server,
            ):
                server.wait_until_serving()
                self.assertEqual(status_of(server.port), 200)
                server.stop()
        self.assertEqual(sorted(set(os.listdir(self.folder)) - {"out", "err"}), ["etc", "files"])

    def test_check(self) -> None:
        """check-config tells what would run with exit status 0, or one line with 1; it makes nothing."""
        environ = environment(PEERSTOR_DRAIN="1", PEERSTOR_CONFIG=self.file)

        def check(*arguments: str, **more: str) -> "subprocess.CompletedProcess[bytes]":
            return subprocess.run(
                [PEERSTOR, "check-config", *arguments],
                cwd=self.folder,
                env={**environ, **more},
                capture_output=True,
                timeout=PATIENCE,
            )

        ended = check("--port", "81")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        for line in (
            rf"max-upload = 1024 +# {self.file}",
            "drain = 1 +# environment",
            "port = 81 +# command line",
        ):
            self.assertRegex(ended.stdout.decode(), rf"(?m)^{line}$")
        self.assert_one_line(check(PEERSTOR_PROT="1"), "did you mean PEERSTOR_PORT?")
        write(self.file, "port = 1\nprot = 2\n")
        self.assert_one_line(check(), f"There is no setting prot in {self.file}; did you mean port?")
        self.assertEqual(os.listdir(self.folder), ["etc"])

    def test_wrong(self) -> None:
        """What is wrong in the file is one line and exit status 1, also before a daemon has forked."""
        write(self.file, 'port = "80"\n')
        for program in ([TWISTD, "-n", "peerstor"], [TWISTD, "peerstor"], [PEERSTOR], [PEERSTOR, "token", "list"]):
            with self.subTest(program=program):
                ended = self.run_to_end("--config", self.file, program=program)
                self.assert_one_line(ended, f"port in {self.file} must be a whole number, not a string.")
        self.assertEqual(os.listdir(self.folder), ["etc"])

    def test_token(self) -> None:
        """The token command finds the storage by the server's file."""
        os.mkdir(f"{self.folder}/files")
        ended = self.run_to_end("token", "add", "--config", self.file, "laptop", program=[PEERSTOR])
        self.assertEqual(ended.returncode, 0, ended.stderr)
        listed = self.run_to_end("token", "list", "--storage", "files", program=[PEERSTOR])
        self.assertIn(b"laptop", listed.stdout)

    def test_secret_for_all_to_read(self) -> None:
        """A secret that all may read is a warning in the log, and no word of it."""
        write(self.file, 'host = "127.0.0.1"\nport = 0\ntoken = "0123456789"\n')
        with self.foreground("--config", self.file) as server:
            server.wait_until_serving()
            server.stop()
            self.assertRegex(server.out, rb"holds a secret \(token\)")
            self.assertNotIn(b"0123456789", server.out)


class HangUpTests(ServerCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.file = f"{self.folder}/c.toml"

    def server(self, text: str, *options: str) -> Server:
        """Start a server with a file of settings."""
        write(self.file, text)
        return self.serve("--config", self.file, *options)

    def reload(self, server: Server, text: str) -> bytes:
        """Write another file, send SIGHUP, and give what the log says until the settings are read."""
        write(self.file, text)
        begin = len(server.log)
        os.kill(server.pid, signal.SIGHUP)
        done = re.compile(rb"settings? (that )?ha(s|ve) changed|settings stay as they are|only after a restart")
        until(lambda: done.search(server.log[begin:]), "the settings to be read again")
        time.sleep(0.1)
        return server.log[begin:]

    def test_transfers_go_on(self) -> None:
        """Nothing that is under way is dropped, neither by new settings nor by a file that is wrong."""
        server = self.server("max-upload = 1000000\n")
        with open(f"{server.storage}/large", "wb") as file:
            file.truncate(LARGE)
        download, upload, idle = (self.connect(server) for _ in range(3))
        self.assertEqual(idle.request("GET", "/-/health").status, 200)
        download.send(head("GET", "/large", headers={"Connection": "close"}))
        self.assertEqual(download.head_only().status, 200)
        upload.send(head("POST", upload_target("chunk", "a", offset=0), length=500_000) + b"x" * 250_000)
        asked = upload_target("offset", "a")
        until(lambda: self.connect(server).request("GET", asked).json["offset"] > 0, "the upload to have begun")
        said = self.reload(server, 'max-upload = 1000\nanonymous = "read"\n')
        self.assertRegex(said, rb"settings that have changed: max-upload, anonymous\n")
        said = self.reload(server, "max-upload = 1000\nmax-uplod = 1\n")
        self.assertRegex(said, rb"All settings stay as they are: .* did you mean max-upload\?")
        self.assertEqual(self.connect(server).request("PUT", "/b", b"b").status, 403)
        upload.send(b"x" * 250_000)
        self.assertEqual(upload.answer().json, {"nextOffset": 500_000})
        self.assertEqual(download.swallow(), LARGE)
        self.assertEqual(idle.request("GET", "/-/health").status, 200)

    def test_restart_needed(self) -> None:
        """What differs from what the server was started with is named, unless the command line has it."""
        server = self.server("")
        said = self.reload(server, 'strict-port = true\nstate = "s"\nfsync = false\n')
        self.assertRegex(said, rb"hold only after a restart: state, fsync\.\n")
        self.assertRegex(self.reload(server, ""), rb"no setting has changed")

    def test_logs(self) -> None:
        """A log that was renamed is begun anew, and one may get another name, or its first."""
        first, second = f"{self.folder}/1.log", f"{self.folder}/2.log"
        server = self.server('access-log = "1.log"\n')

        def asked(path: str, number: int) -> None:
            self.connect(server).request("GET", f"/{number}")
            until(lambda: os.path.exists(path) and b"GET /%d " % number in _read(path), f"line {number} in {path}")

        asked(first, 1)
        os.rename(first, f"{first}.1")
        os.kill(server.pid, signal.SIGHUP)
        asked(first, 2)
        self.reload(server, 'access-log = "2.log"\naudit-log = "audit"\n')
        asked(second, 3)
        self.connect(server).request("PUT", "/f", b"f")
        until(lambda: os.path.exists(f"{self.folder}/audit"), "the audit log")
        self.reload(server, 'audit-log = "none"\n')
        self.connect(server).request("PUT", "/g", b"g")
        time.sleep(1.5)
        self.assertEqual([_read(path).count(b"\n") for path in (f"{first}.1", first, second)], [1, 1, 2])
        self.assertEqual(_read(f"{self.folder}/audit").count(b"\n"), 1)

    def test_connections_and_proxies(self) -> None:
        """The limit of connections and the trusted proxies are those of the file as it is now."""
        server = self.server("")
        log = f"{self.folder}/a.log"
        self.reload(server, 'max-connections-per-address = 2\naccess-log = "a.log"\n')
        held = [self.connect(server) for _ in range(2)]
        self.assertEqual([one.request("GET", "/-/health").status for one in held], [200, 200])
        self.assertEqual(self.connect(server).request("GET", "/-/health").status, 429)
        self.reload(
            server, 'max-connections-per-address = 2\ntrusted-proxy = ["127.0.0.1"]\naccess-log = "a.log"\n'
        )
        many = [self.connect(server) for _ in range(4)]
        for one in many:
            self.assertEqual(one.request("GET", "/x", headers={"X-Forwarded-For": "192.0.2.9"}).status, 404)
        until(lambda: os.path.exists(log) and _read(log).count(b"192.0.2.9 ") == 4, "the client's address")


class DaemonTests(ProcessCase):
    def test_daemon(self) -> None:
        """A daemon that was told a relative path finds its file again, and what it was told beside still holds."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        write(f"{self.folder}/c.toml", f'host = "127.0.0.1"\nport = {port}\n')
        ended = self.run_to_end(
            "--umask=022",
            "--pidfile",
            "pid",
            "--logfile",
            "log",
            "peerstor",
            "--config",
            "c.toml",
            program=[TWISTD],
        )
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        until(lambda: b"Access at: " in self.log(), "the daemon's log")
        with open(f"{self.folder}/pid") as file:
            pid = int(file.read())
        self.addCleanup(self.end, pid)
        write(f"{self.folder}/c.toml", f'host = "127.0.0.1"\nport = {port}\nmax-upload = "1K"\n')
        os.kill(pid, signal.SIGHUP)
        until(lambda: b"settings that have changed: max-upload\n" in self.log(), "the change")
        self.assertNotIn(b"restart", self.log())

    def log(self) -> bytes:
        path = f"{self.folder}/log"
        return _read(path) if os.path.exists(path) else b""

    def end(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until(lambda: not os.path.exists(f"{self.folder}/pid"), "the daemon's end")


def _read(path: str) -> Any:
    with open(path, "rb") as file:
        return file.read()
