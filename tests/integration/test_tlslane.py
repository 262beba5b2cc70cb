"""TLS with OpenSSL at the socket against twisted's way: the same requests to two processes, and many at once."""

import contextlib
import hashlib
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import Authority
from tests.integration.daemon import PATIENCE, until
from tests.integration.server import Server
from tests.integration.test_lanes import FILES, HEADERS, OWN, LanesCase, alike
from tests.integration.wire import Connection, head
from tests.scratch import scratch_folder

MIB = 1 << 20
FILES_OWN = re.compile(rb"\r\n(?:etag|last-modified): [^\r]*", re.IGNORECASE)
"""What is each new file's own."""


def trusting() -> ssl.SSLContext:
    """Make a client's context that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class SecureConnection(Connection):
    """The raw connection, over TLS."""

    def __init__(self, port: int, *, receive_buffer: int = 0, version: ssl.TLSVersion | None = None) -> None:
        super().__init__(port, receive_buffer=receive_buffer)
        self.plain = self.socket
        context = trusting()
        if version is not None:
            context.minimum_version = context.maximum_version = version
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=False)


class TlsLaneCase(LanesCase):
    """Two servers that speak TLS, with one certificate."""

    def two(self, *options: str) -> tuple[Server, Server]:
        """Start them; both on a port where either is spoken."""
        self.folder = scratch_folder(self)
        cert, key = Authority().issue().write(self.folder)
        return super().two("--https", "--cert", cert, "--key", key, "--anonymous", "full", *options)

    def dial(self, server: Server, **options: Any) -> SecureConnection:
        """Connect over TLS, to be closed after the test."""
        made = SecureConnection(server.port, **options)
        self.addCleanup(made.close)
        return made


class SameAnswers(TlsLaneCase):
    """Every byte, and how the connection ends."""

    def test_reading(self) -> None:
        """Small and large files, ranges, HEAD and refusals, by either version."""
        servers = self.two()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            both = [self.dial(server, version=version) for server in servers]
            for target in ("/small.bin", "/large", "/above", "/text.txt", "/empty", "/none", "/%2e%2e/x", "/out"):
                for method in ("GET", "HEAD"):
                    for more in HEADERS:
                        request = head(method, target, headers=more)
                        one, other = (self.answers(connection, request) for connection in both)
                        self.assertEqual(one, other, request)

    def test_streams(self) -> None:
        """Pipelined, early and broken: all that comes until the close, and that the close is a proper one."""
        servers = self.two()
        get, close = head("GET", "/small.bin"), {"Connection": "close"}
        last = head("GET", "/small.bin", headers=close)
        streams = (
            get * 20 + last,
            get + head("GET", "/large") + get + head("GET", "/large", headers={"Range": "bytes=5-70000", **close}),
            head("PUT", "/new", length=200_000) + b"x" * 200_000 + last,
            head("PUT", "/%2e%2e/no", length=90_000_000) + b"x" * 50_000,
            head("PUT", "/edge", length=10) + b"0123456789" + last,  # no other stream reads what this one replaces
            b"GET / HTTP/1.1\r\n\r\n" + get,
            b"GET /small.bin HTTP/1.0\r\n\r\n",
            b"PUT /c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + get,
            os.urandom(300) + b"\r\n\r\n",
        )
        opened = []
        for stream in streams:  # all at once: some are closed after 5 s
            opened.append([self.dial(server) for server in servers])
            for connection in opened[-1]:
                connection.send(stream)
        for stream, both in zip(streams, opened, strict=True):
            found = [alike(FILES_OWN.sub(b"", OWN.sub(b"", connection.rest()))) for connection in both]
            self.assertEqual(*found, stream[:100])

    def test_upload(self) -> None:
        """50 MiB are asked for before they are sent, and stored as they are."""
        content = random.Random(5).randbytes(50 * MIB)
        found = []
        for server in self.two():
            connection = self.dial(server)
            connection.send(head("PUT", "/up", length=len(content), headers={"Expect": "100-continue"}))
            self.assertEqual(connection.answer().status, 100)
            connection.send(content)
            answer = connection.answer()
            found.append((answer.status, answer.body))
            with open(f"{server.storage}/up", "rb") as file:
                self.assertTrue(file.read() == content)
        self.assertEqual(found[0], found[1])

    def test_goodbye_first(self) -> None:
        """A client that ends TLS while its download runs gets a proper end from either, and nothing more."""
        for server in self.two():
            connection = self.dial(server, receive_buffer=65536)
            connection.send(head("GET", "/large"))
            connection.socket.recv(1000)
            with contextlib.suppress(ssl.SSLError):
                connection.socket.unwrap()  # type: ignore[attr-defined]
            self.assertEqual(self.dial(server).request("GET", "/small.bin").body, FILES["small.bin"])

    def test_slow_reader(self) -> None:
        """A client that reads little by little gets it whole."""
        for server in self.two():
            connection = self.dial(server, receive_buffer=4096)
            connection.send(head("GET", "/large", headers={"Connection": "close"}))
            hashed, count = hashlib.sha256(), 0
            body = connection.head_only()
            length = int(body.headers["content-length"])
            kept = connection._kept
            hashed.update(kept)
            count = len(kept)
            while count < length:
                piece = connection.socket.recv(3000 if count % 5 else 60_000)
                hashed.update(piece)
                count += len(piece)
            self.assertEqual(hashed.digest(), hashlib.sha256(FILES["large"]).digest())


class ManyTests(TlsLaneCase):
    def test_handshakes(self) -> None:
        """Two hundred clients that begin at once are all served."""
        for server in self.two():
            waiting = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(200)]
            failed: list[Exception] = []

            def serve(raw: socket.socket, failed: list[Exception] = failed) -> None:
                try:
                    with trusting().wrap_socket(raw, server_hostname="localhost") as wrapped:
                        wrapped.sendall(head("GET", "/small.bin", headers={"Connection": "close"}))
                        data = b""
                        while piece := wrapped.recv(65536):
                            data += piece
                    assert data.endswith(FILES["small.bin"])
                except Exception as error:
                    failed.append(error)

            threads = [threading.Thread(target=serve, args=(raw,)) for raw in waiting]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
            self.assertEqual(failed, [])

    def test_exchange_under_load(self) -> None:
        """While many connect, the certificate changes: nobody fails, and in the end all have the new one."""
        server = self.two()[0]
        stopped, failed, served = threading.Event(), [], [0]

        def load() -> None:
            while not stopped.is_set():
                try:
                    connection = SecureConnection(server.port)
                    with connection.socket:
                        assert connection.request("GET", "/above").body == FILES["above"]
                    served[0] += 1
                except Exception as error:
                    failed.append(error)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            before = server.log.count(b"another certificate"), served[0]
            issued = Authority().issue()
            issued.write(self.folder)
            os.kill(server.pid, signal.SIGHUP)
            until(lambda: server.log.count(b"another certificate") > before[0], "the exchange")  # noqa: B023
            until(lambda: served[0] > before[1] + 4, "some requests")  # noqa: B023
        stopped.set()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(failed, [])
        shown = self.dial(server).socket.getpeercert(binary_form=True)  # type: ignore[attr-defined]
        self.assertEqual(shown, issued.chain[0].public_bytes(Encoding.DER))

    def test_idle(self) -> None:
        """An idle connection takes no more memory than by the ordinary way."""
        grown = []
        for server in self.two():
            connections = [self.dial(server) for _ in range(30)]
            # What pages are made with is imported a second after the start, and else would count for one of the two.
            self.assertEqual(connections[0].request("GET", "/", headers={"Accept": "text/html"}).status, 200)
            with server.watched() as watch:
                for _ in range(200):
                    connections.append(self.dial(server))
                    self.assertEqual(connections[-1].request("GET", "/small.bin").status, 200)
                time.sleep(0.3)
            grown.append(watch.growth / 200)
        self.measured(
            f"an idle connection takes {grown[0] / 1024:.1f} kB, by the ordinary way {grown[1] / 1024:.1f}"
        )
        self.assertLess(grown[0], grown[1] + 4096)

    def test_openssl(self) -> None:
        """OpenSSL's own client gets in by either version, with one request and its end right behind it."""
        server = self.two()[0]
        for version in ("-tls1_2", "-tls1_3"):
            done = subprocess.run(
                ["openssl", "s_client", "-quiet", "-ign_eof", version, "-connect", f"127.0.0.1:{server.port}"],
                input=head("GET", "/text.txt", headers={"Connection": "close"}),
                capture_output=True,
                timeout=PATIENCE,
            )
            self.assertTrue(done.stdout.endswith(FILES["text.txt"]), done)
