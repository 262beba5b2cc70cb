"""What a service manager is told, tried on real processes with a manager of the test's own."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Sequence

from tests.integration.daemon import PATIENCE, TWISTD, Foreground, until
from tests.integration.server import free_port
from tests.integration.test_startup import ProcessCase, status_of

FOREGROUND = (TWISTD, "-n", "peerstor")


class Manager:
    """Hears what a server tells, and who the kernel says that it is.

    :param address: as `NOTIFY_SOCKET` has it.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(PATIENCE)

    def close(self) -> None:
        """Be gone."""
        self._socket.close()

    def hear(self, wanted: str) -> str:
        """Wait for a message in which a line matches; tells that message."""
        while True:
            message = self._socket.recv(4096).decode()
            if re.search(wanted, message, re.MULTILINE):
                return message

    def hears(self, wanted: str, seconds: float) -> int:
        """Count the messages in which a line matches within a time."""
        end, count = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                count += re.search(wanted, self._socket.recv(4096).decode(), re.MULTILINE) is not None
            except TimeoutError:
                break
        self._socket.settimeout(PATIENCE)
        return count


class ManagerTests(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.manager = self.manage(f"{self.folder}/notify")
        self.port = free_port()

    def manage(self, address: str) -> Manager:
        manager = Manager(address)
        self.addCleanup(manager.close)
        return manager

    def start(self, *arguments: str, program: Sequence[str] = FOREGROUND, **environ: str) -> Foreground:
        server = Foreground(
            [*program, "--listen", f"tcp:{self.port}:interface=127.0.0.1", *arguments],
            cwd=self.folder,
            environ={"NOTIFY_SOCKET": self.manager.address, **environ},
        )
        self.addCleanup(server.__exit__, None, None, None)
        return server

    def test_life(self) -> None:
        """Ready when the port answers, with where; reading again told with the clock's time; the end at once."""
        server = self.start()
        ready = self.manager.hear("^READY=1$").split("\n")
        self.assertIn(f"MAINPID={server.process.pid}", ready)
        self.assertIn(f"STATUS=http://127.0.0.1:{self.port}; 0 connections, 0 requests under way", ready)
        self.assertEqual(status_of(self.port), 200)
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        server.process.send_signal(signal.SIGHUP)
        reloading = self.manager.hear("^RELOADING=1$")
        (told,) = re.findall(r"^MONOTONIC_USEC=(\d+)$", reloading, re.MULTILINE)
        self.assertTrue(before <= int(told) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
        self.manager.hear("^READY=1$")
        server.process.send_signal(signal.SIGTERM)
        self.manager.hear("^STOPPING=1$")
        self.assertEqual(server.process.wait(PATIENCE), -signal.SIGTERM)
        self.assertNotIn(b"Traceback", server.out + server.err)

    def test_abstract(self) -> None:
        """A manager in the abstract namespace is told as well."""
        self.manager = self.manage(f"@peerstor-test-{os.getpid()}-{self.port}")
        self.start()
        self.manager.hear("^READY=1$")

    def test_daemon(self) -> None:
        """A daemon that forks tells which process it is."""
        options = ("--pidfile", f"{self.folder}/pid", "--logfile", f"{self.folder}/log")
        starter = self.start(program=(TWISTD, *options, "peerstor"))
        ready = self.manager.hear("^READY=1$")
        self.assertEqual(starter.process.wait(PATIENCE), 0)
        with open(f"{self.folder}/pid") as file:
            pid = int(file.read())
        os.kill(pid, signal.SIGTERM)
        self.assertIn(f"MAINPID={pid}", ready.split("\n"))
        self.manager.hear("^STOPPING=1$")
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the daemon to end")

    def test_watchdog(self) -> None:
        """Signs of life come twice in the watchdog's time as long as the reactor turns, and not when it doesn't."""
        server = self.start(WATCHDOG_USEC="1000000")
        self.manager.hear("^WATCHDOG=1$")
        self.assertGreaterEqual(self.manager.hears("^WATCHDOG=1$", 3), 3)
        server.process.send_signal(signal.SIGSTOP)
        self.manager.hears("^WATCHDOG=1$", 0.5)
        self.assertEqual(self.manager.hears("^WATCHDOG=1$", 1.5), 0)
        server.process.send_signal(signal.SIGCONT)
        self.manager.hear("^WATCHDOG=1$")

    def test_watchdog_of_another(self) -> None:
        """A watchdog that was meant for another process isn't fed."""
        self.start(WATCHDOG_USEC="200000", WATCHDOG_PID="1")
        self.manager.hear("^READY=1$")
        self.assertEqual(self.manager.hears("^WATCHDOG=1$", 1), 0)

    def test_drain(self) -> None:
        """While transfers end, more time than the manager gives by itself is asked for, again and again."""
        server = self.start("--drain", "60")
        self.manager.hear("^READY=1$")
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as client:
            body = bytes(100_000)  # large enough for a part file that has a name
            head = b"PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
            client.sendall(head + body[:5])
            until(lambda: os.listdir(f"{self.folder}/data/.peerstor/parts"), "the upload to begin")
            server.process.send_signal(signal.SIGTERM)
            self.manager.hear("^STOPPING=1$")
            pleas = [self.manager.hear(r"^EXTEND_TIMEOUT_USEC=\d+$") for _ in range(2)]
            self.assertIn("1 connections, 1 requests under way", pleas[1])
            self.assertGreater(int(re.findall(r"USEC=(\d+)", pleas[0])[0]), 5_000_000)
            client.sendall(body[5:])
            self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 201 "))
        self.assertEqual(server.process.wait(PATIENCE), -signal.SIGTERM)

    def test_refused(self) -> None:
        """A server that can't start is never ready."""
        with socket.create_server(("127.0.0.1", self.port)):
            self.assertEqual(self.start().process.wait(PATIENCE), 1)
        self.assertEqual(self.manager.hears("READY", 0.2), 0)

    def test_kept_from_programs(self) -> None:
        """What the manager has left in the environment is gone for programs that are started from here."""
        told = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
        program = f"""
import os
from peerstor.tap import Options, makeService
options = Options()
options.parseOptions(["--listen", "unix:s"])
makeService(options)
print([name for name in {told!r} if name in os.environ])
"""
        environ = dict.fromkeys(told, "1") | {"NOTIFY_SOCKET": self.manager.address}
        ended = subprocess.run(
            [os.path.join(os.path.dirname(TWISTD), "python"), "-c", program],
            cwd=self.folder,
            env={**os.environ, **environ},
            capture_output=True,
            timeout=PATIENCE,
        )
        self.assertEqual(ended.stdout, b"[]\n", ended.stderr)
