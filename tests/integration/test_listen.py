"""Rules of --listen, tried on real processes, sockets and clients."""

import contextlib
import hashlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Sequence

from tests.integration.daemon import PATIENCE, TWISTD, Foreground, environment, until
from tests.integration.server import free_port
from tests.integration.test_startup import ProcessCase, status_of

MIB = 2**20
LARGE = 200 * MIB

# Passes sockets on as systemd does: from descriptor 3 on, to a process of that very number.
_ACTIVATE = """
import os, sys
count = int(sys.argv[1])
for place in range(count):
    os.dup2(100 + place, 3 + place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


def curl(*arguments: str) -> bytes:
    """Run curl and give what it printed."""
    ended = subprocess.run(
        ["curl", "-sS", "--fail-with-body", "--max-time", str(PATIENCE), *arguments],
        capture_output=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 0, (ended.stderr, ended.stdout)
    return ended.stdout


class ListenCase(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.socket = f"{self.folder}/s"

    def serve(self, *arguments: str, program: Sequence[str] = (TWISTD, "-n", "peerstor")) -> Foreground:
        server = Foreground([*program, "--storage", f"{self.folder}/data", *arguments], cwd=self.folder)
        self.addCleanup(server.__exit__, None, None, None)
        self.wait(server)
        return server

    def wait(self, server: Foreground) -> None:
        until(lambda: b"Access at: " in server.out or server.process.poll() is not None, "a server")
        self.assertIsNone(server.process.poll(), server.err)

    def access(self, server: Foreground) -> list[str]:
        """The lines that say where it is."""
        return [line for line in server.out.decode().splitlines() if line.startswith("Access at: ")]

    def kept_clean(self, server: Foreground) -> None:
        for wrong in (b"Traceback", b"Unhandled"):
            self.assertNotIn(wrong, server.out + server.err)


class UnixTests(ListenCase):
    def test_transfers(self) -> None:
        """Through a UNIX socket curl uploads 200 MiB, gets them and a range of them, and the log names the way."""
        with self.serve(
            "--listen", f"unix:{self.socket}:mode=600", "--access-log", f"{self.folder}/access"
        ) as server:
            self.assertEqual(self.access(server), [f"Access at: unix:{self.socket}"])
            block = os.urandom(MIB)
            with open(f"{self.folder}/large", "wb") as file:
                for _ in range(LARGE // MIB):
                    file.write(block)
            reach = ["--unix-socket", self.socket]
            curl(*reach, "-T", f"{self.folder}/large", "http://localhost/")
            curl(*reach, "-o", f"{self.folder}/back", "http://localhost/large")
            digests = []
            for name in ("large", "back", "data/large"):
                with open(f"{self.folder}/{name}", "rb") as file:
                    digests.append(hashlib.file_digest(file, "sha256").hexdigest())
            self.assertEqual(len(set(digests)), 1)
            self.assertEqual(curl(*reach, "-r", "5-1000004", "http://localhost/large"), block[5:1000005])
            self.assertEqual(curl(*reach, "-r", "-10", "http://localhost/large"), block[-10:])
            begun = curl(*reach, "--data-binary", "12345", "http://localhost/api/upload/chunk?name=a&offset=0")
            self.assertIn(b'"nextOffset": 5', begun)
            self.assertEqual(server.stop(), -signal.SIGTERM)
        with open(f"{self.folder}/access") as log:
            lines = log.readlines()
        self.assertEqual(len(lines), 5)
        self.assertEqual({line.split()[0] for line in lines}, {"unix"})
        self.kept_clean(server)

    def test_entry(self) -> None:
        """The socket has the mode that was asked for, and goes at a clean stop, daemonised or not."""
        for mode in ("660", "666", "600"):
            with self.serve("--listen", f"unix:{self.socket}:mode={mode}") as server:
                self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), int(mode, 8))
                server.stop()
            self.assertFalse(os.path.lexists(self.socket))

    def test_killed(self) -> None:
        """After kill -9 the socket is there, and the next start takes its place."""
        with self.serve("--listen", f"unix:{self.socket}") as server:
            server.process.kill()
            server.process.wait(PATIENCE)
        self.assertTrue(stat.S_ISSOCK(os.lstat(self.socket).st_mode))
        with self.serve("--listen", f"unix:{self.socket}") as again:
            curl("--unix-socket", self.socket, "http://localhost/")
            again.stop()
        self.kept_clean(again)

    def test_in_the_way(self) -> None:
        """A socket on which somebody answers, and a file of another kind, are errors of one line; both stay."""
        with self.serve("--listen", f"unix:{self.socket}"):
            for program in ([TWISTD, "-n", "peerstor"], [TWISTD, "peerstor"]):
                ended = self.run_to_end(
                    "--storage", f"{self.folder}/other", "--listen", f"unix:{self.socket}", program=program
                )
                self.assert_one_line(ended, "in use by another server")
            curl("--unix-socket", self.socket, "http://localhost/")
        with open(f"{self.folder}/file", "wb") as file:
            file.write(b"content")
        self.assert_one_line(self.run_to_end("--listen", f"unix:{self.folder}/file"), "it is no socket")
        with open(f"{self.folder}/file", "rb") as file:
            self.assertEqual(file.read(), b"content")

    def test_limit_per_address(self) -> None:
        """Whoever comes through a UNIX socket has no address whose connections could be counted."""
        self.serve("--listen", f"unix:{self.socket}", "--max-connections-per-address", "1")
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.settimeout(PATIENCE)
                client.connect(self.socket)
                client.sendall(b"GET /-/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 200 "))

    def test_trusted_proxy(self) -> None:
        """With --trusted-proxy unix the log names the client behind it; without, a client's word counts nothing."""
        for options, name in ((("--trusted-proxy", "unix"), "192.0.2.9"), ((), "unix")):
            log = f"{self.folder}/access-{name}"
            with self.serve("--listen", f"unix:{self.socket}", "--access-log", log, *options) as server:
                curl("--unix-socket", self.socket, "-H", "X-Forwarded-For: 192.0.2.9", "http://localhost/")
                server.stop()
            with open(log) as file:
                self.assertEqual(file.read().split()[0], name)

    def test_https(self) -> None:
        """With --https, TCP ports speak it and lead there, and a UNIX socket speaks HTTP."""
        with self.serve(
            "--listen", f"unix:{self.socket}", "--listen", "tcp:0:interface=127.0.0.1", "--https"
        ) as server:
            (port,) = re.findall(rb"^Access at: https://127\.0\.0\.1:(\d+)$", server.out, re.MULTILINE)
            self.assertIn(b"<html", curl("-k", f"https://127.0.0.1:{port.decode()}/"))
            self.assertEqual(status_of(int(port)), 307)
            self.assertIn(b"<html", curl("--unix-socket", self.socket, "http://localhost/"))
            server.stop()
        self.kept_clean(server)


class TcpTests(ListenCase):
    def test_several(self) -> None:
        """Each endpoint is served and told in the usual form."""
        first, second = free_port(), free_port()
        with self.serve(
            "--listen", f"tcp:{first}:interface=127.0.0.1", "--listen", f"tcp:{second}:interface=[::1]"
        ) as server:
            self.assertEqual(
                self.access(server), [f"Access at: http://127.0.0.1:{first}", f"Access at: http://[::1]:{second}"]
            )
            self.assertEqual((status_of(first), status_of(second, host="::1")), (200, 200))

    def test_refused(self) -> None:
        """A mistake, and a port in use, is one line before anything forks, and nothing is left of the others."""
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            for arguments, words in (
                (["--listen", f"tcp:{port}:interface=127.0.0.1"], f"Port {port} is in use"),
                (
                    ["--listen", "tcp:0:interface=192.0.2.254"],
                    "interface=192.0.2.254 is no address of this machine",
                ),
                (["--listen", "ssl:8443"], "add --https"),
                (["--listen", "tcp:0", "--port", "81"], "takes the place of --host and --port"),
                (["--listen", "systemd:domain=INET:index=0"], "none was passed on"),
            ):
                for program in ([TWISTD, "-n", "peerstor"], [TWISTD, "peerstor"]):
                    with self.subTest(arguments=arguments, program=program):
                        ended = self.run_to_end("--listen", f"unix:{self.socket}", *arguments, program=program)
                        self.assert_one_line(ended, words)
                        self.assertFalse(os.path.lexists(self.socket))


class ActivationTests(ListenCase):
    def activated(self, names: str, sockets: Sequence[socket.socket], program: Sequence[str]) -> Foreground:
        """Start a server with sockets that were opened for it."""
        for place, one in enumerate(sockets):
            os.dup2(one.fileno(), 100 + place, inheritable=True)
        numbers = range(100, 100 + len(sockets))
        server = Foreground(
            [
                sys.executable,
                "-c",
                _ACTIVATE,
                str(len(sockets)),
                names,
                *program,
                "--storage",
                f"{self.folder}/data",
            ],
            cwd=self.folder,
            descriptors=numbers,
        )
        self.addCleanup(server.__exit__, None, None, None)
        for number in numbers:
            os.close(number)
        return server

    def opened(self) -> tuple[socket.socket, socket.socket]:
        port = socket.create_server(("127.0.0.1", 0))
        path = socket.socket(socket.AF_UNIX)
        path.bind(self.socket)
        path.listen()
        os.chmod(self.socket, 0o640)
        for one in (port, path):
            self.addCleanup(one.close)
        return port, path

    ENDPOINTS = ("--listen", "systemd:domain=INET:index=0", "--listen", "systemd:domain=UNIX:name=local")

    def test_foreground(self) -> None:
        """Sockets that were passed on are served; who came before the start is answered; the entry isn't ours."""
        port, path = self.opened()
        number = port.getsockname()[1]
        early = socket.create_connection(port.getsockname(), timeout=PATIENCE)
        early.sendall(b"GET /-/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server = self.activated("web:local", (port, path), (TWISTD, "-n", "peerstor", *self.ENDPOINTS))
        self.wait(server)
        with early:
            self.assertTrue(early.recv(65536).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(
            self.access(server), [f"Access at: http://127.0.0.1:{number}", f"Access at: unix:{self.socket}"]
        )
        self.assertEqual(status_of(number), 200)
        curl("--unix-socket", self.socket, "http://localhost/")
        server.stop()
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o640)
        self.kept_clean(server)
        # As at an upgrade: they are open still, and the next server goes on with them.
        with socket.create_connection(port.getsockname(), timeout=PATIENCE) as waiting:
            waiting.sendall(b"GET /-/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            again = self.activated("web:local", (port, path), (TWISTD, "-n", "peerstor", *self.ENDPOINTS))
            self.wait(again)
            self.assertTrue(waiting.recv(65536).startswith(b"HTTP/1.1 200 "))
            again.stop()

    def test_daemon(self) -> None:
        """A daemon that forks serves them as well."""
        port, path = self.opened()
        files = ("--pidfile", f"{self.folder}/pid", "--logfile", f"{self.folder}/log")
        starter = self.activated("web:local", (port, path), (TWISTD, *files, "peerstor", *self.ENDPOINTS))
        self.assertEqual(starter.process.wait(PATIENCE), 0, starter.err)
        with open(f"{self.folder}/pid") as file:
            pid = int(file.read())
        self.addCleanup(self.end, pid)
        self.assertEqual(status_of(port.getsockname()[1]), 200)
        curl("--unix-socket", self.socket, "http://localhost/")

    def end(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the daemon to end")

    def test_systemds_own(self) -> None:
        """What systemd's own program for it passes on is understood."""
        port = free_port()
        passing = ("systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=web", "-E", "HOME")
        program = (TWISTD, "-n", "peerstor", "--storage", f"{self.folder}/data")
        server = Foreground([*passing, *program, "--listen", "systemd:domain=INET:name=web"], cwd=self.folder)
        self.addCleanup(server.__exit__, None, None, None)
        until(lambda: b"Listening on" in server.err, "systemd-socket-activate")
        self.assertEqual(status_of(port), 200)
        server.stop()

    def test_nobody_takes_it(self) -> None:
        """A socket that is passed on and not listened on is warned of."""
        port, path = self.opened()
        server = self.activated(
            "web:local", (port, path), (TWISTD, "-n", "peerstor", "--listen", "systemd:domain=INET:name=web")
        )
        self.wait(server)
        server.stop()
        self.assertIn(b"passed on 1 sockets that no --listen", server.out)


class HelpTests(ProcessCase):
    def test_environment(self) -> None:
        """An endpoint can be given in the environment, as the socket unit does."""
        ended = subprocess.run(
            [sys.executable, "-m", "peerstor", "check-config"],
            cwd=self.folder,
            env=environment(PEERSTOR_LISTEN="systemd:domain=INET:name=peerstor.socket"),
            capture_output=True,
            timeout=PATIENCE,
        )
        self.assertIn(b'listen = ["systemd:domain=INET:name=peerstor.socket"]', ended.stdout)
