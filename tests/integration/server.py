"""A PeerStor process that a test may kill, stop and start again on the same port and storage."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.daemon import PATIENCE, environment, until
from tests.integration.wire import Api, Connection
from tests.scratch import scratch_folder

_ACCESS = re.compile(rb"^Access at: https?://127\.0\.0\.1:(\d+)(?:/\S*)?$", re.MULTILINE)

# A process that has read its code and waits for a line before it begins: what a restart costs is then the start
# of the server, not that of Python.
# A shell starts what runs in its background with SIGINT ignored, and a server keeps to that; the tests that
# interrupt one mean one that was started in front of somebody.
_WARM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import peerstor.node, peerstor.tap, peerstor.__main__
sys.stdin.readline()
peerstor.__main__.main()
"""

MEASURED: list[str] = []
"""What the tests of this run found, for `conftest.py` to print: pytest keeps what a passing test prints to itself."""

FORBIDDEN_IN_LOG = (b"Traceback", b"Unhandled", b"internal error")
"""What no client and no fault of the machine may bring about."""


class Server:
    """One server on one port and one storage, over any number of processes.

    :param folder: a folder of its own; the log is gathered in `log` there, the storage is `data` by default.
    :param options: further ones of the command line.
    :param prelude: what the process runs first, for example to be on a slow disk.
    """

    def __init__(self, folder: str, *options: str, storage: str | None = None, prelude: str = "") -> None:
        self.folder = folder
        self.storage = storage or os.path.join(folder, "data")
        self.port = free_port()
        self.options = list(options)
        self.process: subprocess.Popen[bytes] | None = None
        self._warm: subprocess.Popen[bytes] | None = None
        self._log_path = os.path.join(folder, "log")
        self._begin = 0
        self._prelude = prelude

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> bytes:
        """What all processes so far have written."""
        with open(self._log_path, "rb") as log:
            return log.read()

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def warm(self) -> None:
        """Prepare the process that `release` lets run."""
        if self._warm is not None:
            return
        command = [sys.executable, "-c", self._prelude + _WARM, *self._arguments()]
        with open(self._log_path, "ab") as log:
            self._warm = subprocess.Popen(
                command, cwd=self.folder, env=_environment(), stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def release(self) -> None:
        """Let the prepared process begin."""
        self.warm()
        self.process, self._warm = self._warm, None
        assert self.process is not None and self.process.stdin is not None
        self._begin = os.path.getsize(self._log_path)
        self.process.stdin.write(b"\n")
        self.process.stdin.close()

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.release()
        self.wait_until_serving()

    def wait_until_serving(self) -> None:
        """Wait for the line that says where it serves."""
        process = self.process
        assert process is not None
        until(lambda: self._said() or process.poll() is not None, f"a server on port {self.port}")
        assert self._said(), f"it ended with {process.poll()}: {self.log[self._begin :].decode()}"

    def kill(self) -> None:
        """Kill it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """Stop it in good order; tells its exit status."""
        assert self.process is not None
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Leave no process behind."""
        for process in (self.process, self._warm):
            if process is not None:
                if process.poll() is None:
                    process.kill()
                process.wait(PATIENCE)
                if process.stdin is not None:
                    with contextlib.suppress(BrokenPipeError):
                        process.stdin.close()

    def memory(self) -> int:
        """Tell the anonymous memory that the process has resident, bytes (files in the page cache aren't its)."""
        with open(f"/proc/{self.pid}/status") as status:
            (row,) = [line.split() for line in status if line.startswith("RssAnon:")]
        return int(row[1]) * 1024

    @contextlib.contextmanager
    def watched(self) -> Iterator["Watch"]:
        """Measure by how much the memory grows, at its highest, while the context is entered."""
        watch = Watch(self)
        watch.start()
        try:
            yield watch
        finally:
            watch.finish()

    def _said(self) -> bool:
        with open(self._log_path, "rb") as log:
            log.seek(self._begin)
            found = _ACCESS.search(log.read())
        return found is not None and int(found[1]) == self.port

    def _arguments(self) -> list[str]:
        fixed = ["--host", "127.0.0.1", "--port", str(self.port), "--strict-port", "--storage", self.storage]
        return [*fixed, *self.options]


class Watch(threading.Thread):
    """Samples a server's memory ten times a second."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._ended = threading.Event()
        self.before = self.highest = server.memory()

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self._look()

    def finish(self) -> None:
        """Take the last sample."""
        self._ended.set()
        self.join()
        self._look()

    @property
    def growth(self) -> int:
        """Bytes between the beginning and the highest sample."""
        return self.highest - self.before

    def _look(self) -> None:
        self.highest = max(self.highest, self._server.memory())


class ServerCase(SynchronousTestCase):
    """Gives servers that are ended with the test, and whose log has then to be clean."""

    def serve(self, *options: str, storage: str | None = None, start: bool = True, prelude: str = "") -> Server:
        """Make a server and, unless told otherwise, start it."""
        server = Server(scratch_folder(self), *options, storage=storage, prelude=prelude)
        self.addCleanup(self._check_log, server)
        self.addCleanup(server.end)
        if start:
            server.start()
        return server

    def api(self, server: Server) -> Api:
        """Give a client of its upload API with a connection of its own."""
        api = Api(server.port)
        self.addCleanup(api.close)
        return api

    def connect(self, server: Server, **options: int) -> Connection:
        """Give a raw connection that is closed after the test."""
        connection = Connection(server.port, **options)
        self.addCleanup(connection.close)
        return connection

    def measured(self, text: str) -> None:
        """Tell a figure to whoever reads the run's output."""
        MEASURED.append(f"{'.'.join(self.id().split('.')[-2:])}: {text}")

    def _check_log(self, server: Server) -> None:
        log = server.log
        for wrong in FORBIDDEN_IN_LOG:
            self.assertNotIn(wrong, log, log[-8000:].decode("utf-8", "replace"))
        strange = [byte for byte in set(log) if byte < 0x20 and byte not in (0x0A, 0x09)]
        self.assertEqual(strange, [], "control characters in the log")


def free_port() -> int:
    """Find a port to which no client's own socket is ever bound by chance, so that a restart finds it free."""
    for _ in range(200):
        port = random.SystemRandom().randrange(20000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port from 20000 to 30000 is free")


def _environment() -> dict[str, str]:
    # Unlike a test of starting, these start often, and read the same code each time.
    return {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
