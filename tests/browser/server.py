"""A real PeerStor process, as a user would start it."""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

STARTS_WITHIN = 20.0
"""Seconds; a busy machine is slow."""


class Server:
    """Serves a folder on a port of the loopback interface."""

    def __init__(self, storage: Path, *options: str) -> None:
        self.storage = storage
        self.port = 0
        self.output: list[str] = []
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Give the address of the storage's root."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start on any free port, or, again, on the one that it had; return when it serves."""
        strict = ["--strict-port"] if self.port else []
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--storage", str(self.storage)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "peerstor", *arguments, *strict, *self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process, said), daemon=True).start()
        while "Access at: " not in (line := said.get(timeout=STARTS_WITHIN)):
            if not line:
                raise RuntimeError("The server ended:\n" + "".join(self.output))
        self.port = int(line.strip().rpartition(":")[2].partition("/")[0])

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=STARTS_WITHIN)

    def _listen(self, process: "subprocess.Popen[str]", said: "queue.Queue[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)
            said.put(line)
        process.stdout.close()
        said.put("")
