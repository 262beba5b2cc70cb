"""What the tests of reverse proxies share."""

import json
import os
import random
import re
import socket
import ssl
import subprocess
from urllib.parse import urljoin

from tests.integration.daemon import PATIENCE
from tests.integration.proxy import Proxy
from tests.integration.server import Server, ServerCase
from tests.scratch import scratch_folder

RESUME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resume.sh")
MIB = 1024 * 1024


def bytes_of(seed: int, size: int) -> bytes:
    """Make content that any loss, doubling or shift shows in."""
    return random.Random(seed).randbytes(size)


class LocalServer(Server):
    """A server that listens on a UNIX socket, for its proxy, and on its port, for whoever waits for it."""

    @property
    def socket(self) -> str:
        """The path of the socket."""
        return os.path.join(self.folder, "http.sock")

    def _arguments(self) -> list[str]:
        listen = [f"tcp:{self.port}:interface=127.0.0.1", f"unix:{self.socket}:mode=660"]
        ends = [argument for one in listen for argument in ("--listen", one)]
        return [*ends, "--storage", self.storage, "--trusted-proxy", "unix", *self.options]


class ProxyCase(ServerCase):
    """A server behind a proxy, and curl in front of it."""

    kind: type[Proxy]
    base = "/files"
    tls = False
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        options = ["--anonymous", "full", "--trusted-proxy", "127.0.0.1", "--access-log", "access", *self.options]
        self.server = self.serve(*options, "--base-path", self.base)
        self.proxy = self.proxy_for(self.server.port)

    def proxy_for(self, backend: int | str) -> Proxy:
        """Start the proxy in front of a port or a socket."""
        proxy = self.kind(scratch_folder(self), backend=backend, base=self.base, tls=self.tls)
        self.addCleanup(proxy.end)
        self.url = proxy.url + self.base
        return proxy

    def run_program(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            arguments,
            input=stdin,
            capture_output=True,
            timeout=PATIENCE,
            cwd=self.server.folder,
            env=self.environment,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which programs know nginx's certificate."""
        return {**os.environ, "CURL_CA_BUNDLE": self.proxy.certificate if self.tls else ""}

    def curl(self, *arguments: str, path: str = "/", stdin: bytes | None = None) -> tuple[int, bytes]:
        """Run curl; tells the status of the last answer and the body, where it isn't saved."""
        return self.curl_at(urljoin(f"{self.url}/", "." + path), *arguments, stdin=stdin)

    def curl_at(self, url: str, *arguments: str, stdin: bytes | None = None) -> tuple[int, bytes]:
        done = self.run_program("curl", "-sS", "-w", "%{stderr}%{http_code}", *arguments, url, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stderr[-3:]), done.stdout

    def store(self, name: str, content: bytes) -> None:
        path = os.path.join(self.server.storage, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def stored(self, name: str) -> bytes:
        with open(os.path.join(self.server.storage, name), "rb") as file:
            return file.read()

    def offset(self, name: str) -> int:
        return int(json.loads(self.curl(path=f"/api/upload/offset?name={name}")[1])["offset"])

    def connection(self) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=PATIENCE)
        if not self.tls:
            return plain
        context = ssl.create_default_context(cafile=self.proxy.certificate)
        return context.wrap_socket(plain, server_hostname="localhost")

    def access_log(self) -> list[bytes]:
        """Give the lines of the server's access log so far; it is written behind the answers."""
        try:
            with open(os.path.join(self.server.folder, "access"), "rb") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def begun(self) -> list[int]:
        """Tell at which offsets chunks have begun, from the server's log."""
        chunks = (line for line in self.access_log() if b"/api/upload/chunk?" in line)
        return [int(found[1]) for line in chunks if (found := re.search(rb"[?&]offset=(\d+)", line))]
