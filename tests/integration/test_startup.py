"""Rules of starting and stopping, tried on real processes."""

import contextlib
import fcntl
import glob
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import zipfile

from twisted.trial.unittest import SynchronousTestCase

from peerstor import __version__
from tests.integration.daemon import BIN, PATIENCE, TWISTD, Foreground, environment, until
from tests.scratch import scratch_folder

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOCAL = ["--host", "127.0.0.1", "--port", "0"]


def status_of(port: int, path: str = "/", host: str = "127.0.0.1") -> int:
    """Ask a server for `path` and tell the status of its answer."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


class ProcessCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)

    def foreground(self, *arguments: str, program: list[str] | None = None) -> Foreground:
        server = Foreground([*(program or [TWISTD, "-n", "peerstor"]), *arguments], cwd=self.folder)
        self.addCleanup(server.__exit__, None, None, None)
        return server

    def run_to_end(self, *arguments: str, program: list[str] | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*(program or [TWISTD, "-n", "peerstor"]), *arguments],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            timeout=PATIENCE,
        )

    def assert_one_line(self, ended: subprocess.CompletedProcess[bytes], words: str) -> None:
        text = ended.stderr.decode()
        self.assertEqual(ended.returncode, 1, text)
        self.assertEqual(text.count("\n"), 1, text)
        self.assertIn(words, text)
        self.assertEqual(ended.stdout, b"")


class ForegroundTests(ProcessCase):
    def test_three_ways(self) -> None:
        """twistd, `python -m` and the command all serve, say where once and bare, and end on SIGTERM."""
        for program in (
            [TWISTD, "-n", "peerstor"],
            [sys.executable, "-m", "peerstor"],
            [os.path.join(BIN, "peerstor")],
        ):
            with self.subTest(program=program[-1]), self.foreground(*LOCAL, program=program) as server:
                server.wait_until_serving()
                lines = [line for line in server.out.splitlines() if b"Access at" in line]
                self.assertEqual(lines, [b"Access at: http://127.0.0.1:%d" % server.port])
                self.assertEqual(status_of(server.port), 200)
                self.assertIn(server.stop(), (-signal.SIGTERM, 0))
                self.assertNotIn(b"Traceback", server.out + server.err)
        self.assertTrue(os.path.isdir(f"{self.folder}/data"))
        self.assertNotIn("twistd.pid", os.listdir(self.folder))

    def test_log_file(self) -> None:
        """With a log file the lines stand in it, and still once on standard output."""
        with self.foreground(*LOCAL, program=[TWISTD, "-n", "--logfile", "log", "peerstor"]) as server:
            server.wait_until_serving()
            self.assertEqual(server.out, b"Access at: http://127.0.0.1:%d\n" % server.port)
            with open(f"{self.folder}/log", "rb") as log:
                self.assertEqual(log.read().count(b"Access at: http://127.0.0.1:%d\n" % server.port), 1)

    def test_two_in_one_folder(self) -> None:
        """Two servers with two storages start in one working folder: no pid file that they would fight over."""
        with (
            self.foreground(*LOCAL, "--storage", "one") as first,
            Foreground([TWISTD, "-n", "peerstor", *LOCAL, "--storage", "two"], cwd=scratch_folder(self)) as second,
        ):
            first.wait_until_serving()
            second.wait_until_serving()
            self.assertNotEqual(first.port, second.port)

    def test_warning(self) -> None:
        """Beyond loopback without a token one line of the log warns; on loopback none does."""
        for host, warnings in (("0.0.0.0", 1), ("127.0.0.1", 0)):
            with self.subTest(host=host), self.foreground("--host", host, "--port", "0") as server:
                server.wait_until_serving()
                server.stop()
                self.assertEqual(len(re.findall(rb"^.*No token is set.*$", server.out, re.M)), warnings)

    def test_both_families(self) -> None:
        """With --host :: clients of either family are served."""
        with self.foreground("--host", "::", "--port", "0") as server:
            server.wait_until_serving()
            for host in ("127.0.0.1", "::1"):
                self.assertEqual(status_of(server.port, host=host), 200)

    def test_many_descriptors(self) -> None:
        """The soft limit on descriptors is raised: it is no matter how the shell was set."""
        program = ["/bin/sh", "-c", 'ulimit -S -n 256; exec "$0" "$@"', TWISTD, "-n", "peerstor"]
        with self.foreground(*LOCAL, program=program) as server:
            server.wait_until_serving()
            with open(f"/proc/{server.process.pid}/limits") as limits:
                (row,) = [line.split() for line in limits if line.startswith("Max open files")]
            self.assertEqual(row[3], row[4])
            self.assertGreater(int(row[3]), 256)

    def test_access_log(self) -> None:
        """The access log holds each request before the process has ended, and no secret."""
        with self.foreground(*LOCAL, "--access-log", "access") as server:
            server.wait_until_serving()
            status_of(server.port, "/?sort=name&token=s3cr3t")
            server.stop()
        with open(f"{self.folder}/access", "rb") as log:
            lines = log.read().splitlines()
        self.assertEqual(len(lines), 1)
        self.assertRegex(
            lines[0].decode(),
            r'^127\.0\.0\.1 - - \[[^]]+\] "GET /\?sort=name&token=- HTTP/1\.1" 200 \d+ "-" "-"$',
        )


class PortTests(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.other.close)
        self.busy = self.other.getsockname()[1]

    def test_next_port(self) -> None:
        """A busy port is stepped over, and that is said with who holds it."""
        with self.foreground("--host", "127.0.0.1", "--port", str(self.busy)) as server:
            server.wait_until_serving()
            self.assertGreater(server.port, self.busy)
            self.assertEqual(status_of(server.port), 200)
            server.stop()
            said = f"Port {self.busy} is in use by [^\n]*\\(process {os.getpid()}\\). Port {server.port} is taken"
            self.assertRegex(server.out.decode(), said)

    def test_strict_port(self) -> None:
        """With --strict-port a busy port is one line that names its holder, exit status 1."""
        ended = self.run_to_end("--host", "127.0.0.1", "--port", str(self.busy), "--strict-port")
        self.assert_one_line(ended, f"(process {os.getpid()})")


class RefusalTests(ProcessCase):
    def test_wrong_options(self) -> None:
        """A wrong option or value is one clear line on standard error and exit status 1, however it is started."""
        for program in ([TWISTD, "-n", "peerstor"], [TWISTD, "peerstor"], [sys.executable, "-m", "peerstor"]):
            for arguments, words in (
                (["--no-such-option"], "--no-such-option not recognized"),
                (["--port", "http"], "--port must be a whole number from 0 to 65535"),
            ):
                with self.subTest(program=program, arguments=arguments):
                    self.assert_one_line(self.run_to_end(*arguments, program=program), words)
        self.assertEqual(os.listdir(self.folder), [])

    def test_unusable_storage(self) -> None:
        """A storage that can't be used is one line and exit status 1, also before a daemon has forked."""
        with open(f"{self.folder}/file", "wb"):
            pass
        for program in ([TWISTD, "-n", "peerstor"], [TWISTD, "peerstor"]):
            for storage, words in (("file", "a file is in the way"), ("/proc", "can't be written in")):
                with self.subTest(program=program, storage=storage):
                    ended = self.run_to_end(*LOCAL, "--storage", storage, program=program)
                    self.assert_one_line(ended, words)
        self.assertEqual(os.listdir(self.folder), ["file"])

    def test_storage_in_use(self) -> None:
        """A second server on one storage refuses to start and names the process that holds it."""
        with self.foreground(*LOCAL) as server:
            server.wait_until_serving()
            for program in ([TWISTD, "-n", "peerstor"], [TWISTD, "--pidfile", "second.pid", "peerstor"]):
                with self.subTest(program=program):
                    ended = self.run_to_end(*LOCAL, program=program)
                    self.assert_one_line(ended, str(server.process.pid))
            self.assertEqual(status_of(server.port), 200)
            server.stop()
        with self.foreground(*LOCAL) as again:
            again.wait_until_serving()

    def test_version_and_help(self) -> None:
        """--version and --help print and end well, twistd's help names the plugin."""
        for program in ([TWISTD, "-n", "peerstor"], [sys.executable, "-m", "peerstor"]):
            ended = self.run_to_end("--version", program=program)
            self.assertEqual((ended.returncode, ended.stdout.decode()), (0, f"PeerStor {__version__}\n"))
            ended = self.run_to_end("--help", program=program)
            self.assertEqual(ended.returncode, 0)
            self.assertIn(b"--max-upload BYTES", ended.stdout)
        self.assertRegex(self.run_to_end("--help", program=[TWISTD]).stdout, rb"\n +peerstor +\S")


class DaemonTests(ProcessCase):
    def start(self, *arguments: str) -> int:
        """Start a daemon and tell its pid; it is ended after the test."""
        options = ["--umask=022", "--pidfile", "pid", "--logfile", "log", "peerstor", *LOCAL, *arguments]
        ended = self.run_to_end(*options, program=[TWISTD])
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, b"", b""))
        until(lambda: b"Access at: " in self.log(), "the daemon's log")
        with open(f"{self.folder}/pid") as file:
            pid = int(file.read())
        self.addCleanup(self.end, pid)
        return pid

    def log(self) -> bytes:
        try:
            with open(f"{self.folder}/log", "rb") as log:
                return log.read()
        except FileNotFoundError:
            return b""

    def end(self, pid: int) -> None:
        # The lock is let go with the process, and unlike its pid can't be anybody else's.
        with open(f"{self.folder}/data/.peerstor/lock", "rb") as lock:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

            def free() -> bool:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True

            until(free, "the daemon's end")

    def test_daemon(self) -> None:
        """A daemon serves, says where in its log, names itself in the lock, and removes its pid file."""
        pid = self.start()
        (port,) = re.findall(rb"Access at: http://127\.0\.0\.1:(\d+)$", self.log(), re.M)
        self.assertEqual(status_of(int(port)), 200)
        with open(f"{self.folder}/data/.peerstor/lock") as lock:
            self.assertEqual(int(lock.read()), pid)
        self.end(pid)
        until(lambda: "pid" not in os.listdir(self.folder), "the pid file to go")
        self.assertNotIn(b"Traceback", self.log())


class InstalledTests(ProcessCase):
    def test_wheel(self) -> None:
        """Installed from its wheel, outside the checkout, twistd knows PeerStor and serves."""
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "-q",
                "--no-deps",
                "--no-build-isolation",
                "-w",
                self.folder,
                CHECKOUT,
            ],
            check=True,
            env=environment(PIP_DISABLE_PIP_VERSION_CHECK="1"),
            timeout=PATIENCE,
        )
        (wheel,) = [name for name in os.listdir(self.folder) if name.endswith(".whl")]
        with zipfile.ZipFile(f"{self.folder}/{wheel}") as archive:
            names = archive.namelist()
        self.assertIn("twisted/plugins/peerstor_plugin.py", names)
        for shared in (
            "man/man1/peerstor.1",
            "bash-completion/completions/peerstor",
            "zsh/site-functions/_peerstor",
        ):
            self.assertTrue([name for name in names if name.endswith(f".data/data/share/{shared}")], names)
        for wrong in ("twisted/__init__.py", "twisted/plugins/__init__.py", "twisted/plugins/dropin.cache"):
            self.assertNotIn(wrong, names)
        python = self.install(f"{self.folder}/{wheel}")
        where = self.run_to_end("import peerstor; print(peerstor.__file__)", program=[python, "-c"])
        self.assertTrue(where.stdout.decode().startswith(f"{self.folder}/venv/"), where.stdout)
        twistd = [python, "-c", "from twisted.scripts.twistd import run; run()"]
        with self.foreground(*LOCAL, program=[*twistd, "-n", "peerstor"]) as server:
            server.wait_until_serving()
            self.assertEqual(status_of(server.port), 200)

    def install(self, wheel: str) -> str:
        """Make an environment with the wheel in it, and this one's libraries but not its checkout."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", f"{self.folder}/venv"], check=True)
        python = f"{self.folder}/venv/bin/python"
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel],
            check=True,
            env=environment(PIP_DISABLE_PIP_VERSION_CHECK="1"),
            timeout=PATIENCE,
        )
        # A folder named in a .pth file is searched, but .pth files in it, the editable install's, are not read.
        (site,) = glob.glob(f"{self.folder}/venv/lib/python*/site-packages")
        with open(f"{site}/borrowed.pth", "w") as borrowed:
            borrowed.write(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
        return python
