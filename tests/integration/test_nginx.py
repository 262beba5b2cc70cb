"""A server behind a real nginx, below a path and without one, over HTTP and TLS."""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
from html import unescape
from urllib.parse import urljoin, urlsplit

from tests.integration.behind import MIB, RESUME, LocalServer, ProxyCase, bytes_of
from tests.integration.daemon import PATIENCE, until
from tests.integration.nginx import BareNginx, Nginx
from tests.scratch import scratch_folder


class SubPathTests(ProxyCase):
    """Below a path, over plain HTTP."""

    kind = Nginx

    def test_links(self) -> None:
        """Whoever follows the links of every page from the top gets every file back, whatever its name."""
        names = [
            "plain.txt",
            "a b+c&d=e#f?g.txt",
            "100%.txt",
            "%41",
            "ü/漢字.txt",
            "api/x",
            "-/y",
            "deep/er/z",
            "a;b",
        ]
        for name in names:
            self.store(name, name.encode())
        found, waiting, seen = [], [f"{self.url}/"], set()
        while waiting:
            url = waiting.pop()
            seen.add(url)
            status, body = self.curl_at(url, "-H", "Accept: text/html")
            self.assertEqual(status, 200, url)
            if not url.endswith("/"):
                found.append(body.decode())
                continue
            for href in re.findall(r'<th scope=row[^>]*><a[^>]* href="([^"]+)"', body.decode()):
                self.assertTrue(href.startswith(f"{self.base}/"), href)
                waiting.append(urljoin(url, unescape(href)))
        self.assertEqual(sorted(found), sorted(names))

    def test_page_and_its_files(self) -> None:
        """A page's style and scripts come by the same way."""
        _, page = self.curl("-H", "Accept: text/html")
        addresses = re.findall(r'(?:src|href)="([^"]*/-/static/[^"]+)"', page.decode())
        self.assertGreater(len(addresses), 2)
        for address in addresses:
            self.assertEqual(self.curl_at(urljoin(self.url, address))[0], 200, address)

    def test_folder_without_slash(self) -> None:
        """The way to a folder's own address keeps scheme, host, port and path."""
        self.store("folder/x", b"x")
        done = self.run_program(
            "curl", "-sS", "-L", "-o", "/dev/null", "-w", "%{num_redirects} %{url_effective} %{http_code}",
            f"{self.url}/folder?sort=size",
        )  # fmt: skip
        self.assertEqual(done.stdout.decode(), f"1 {self.url}/folder/?sort=size 200")

    def test_top_without_slash(self) -> None:
        """So does the way from the path itself."""
        done = self.run_program(
            "curl", "-sS", "-L", "-o", "/dev/null", "-w", "%{url_effective} %{http_code}", self.url
        )
        self.assertEqual(done.stdout.decode(), f"{self.url}/ 200")

    def test_range(self) -> None:
        """Downloads go on where they stopped, and a range is just that."""
        content = bytes_of(1, 3_000_000)
        self.store("file.bin", content)
        self.assertEqual(self.curl("-r", "10-19", path="/file.bin"), (206, content[10:20]))
        with open(os.path.join(self.server.folder, "half"), "wb") as half:
            half.write(content[:1_234_567])
        self.assertEqual(self.curl("-C", "-", "-o", "half", path="/file.bin")[0], 206)
        with open(os.path.join(self.server.folder, "half"), "rb") as half:
            self.assertTrue(half.read() == content)

    def test_form(self) -> None:
        """A browser's form stores its files, and leads back to the folder."""
        self.store("folder/x", b"x")
        origin = f"Origin: {self.proxy.url}"
        done = self.run_program(
            "curl", "-sS", "-L", "-H", origin, "-H", "Accept: text/html", "-F", "file=@-;filename=a ü.bin",
            "-o", "/dev/null", "-w", "%{url_effective} %{http_code}", f"{self.url}/folder/", stdin=bytes_of(2, 70_000),
        )  # fmt: skip
        self.assertEqual(done.stdout.decode(), f"{self.url}/folder/ 200")
        self.assertTrue(self.stored("folder/a ü.bin") == bytes_of(2, 70_000))

    def test_other_sites(self) -> None:
        """A page of another site is refused, also one on the same host with another scheme or port."""
        other = "http" if self.tls else "https"
        for origin in (
            "https://evil.example",
            f"{other}://localhost:{self.proxy.port}",
            "http://localhost:1",
            "null",
        ):
            if origin.startswith("https://localhost") and not self.tls:
                continue  # a proxy before the proxy may have taken TLS off
            status, _ = self.curl("-H", f"Origin: {origin}", "-T", "-", path="/new", stdin=b"x")
            self.assertEqual(status, 403, origin)

    def test_put(self) -> None:
        """PUT tells the address that the file has now."""
        status, head = self.curl("-T", "-", "-D", "-", path="/new%20file", stdin=b"content")
        self.assertEqual(status, 201)
        location = re.search(rb"(?im)^location: (\S+)", head)
        assert location is not None
        self.assertEqual(self.curl_at(urljoin(self.proxy.url, location[1].decode())), (200, b"content"))

    def test_large(self) -> None:
        """An upload of more than 100 MiB goes through, and the proxy keeps none of it."""
        size = 130 * MIB
        source = os.path.join(self.server.folder, "large")
        digest = hashlib.sha256()
        with open(source, "wb") as file:
            for seed in range(size // MIB):
                file.write(piece := bytes_of(seed, MIB))
                digest.update(piece)
        self.assertEqual(self.curl("-T", source, path="/large")[0], 201)
        self.assertEqual(hashlib.sha256(self.stored("large")).digest(), digest.digest())
        self.assertNotIn("buffered to a temporary file", self.proxy.log)  # nginx's own words

    def test_resumable(self) -> None:
        """The README's script brings a file over, though the server is killed in the middle of it."""
        content = bytes_of(4, 48 * MIB)
        for name, data in (("source.bin", content), (".curlrc", b"limit-rate = 16M\n")):
            with open(os.path.join(self.server.folder, name), "wb") as file:
                file.write(data)
        environment = {**self.environment, "HOME": self.server.folder}
        with subprocess.Popen(
            ["sh", RESUME, "source.bin", self.url], cwd=self.server.folder, env=environment, stdout=subprocess.PIPE
        ) as process:
            until(lambda: self.offset("source.bin") > 5 * MIB, "a part of the file")
            self.server.kill()
            os.unlink(os.path.join(self.server.folder, ".curlrc"))
            self.server.start()
            self.assertGreater(self.offset("source.bin"), 5 * MIB)
            output, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, output)
        told = json.loads(output)
        self.assertEqual((told["status"], told["href"]), ("ok", f"{self.base}/source.bin"))
        self.assertTrue(self.stored("source.bin") == content)

    def test_cut(self) -> None:
        """What arrived before a cut counts: nginx passes it on as it comes."""
        body = bytes_of(3, 4 * MIB)
        sent = 3 * MIB
        with self.connection() as connection:
            connection.sendall(
                b"POST %s/api/upload/chunk?name=cut&offset=0&session=s HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: %d\r\n\r\n"
                % (self.base.encode(), self.proxy.port, len(body))
            )
            connection.sendall(body[:sent])
            until(lambda: self.offset("cut") >= sent - self.kind.withheld, "what was sent before the cut")
        arrived = self.offset("cut")
        query = f"name=cut&offset={arrived}&session=s"
        status, told = self.curl("--data-binary", "@-", path=f"/api/upload/chunk?{query}", stdin=body[arrived:])
        self.assertEqual((status, json.loads(told)["nextOffset"]), (200, len(body)))
        self.assertEqual(self.curl("-X", "POST", path=f"/api/upload/complete?name=cut&size={len(body)}")[0], 200)
        self.assertTrue(self.stored("cut") == body)

    expecting = ""
    """A field of the head by which the proxy has to be asked for an early refusal."""

    def test_refused_early(self) -> None:
        """A refusal reaches the client before it has sent all, as it does without a proxy.

        The client goes on sending until then, as each does: Caddy doesn't answer while it waits for more.
        """
        sent = 0
        with self.connection() as connection:
            connection.sendall(
                f"POST {self.base}/api/upload/chunk?name=new&offset=7 HTTP/1.1\r\nHost: localhost:{self.proxy.port}\r\n"
                f"Content-Length: {300 * MIB}\r\n{self.expecting}\r\n".encode()
            )
            answer = b""
            while b"offset_mismatch" not in answer:
                connection.settimeout(PATIENCE if self.expecting else 0.05)
                try:
                    received = connection.recv(4096)
                except TimeoutError:
                    self.assertLess(sent, 10 * MIB)
                    connection.settimeout(PATIENCE)
                    connection.sendall(bytes(64 * 1024))
                    sent += 64 * 1024
                    continue
                self.assertTrue(received, answer)
                answer += received
        self.assertTrue(answer.startswith(b"HTTP/1.1 409 "), answer)

    def test_client(self) -> None:
        """The access log names the client as the proxy sees it; what a client says of itself counts for nothing."""
        claims = [
            "X-Forwarded-For: 198.51.100.1",
            "X-Forwarded-Host: evil.example",
            "Forwarded: for=198.51.100.2;host=evil",
            "X-Request-ID: evil",
        ]
        headers = [argument for claim in claims for argument in ("-H", claim)]
        status, head = self.curl("--interface", "127.0.0.9", *headers, "-D", "-")
        self.assertEqual(status, 200)
        self.assertRegex(head, rb"(?i)\nx-request-id: ")
        self.assertNotIn(b"evil", head)
        until(self.access_log, "the access log")
        self.assertEqual([line.split()[0] for line in self.access_log()], [b"127.0.0.9"])

    def test_many_clients(self) -> None:
        """The limit of connections an address doesn't hold for the proxy, behind which are many clients."""
        self.server.stop()
        self.server.options += ["--max-connections-per-address", "1"]
        self.server.start()
        self.connect(self.server)
        self.connect(self.server)
        self.assertEqual(self.curl()[0], 200)

    def test_sample(self) -> None:
        """The program itself finds nothing wrong with the sample, and nothing to warn of."""
        done = self.run_program(*self.proxy.command(), "-t")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"warn", done.stderr)

    def test_host(self) -> None:
        """A host that we don't know ourselves by is refused through a proxy too."""
        self.assertEqual(self.curl("-H", "Host: evil.example")[0], 421)


class SecureSubPathTests(SubPathTests):
    """Below a path, over TLS, which ends at the proxy."""

    tls = True

    def test_secure(self) -> None:
        """What came over TLS is known to have, so that a page of the same host without it is another site's."""
        status, _ = self.curl(
            "-H", f"Origin: http://localhost:{self.proxy.port}", "-T", "-", path="/x", stdin=b"x"
        )
        self.assertEqual(status, 403)
        status, _ = self.curl(
            "-H", f"Origin: https://localhost:{self.proxy.port}", "-T", "-", path="/x", stdin=b"x"
        )
        self.assertEqual(status, 201)

    def test_session(self) -> None:
        """The cookie of a session is marked as one of TLS, and of our path alone."""
        self.server.stop()
        self.server.options += ["--token", "correct horse battery", "--anonymous", "none"]
        self.server.start()
        jar = os.path.join(self.server.folder, "jar")
        page = ["-b", jar, "-c", jar, "-H", "Accept: text/html", "-L", "-o", "/dev/null"]
        done = self.run_program("curl", "-sS", *page, "-w", "%{url_effective}", f"{self.url}/")
        self.assertEqual(urlsplit(done.stdout.decode()).path, f"{self.base}/-/login")
        fields = ["-d", "token=correct horse battery", "-d", f"next={self.base}/"]
        done = self.run_program(
            "curl", "-sS", *page, *fields, "-w", "%{url_effective} %{http_code}", f"{self.url}/-/login"
        )
        self.assertEqual(done.stdout.decode(), f"{self.url}/ 200")
        with open(jar, encoding="ascii") as file:
            (cookie,) = [line.split("\t") for line in file if "peerstor-" in line]
        self.assertEqual((cookie[2], cookie[3]), (self.base or "/", "TRUE"))
        self.assertTrue(cookie[5].startswith("__Secure-" if self.base else "__Host-"), cookie)
        for secret, status in (("correct horse battery", 200), ("wrong", 401)):
            self.assertEqual(self.curl("-H", f"Authorization: Bearer {secret}")[0], status)
            self.assertEqual(self.curl("-u", f"me:{secret}")[0], status)


class OwnHostTests(SecureSubPathTests):
    """A host name of its own, over TLS."""

    base = ""


class LocalTests(ProxyCase):
    """Through a UNIX socket."""

    kind = Nginx
    tls = True

    def setUp(self) -> None:
        folder = scratch_folder(self)
        self.server = LocalServer(
            folder, "--anonymous", "full", "--access-log", "access", "--base-path", self.base
        )
        self.addCleanup(self.server.end)
        self.server.start()
        self.proxy = self.proxy_for(self.server.socket)

    def test_both_ways(self) -> None:
        """Files come and go, and what the proxy tells of the client is believed."""
        origin = f"Origin: {self.proxy.url}"
        content = bytes_of(5, 3 * MIB)
        self.assertEqual(self.curl("-T", "-", "-H", origin, path="/f", stdin=content)[0], 201)
        self.assertTrue(self.stored("f") == content)
        self.assertEqual(self.curl("--interface", "127.0.0.9", "-r", "5-9", path="/f"), (206, content[5:10]))
        until(lambda: any(line.startswith(b"127.0.0.9 ") for line in self.access_log()), "the access log")


class InterruptedTests(ProxyCase):
    """A large upload that meets both."""

    kind = Nginx
    tls = True

    def test_client_and_proxy_killed(self) -> None:
        """The README's script goes on over a death of its own and one of the proxy; nothing is sent anew."""
        size = 200 * MIB
        digest = hashlib.sha256()
        with open(os.path.join(self.server.folder, "large"), "wb") as file:
            for seed in range(size // (4 * MIB)):
                file.write(piece := bytes_of(seed, 4 * MIB))
                digest.update(piece)
        with open(os.path.join(self.server.folder, ".curlrc"), "wb") as file:
            file.write(b"limit-rate = 25M\n")
        first = self._script()
        until(lambda: self.offset("large") > 20 * MIB, "a part of the file")
        os.killpg(first.pid, signal.SIGKILL)
        self.assertGreater(self.offset("large"), 20 * MIB)
        second = self._script()
        until(lambda: self.offset("large") > 40 * MIB, "more of the file")
        self.proxy.kill()
        before = self._offset_behind()
        self.assertLess(before, size)
        self.proxy.start()
        output, _ = second.communicate(timeout=PATIENCE * 3)
        self.assertEqual(second.returncode, 0, output)
        self.assertEqual(hashlib.sha256(self.stored("large")).digest(), digest.digest())
        until(lambda: any(offset >= before for offset in self.begun()), "a chunk from there on")
        self.assertEqual(self.begun(), sorted(self.begun()))

    def _script(self) -> subprocess.Popen[bytes]:
        environment = {**self.environment, "HOME": self.server.folder}
        script = subprocess.Popen(
            ["sh", RESUME, "large", self.url],
            cwd=self.server.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.addCleanup(self._end, script)
        return script

    @staticmethod
    def _end(script: subprocess.Popen[bytes]) -> None:
        """Leave nothing of it behind, whatever became of the test."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(script.pid, signal.SIGKILL)
        script.communicate()

    def _offset_behind(self) -> int:
        """Ask the server itself, past the proxy."""
        _, body = self.curl_at(f"{self.server.url}{self.base}/api/upload/offset?name=large")
        return int(json.loads(body)["offset"])


class LimitTests(ProxyCase):
    """nginx with nothing set, which keeps bodies and lets 1 MiB of them through."""

    kind = BareNginx
    base = ""
    options = ("--max-request", "1MiB")

    def test_script(self) -> None:
        """The README's script sends no more at once than `--max-request` says."""
        content = bytes_of(6, 5 * MIB + 5)
        with open(os.path.join(self.server.folder, "source.bin"), "wb") as file:
            file.write(content)
        done = self.run_program("sh", RESUME, "source.bin", self.url)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertTrue(self.stored("source.bin") == content)
        until(lambda: len(self.begun()) >= 6, "the access log")
        self.assertEqual(self.begun(), [number * MIB for number in range(6)])
