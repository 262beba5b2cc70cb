"""Rules of HTTPS as real clients find them: curl, and Python's ssl where curl is too polite."""

import contextlib
import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from peerstor.daemon.selfsigned import SelfSigned
from tests.certificates import Authority
from tests.integration.daemon import PATIENCE, until
from tests.integration.server import Server, ServerCase, free_port
from tests.integration.test_curl import RESUME, bytes_of
from tests.scratch import scratch_folder

MIB = 1 << 20
PIN = re.compile(rb"^Key: (sha256//\S+)", re.MULTILINE)
HEAD_TIMEOUT = 10.0


class SecureCase(ServerCase):
    """Servers that speak HTTPS on their port, and curl."""

    way: tuple[str, ...] = ()
    """Options by which they take the lane of TLS, or don't."""

    def setUp(self) -> None:
        self.folder = scratch_folder(self)

    def secure(self, *options: str, start: bool = True) -> Server:
        """Start a server with HTTPS on its port."""
        return self.serve("--https", "--anonymous", "full", *self.way, *options, start=start)

    def url(self, server: Server, path: str = "/") -> str:
        return f"https://127.0.0.1:{server.port}{path}"

    def pin(self, server: Server) -> str:
        """Give the key's fingerprint as the server tells it last."""
        return PIN.findall(server.log)[-1].decode()

    def run_curl(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["curl", "-sS", "-w", "%{stderr}%{http_code}", *arguments],
            input=stdin,
            capture_output=True,
            timeout=PATIENCE,
            cwd=self.folder,
        )

    def curl(self, *arguments: str, stdin: bytes | None = None) -> tuple[int, bytes]:
        """Run curl; tells the status and the body."""
        done = self.run_curl(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stderr[-3:]), done.stdout

    def connect_tls(self, port: int) -> ssl.SSLSocket:
        """Connect as a client that trusts everybody."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        raw = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        wrapped = context.wrap_socket(raw, server_hostname="localhost")
        self.addCleanup(wrapped.close)
        return wrapped


class HandshakeTests(SecureCase):
    def test_versions(self) -> None:
        """curl gets in with TLS 1.3 and with 1.2, by HTTP/1.1 though it would rather have 2, and not with 1.1."""
        server = self.secure()
        for version in ("1.2", "1.3"):
            done = self.run_curl("-kv", "--http2", f"--tlsv{version}", "--tls-max", version, self.url(server))
            self.assertIn(f"SSL connection using TLSv{version} / ".encode(), done.stderr)
            self.assertIn(b"server accepted http/1.1", done.stderr)
            self.assertTrue(done.stderr.endswith(b"200"), done.stderr)
        old = ("--tlsv1.0", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0")
        done = self.run_curl("-k", *old, self.url(server))
        self.assertEqual(done.returncode, 35)
        self.assertIn(b"alert protocol version", done.stderr)

    def test_own_certificate(self) -> None:
        """With a certificate of one's own it is the whole chain that is sent, and any name may be asked for."""
        authority = Authority()
        cert, key = authority.issue().write(self.folder)
        server = self.secure("--cert", cert, "--key", key)
        ca = authority.write(self.folder)
        self.assertEqual(self.curl("--cacert", ca, self.url(server))[0], 200)
        other = f"https://other.example:{server.port}/"
        resolve = f"other.example:{server.port}:127.0.0.1"
        self.assertEqual(self.curl("-k", "--resolve", resolve, "-H", "Host: localhost", other)[0], 200)
        done = self.run_curl("--cacert", ca, "--resolve", resolve, other)
        self.assertEqual(done.returncode, 60)

    def test_pinned_key(self) -> None:
        """Of the certificate that the server makes, curl takes the fingerprint as it was printed, and no other."""
        server = self.secure()
        self.assertEqual(self.curl("-k", "--pinnedpubkey", self.pin(server), self.url(server))[0], 200)
        wrong = "sha256//" + "A" * 43 + "="
        self.assertEqual(self.run_curl("-k", "--pinnedpubkey", wrong, self.url(server)).returncode, 90)

    def test_made_once_and_renewed(self) -> None:
        """After a restart the certificate is the same; when it is due, it is another with the same key."""
        server = self.secure()
        first, pin = self.certificate(server), self.pin(server)
        server.stop()
        server.start()
        self.assertEqual(self.certificate(server), first)
        server.stop()
        self.make_due(server)
        server.start()
        self.assertNotEqual(self.certificate(server), first)
        self.assertEqual(self.pin(server), pin)
        self.assertEqual(self.curl("-k", "--pinnedpubkey", pin, self.url(server))[0], 200)

    def certificate(self, server: Server) -> bytes | None:
        return self.connect_tls(server.port).getpeercert(binary_form=True)

    def make_due(self, server: Server) -> None:
        """Have the server's certificate be one of last year, made by its own hand."""
        private = os.fsencode(server.storage) + b"/.peerstor"
        with open(private + b"/instance") as file:
            instance = file.read().strip()
        before = time.time() - 380 * 86400
        old = SelfSigned(folder=private, instance_id=instance, names=lambda: ["localhost"], wall=lambda: before)
        pin = old.load().pin  # makes it anew: the present one doesn't hold yet, for a clock of last year
        self.assertEqual(pin, self.pin(server))

    def test_in_clear(self) -> None:
        """On the port of HTTPS plain HTTP is told apart: curl -L gets the file, PUT is refused with the address."""
        server = self.secure()
        with open(f"{server.storage}/file", "wb") as file:
            file.write(b"content")
        plain = f"http://127.0.0.1:{server.port}/file"
        self.assertEqual(self.curl(plain)[0], 307)
        self.assertEqual(self.curl("-kL", plain), (200, b"content"))
        status, body = self.curl("-T", "-", plain, stdin=b"x" * 3_000_000)
        self.assertEqual(status, 403)
        self.assertIn(self.url(server, "/file").encode(), body)
        self.curl("-H", "Authorization: Bearer s3cr3t-s3cr3t", plain)
        self.assertIn(b"127.0.0.1 sent a token or session in clear", server.log)
        self.assertNotIn(b"s3cr3t", server.log)

    def test_beside_plain(self) -> None:
        """With --https-port, plain HTTP stays where it was, each has its line, and TLS is spoken on its own port."""
        port = free_port()
        server = self.serve("--https-port", str(port), *self.way)
        lines = [line for line in server.log.splitlines() if line.startswith(b"Access at")]
        self.assertEqual(
            lines,
            [b"Access at: http://127.0.0.1:%d" % server.port, b"Access at: https://127.0.0.1:%d" % port],
        )
        self.assertEqual(self.curl(f"http://127.0.0.1:{server.port}/")[0], 200)
        self.assertEqual(self.curl("-k", f"https://127.0.0.1:{port}/")[0], 200)
        self.assertNotEqual(self.run_curl(f"http://127.0.0.1:{port}/").returncode, 0)

    def test_refused_at_start(self) -> None:
        """A certificate that can't be used is one line and an exit status, before anything is served."""
        authority = Authority()
        cert, _ = authority.issue().write(self.folder)
        _, other = authority.issue().write(self.folder, "other")
        for options, words in (
            (("--cert", "/absent"), b"The certificate /absent can't be read"),
            (("--cert", cert), b"holds no private key"),
            (("--cert", cert, "--key", other), b"isn't that of the first certificate"),
        ):
            server = self.secure(*options, start=False)
            server.release()
            assert server.process is not None
            self.assertEqual(server.process.wait(PATIENCE), 1)
            (line,) = (line for line in server.log.splitlines() if line.startswith(b"peerstor: "))
            self.assertIn(words, line)

    def test_expired(self) -> None:
        """A certificate that has expired is served, with a warning."""
        cert, key = Authority().issue(days=-1).write(self.folder)
        server = self.secure("--cert", cert, "--key", key)
        self.assertIn(b"expired on", server.log)
        self.assertEqual(self.curl("-k", self.url(server))[0], 200)


class HangUpTests(SecureCase):
    def hang_up(self, server: Server, words: bytes) -> None:
        """Send SIGHUP and wait for something in the log."""
        count = server.log.count(words)
        os.kill(server.pid, signal.SIGHUP)
        until(lambda: server.log.count(words) > count, words.decode())

    def test_new_certificate(self) -> None:
        """A new certificate is taken over while a download runs, which ends whole; one that is broken is not."""
        authority = Authority()
        cert, key = authority.issue().write(self.folder)
        server = self.secure("--cert", cert, "--key", key)
        content = bytes_of(1, 24 * MIB)
        with open(f"{server.storage}/file", "wb") as file:
            file.write(content)
        ca, first = authority.write(self.folder), self.pin(server)
        slow = subprocess.Popen(
            ["curl", "-sS", "--cacert", ca, "--limit-rate", "4M", "-o", "got", self.url(server, "/file")],
            cwd=self.folder,
        )
        got = os.path.join(self.folder, "got")
        until(lambda: os.path.exists(got) and os.path.getsize(got) > MIB, "the first bytes")
        authority.issue().write(self.folder)
        self.hang_up(server, b"new connections get another certificate")
        self.assertIsNone(slow.poll())
        second = self.pin_in_log(server)
        self.assertNotEqual(second, first)
        self.assertEqual(self.curl("--cacert", ca, "--pinnedpubkey", second, self.url(server))[0], 200)
        with open(key, "wb") as file:
            file.write(b"junk")
        self.hang_up(server, b"The certificate stays as it is")
        self.assertEqual(self.curl("--cacert", ca, "--pinnedpubkey", second, self.url(server))[0], 200)
        self.assertEqual(slow.wait(PATIENCE), 0)
        with open(got, "rb") as file:
            self.assertTrue(file.read() == content)

    def pin_in_log(self, server: Server) -> str:
        return re.findall(rb"another certificate. Key: (sha256//\S+)", server.log)[-1].decode()

    def test_without_https(self) -> None:
        """SIGHUP ends nothing where there is no certificate either, also while the server stops."""
        server = self.serve()
        for _ in range(3):
            self.hang_up(server, b"(SIGHUP)")
        self.assertEqual(self.curl(server.url)[0], 200)
        busy = self.connect(server)
        busy.send(b"PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: b"shutting down" in server.log, "the stop to begin")
        os.kill(server.pid, signal.SIGHUP)
        assert server.process is not None
        self.assertIn(server.process.wait(PATIENCE), (-signal.SIGTERM, 0))


class BadClientTests(SecureCase):
    def test_garbage(self) -> None:
        """Whatever clients send or leave out, nobody's trace is in the log, and others are served."""
        port = free_port()
        self.serve("--https-port", str(port), "--anonymous", "full", *self.way)
        hello = self.hello()
        for data in (b"", b"\x16", b"\x16\x03\x01", os.urandom(1000), b"\x16" * 40_000, b"GET / HTTP/1.1\r\n\r\n"):
            for cut in (data, hello[:50] + data, hello + data):
                for reset in (False, True):
                    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw:
                        with contextlib.suppress(OSError):
                            raw.sendall(cut)
                        if reset:
                            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.assertEqual(self.curl("-k", f"https://127.0.0.1:{port}/")[0], 200)

    def hello(self) -> bytes:
        """Give what a client says first."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        return outgoing.read()

    def test_other_protocol(self) -> None:
        """A client that speaks no HTTP/1.1 is told so by TLS itself."""
        server = self.secure()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        with raw, self.assertRaisesRegex(ssl.SSLError, "no application protocol"):
            context.wrap_socket(raw, server_hostname="localhost")
        self.assertEqual(self.curl("-k", self.url(server))[0], 200)

    def test_no_goodbye(self) -> None:
        """A client that goes without ending TLS, in the middle of a download or an upload, leaves no trace."""
        server = self.secure()
        with open(f"{server.storage}/big", "wb") as file:
            file.truncate(64 * MIB)
        for request in (
            b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"PUT /new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n12345",
            b"GET /",
            b"",
        ):
            for reset in (False, True):
                client = self.connect_tls(server.port)
                client.sendall(request)
                if request.startswith(b"GET /big"):
                    client.recv(10_000)
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                socket.socket.close(client)
        self.assertEqual(self.curl("-k", self.url(server))[0], 200)

    @pytest.mark.slow
    def test_who_waits(self) -> None:
        """A client that says nothing, or begins TLS and stops, is closed after 10 s."""
        server = self.secure()
        began, waiting = time.monotonic(), []
        for data in (b"", b"\x16", self.hello()[:100]):
            waiting.append(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            waiting[-1].sendall(data)
        for one in waiting:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(one.recv(100), b"")
            self.assertApproximates(time.monotonic() - began, HEAD_TIMEOUT, 3)
            one.close()

    def test_stop(self) -> None:
        """At the end, those who have said nothing, are idle, or don't end TLS for their part hold nothing up."""
        server = self.secure("--drain", "20")
        with socket.create_connection(("127.0.0.1", server.port)) as silent:
            idle = self.connect_tls(server.port)
            idle.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b" 200 ", idle.recv(1000))
            began = time.monotonic()
            server.stop()
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual(silent.recv(10), b"")

    def test_limit(self) -> None:
        """Connections that have said nothing yet count towards the limit of an address."""
        server = self.secure("--max-connections-per-address", "3")
        waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        self.assertEqual(self.curl("-k", self.url(server))[0], 429)
        for one in waiting:
            one.close()
        until(lambda: self.curl("-k", self.url(server))[0] == 200, "room")


class OrdinaryHandshakeTests(HandshakeTests):
    """The same by the ordinary way."""

    way = ("--no-fast-lanes",)


class OrdinaryBadClientTests(BadClientTests):
    """The same by the ordinary way."""

    way = ("--no-fast-lanes",)


class OrdinaryHangUpTests(HangUpTests):
    """The same by the ordinary way."""

    way = ("--no-fast-lanes",)


@pytest.mark.slow
class TransferTests(SecureCase):
    def test_large(self) -> None:
        """256 MiB go up and down whole over either version, and grow the server by less than 24 MiB."""
        server = self.secure()
        source = os.path.join(self.folder, "source")
        piece = bytes_of(2, MIB)
        with open(source, "wb") as file:
            for number in range(256):
                file.write(number.to_bytes(8, "big") + piece[8:])
        self.curl("-k", "-T", source, self.url(server, "/warm"))
        for version in ("1.2", "1.3"):
            options = ("-k", f"--tlsv{version}", "--tls-max", version)
            for what, arguments in (
                ("up", ("-T", source, self.url(server, f"/{version}"))),
                ("down", ("-o", f"got-{version}", self.url(server, f"/{version}"))),
            ):
                began = time.monotonic()
                with server.watched() as watch:
                    self.assertIn(self.curl(*options, *arguments)[0], (200, 201))
                rate = 256 / (time.monotonic() - began)
                self.measured(f"TLS {version} {what}: {rate:.0f} MiB/s, grew by {watch.growth / MIB:.1f} MiB")
                self.assertLess(watch.growth, 24 * MIB)
            self.assertEqual(_digest(os.path.join(self.folder, f"got-{version}")), _digest(source))

    def test_slow_readers(self) -> None:
        """Fifty clients that hardly read a large file over TLS grow the server by less than 1 MiB each."""
        server = self.secure()
        with open(f"{server.storage}/big", "wb") as file:
            file.truncate(1 << 30)
        self.curl("-k", "-r", "0-1000000", "-o", "/dev/null", self.url(server, "/big"))
        with server.watched() as watch:
            readers = [self.connect_tls(server.port) for _ in range(50)]
            for reader in readers:
                reader.sendall(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _ in range(20):
                for reader in readers:
                    self.assertTrue(reader.recv(512))
                time.sleep(0.1)
        self.measured(f"50 slow readers grew it by {watch.growth / MIB:.1f} MiB")
        self.assertLess(watch.growth, 50 * MIB)
        self.assertEqual(self.curl("-k", self.url(server))[0], 200)

    def test_resume(self) -> None:
        """The README's script uploads over HTTPS with a pinned key, the server killed in the middle of it."""
        server = self.secure()
        content = bytes_of(3, 40_000_000)
        with open(os.path.join(self.folder, "file"), "wb") as file:
            file.write(content)
        with open(os.path.join(self.folder, ".curlrc"), "w") as file:
            file.write(f"insecure\npinnedpubkey = {self.pin(server)}\nlimit-rate = 10M\n")
        script = subprocess.Popen(
            ["/bin/sh", RESUME, os.path.join(self.folder, "file"), self.url(server).rstrip("/")],
            cwd=self.folder,
            env={**os.environ, "CURL_HOME": self.folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(script.communicate)
        self.addCleanup(script.kill)
        server.warm()
        parts = f"{server.storage}/.peerstor/parts"
        until(lambda: sum(os.path.getsize(f"{parts}/{name}") for name in os.listdir(parts)) > 5_000_000, "bytes")
        server.kill()
        server.start()
        out, err = script.communicate(timeout=PATIENCE)
        self.assertEqual(script.returncode, 0, (out, err))
        with open(f"{server.storage}/file", "rb") as file:
            self.assertTrue(file.read() == content)


def _digest(path: str) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
