"""Real reverse proxies in front of a real PeerStor, with the configurations that we hand out."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

from tests.integration.daemon import PATIENCE, until
from tests.integration.server import free_port

CONF = Path(__file__).parent.parent.parent / "conf"


def program(name: str) -> str:
    """Find a program that may be meant for administrators only."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found is not None, f"{name} is missing"
    return found


class Proxy(ABC):
    """One proxy, which may be killed and started again on its port; it runs until it is ended.

    :param folder: a folder of its own.
    :param backend: the port of the server behind it, or the path of its UNIX socket.
    :param base: the path below which it shows that; empty for none.
    :param tls: whether it speaks TLS, with a certificate that signs itself.
    :param start: whether it is started at once.
    """

    withheld = 0
    """Bytes of a body that it may hold back until more come."""

    def __init__(
        self, folder: str, *, backend: int | str, base: str = "", tls: bool = False, start: bool = True
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.backend = backend
        self.base = base
        self.tls = tls
        self.certificate = os.path.join(folder, "cert.pem")
        self.key = os.path.join(folder, "key.pem")
        if tls:
            make_certificate(self.certificate, self.key)
        self.prepare()
        if start:
            self.start()

    @abstractmethod
    def prepare(self) -> None:
        """Write what the program reads."""

    @abstractmethod
    def command(self) -> list[str]:
        """Give the command line that runs it in the foreground."""

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    @property
    def log(self) -> str:
        """What it had to complain of."""
        parts = [os.path.join(self.folder, name) for name in ("out", "error.log")]
        return "".join(Path(part).read_text(encoding="utf-8") for part in parts if os.path.exists(part))

    def start(self) -> None:
        """Start it, and return when it accepts."""
        environment = {
            **os.environ,
            "HOME": self.folder,
            "XDG_DATA_HOME": self.folder,
            "XDG_CONFIG_HOME": self.folder,
        }
        with open(os.path.join(self.folder, "out"), "ab") as out:
            self._process = subprocess.Popen(
                self.command(), stdout=out, stderr=out, env=environment, start_new_session=True
            )
        until(self._answers, f"{type(self).__name__}; {self.log}")

    def kill(self) -> None:
        """Kill it as a crash would, its workers too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    def end(self) -> None:
        """Leave no process behind."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self.kill()

    def write(self, name: str, text: str) -> None:
        """Write a file into its folder."""
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"{type(self).__name__} ended: {self.log}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Put other words into a sample, each of which has to be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def make_certificate(certificate: str, key: str) -> None:
    """Make a certificate for `localhost` that signs itself, as an owner would."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
