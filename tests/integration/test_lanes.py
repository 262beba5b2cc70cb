"""The fast lanes against the ordinary ways: the same requests to two servers with the same files."""

import contextlib
import os
import re
import subprocess
import sys
import time
import zlib

from tests.integration.daemon import until
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Connection, head

OWN = re.compile(rb"\r\n(?:date|x-request-id): [^\r]*", re.IGNORECASE)
"""What is each answer's own."""

FILES = {
    "small.bin": os.urandom(4096),
    "text.txt": b"hello \xe2\x82\xac\n" * 40,
    "empty": b"",
    "page.html": b"<p>hi",
    "a/b/deep ü.json": b"{}",
    "edge": os.urandom(64 * 1024),
    "above": os.urandom(64 * 1024 + 1),
    "large": os.urandom(3 * 1024 * 1024 + 5),
}

TARGETS = (
    "/small.bin", "/text.txt", "/empty", "/page.html", "/a/b/deep%20%C3%BC.json", "/edge", "/above", "/large",
    "/small.bin?download", "/small.bin?x=1&y", "/%73mall.bin", "/-/tree/small.bin", "/link", "/way/deep%20%C3%BC.json",
    "/none", "/a", "/a/b/none", "/small.bin/", "/out", "/fifo", "/.peerstor/instance", "/.PEERSTOR/", "/%2e%2e/x",
    "/a/../small.bin", "//small.bin", "/small.bin%00", "/a%2Fb", "/%zz", "/api", "/api/nothing", "/-/nothing",
    "http://127.0.0.1/small.bin", "http://evil.example/small.bin",
)  # fmt: skip

HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Accept-Encoding": "gzip"},
    {"Range": "bytes=1-9"},
    {"Range": "bytes=-5"},
    {"Range": "bytes=0-1,5-7,9999999-"},
    {"Range": "bytes=99999999-"},
    {"If-None-Match": "*"},
    {"If-None-Match": '"x"'},
    {"If-Match": '"x"'},
    {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1:1"},
    {"Cookie": "a=b"},
    {"Origin": "https://evil.example"},
    {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Request-ID": "mine"},
    {"Content-Length": "0"},
)


class LanesCase(ServerCase):
    """Two servers, one with and one without lanes, whose storages have the same files under the same names."""

    def two(self, *options: str) -> tuple[Server, Server]:
        """Start them: the first has lanes, unless this run of the tests has none at all."""
        fast = self.serve(*options, start=False)
        plain = self.serve("--no-fast-lanes", *options, start=False)
        for name, content in FILES.items():
            path = os.path.join(fast.storage, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
            # One file under both, so that inode and time are the same, and with them the entity tag.
            os.makedirs(os.path.dirname(os.path.join(plain.storage, name)), exist_ok=True)
            os.link(path, os.path.join(plain.storage, name))
        for server in (fast, plain):
            os.symlink("small.bin", os.path.join(server.storage, "link"))
            os.symlink("a/b", os.path.join(server.storage, "way"))
            os.symlink("/etc/passwd", os.path.join(server.storage, "out"))
            os.mkfifo(os.path.join(server.storage, "fifo"))
            server.start()
        return fast, plain

    def answers(self, connection: Connection, request: bytes) -> bytes:
        """Send a request three times, each when the last one was answered; give the answers but for their own."""
        found = []
        for _ in range(3):
            connection.send(request)
            found.append(alike(OWN.sub(b"", whole(connection, request))))
        self.assertEqual(found[1:], found[:1] * 2, request)
        return found[0]


def whole(connection: Connection, request: bytes) -> bytes:
    """Read one answer, every byte of it."""
    text = connection._until(b"\r\n\r\n") + b"\r\n\r\n"
    status, lowered = int(text[9:12]), text.lower()
    length = re.search(rb"\r\ncontent-length: (\d+)\r\n", lowered)
    if request.startswith(b"HEAD") or status in (204, 304):
        return text
    if b"\r\ntransfer-encoding: chunked\r\n" in lowered:
        body, _ = connection._chunked()
        return text + body
    assert length is not None, text
    return text + connection._count(int(length[1]))


class SameAnswers(LanesCase):
    """Every byte and header."""

    def test_reading(self) -> None:
        """Whatever is asked, and however often, both ways answer the same."""
        fast, plain = self.two()
        both = [self.connect(fast), self.connect(plain)]
        asked = [(method, target, more) for target in TARGETS for more in HEADERS for method in ("GET", "HEAD")]
        # Whoever comes with a wrong secret is made to wait, so these are few.
        asked += [("GET", "/small.bin", {"Authorization": value}) for value in ("Bearer wrong", "Basic !")]
        for method, target, more in asked:
            request = head(method, target, headers=more)
            with self.subTest(request=request):
                one, other = (self.answers(connection, request) for connection in both)
                self.assertEqual(one, other)


class SameRanges(LanesCase):
    """Ranges of files, with other numbers each time."""

    def test_every_byte(self) -> None:
        """Whatever the numbers and whatever comes with them, both ways answer the same."""
        both = [self.connect(server) for server in self.two()]
        tag = both[0].request("GET", "/large").headers["etag"]
        size = len(FILES["large"])
        numbers = [
            "0-0",
            "1-9",
            f"0-{size - 1}",
            f"{size - 1}-{size - 1}",
            f"{size - 9}-{size + 9}",
            f"{size}-{size}",
        ]
        numbers += ["9-5", "007-0009", "5-", "-5", "0-70000", "65535-65536", "3-999999999999999999", "1-2,5-6"]
        conditions: list[dict[str, str]] = [
            {},
            {"If-Range": tag},
            {"If-Range": '"x"'},
            {"If-None-Match": tag},
            {"If-Match": '"x"'},
        ]
        for target in ("/large", "/above", "/small.bin", "/text.txt", "/page.html", "/link", "/none", "/a"):
            for more in conditions:
                for value in numbers:
                    request = head("GET", target, headers={"Range": f"bytes={value}", **more})
                    one, other = (self.answers(connection, request) for connection in both)
                    self.assertEqual(one, other, request)

    def test_pipelined(self) -> None:
        """What comes while a range is being sent waits for its end: ranges, other requests, the end of the client's."""
        size = len(FILES["large"])
        spans = [(0, 9), (5, size - 1), (1, size - 2), (size - 5, size - 1), (7, 2_000_000), (2, 3)]
        asked = [head("GET", "/large", headers={"Range": f"bytes={first}-{last}"}) for first, last in spans]
        last = head("GET", "/small.bin", headers={"Connection": "close"})
        found = []
        for server in self.two():
            self.connect(server).request("GET", "/large", headers={"Range": "bytes=0-1"})
            connection = self.connect(server)
            connection.send(asked[1])
            connection.send(b"".join(asked) + last)
            found.append(OWN.sub(b"", connection.rest()))
        self.assertEqual(*found)
        self.assertTrue(found[0].endswith(FILES["small.bin"]))

    def test_client_leaves(self) -> None:
        """A client that leaves in the middle of a range leaves nothing behind: no descriptor, no transfer."""
        server = self.two("--metrics-open")[0]
        watching = self.connect(server)
        watching.request("GET", "/large", headers={"Range": "bytes=0-1"})
        held = []
        for number in range(20):
            connection = self.connect(server, receive_buffer=4096)
            connection.send(head("GET", "/large", headers={"Range": f"bytes={number}-{len(FILES['large']) - 1}"}))
            connection.socket.recv(1000)
            held.append(self.held(server, "large"))
            connection.reset()
        self.assertGreater(max(held), 0)
        until(lambda: not self.held(server, "large"), "descriptors that are closed")
        figures = watching.request("GET", "/-/metrics").body.decode()
        self.assertIn('\npeerstor_transfers{direction="down"} 0.0\n', figures)

    def held(self, server: Server, name: str) -> int:
        """How often a server has a file of its storage open."""
        count = 0
        for fd in os.listdir(f"/proc/{server.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(f"/proc/{server.pid}/fd/{fd}") == os.path.join(server.storage, name)
        return count


PLACES = (
    "/{}", "/a/{}", "/a/b/{}.json", "/way/{}", "/-/tree/{}", "/{}?x", "/%6e{}", "/a%2F{}", "/.{}", "/{}/", "/none/{}", "/small.bin/{}",
    "http://127.0.0.1/{}", "http://evil.example/{}", "/.peerstor/{}", "/.PEERSTOR-{}", "/%2e%2e/{}", "/a/../{}", "//{}", "/{}%00", "/%zz{}",
    "/small.bin", "/a", "/link", "/out", "/fifo", "/api", "/-", "/api/{}", "/-/{}", "/" + "{0}" * 40, "/" + "x" * 300,
)  # fmt: skip

WITH: tuple[dict[str, str], ...] = (
    {},
    {"Content-Type": "text/plain"},
    {"If-None-Match": "*"},
    {"If-Match": '"x"'},
    {"Repr-Digest": "sha-256=:z9jT+dXHHuI/EZSDMPe2fdSqYYnHGlMQgmz+gN+BoQg=:"},
    {"Content-Encoding": "gzip"},
    {"Content-Range": "bytes 0-1/3"},
    {"Host": "evil.example"},
    {"Cookie": "a=b"},
    {"Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Request-ID": "mine"},
)


class SameUploads(LanesCase):
    """Small files put into folders, one after the other."""

    def test_every_upload(self) -> None:
        """Wherever they go and whatever comes with them, both ways answer the same, store the same, and say the same of it."""
        servers = self.two("--anonymous", "full")
        number = 0
        for more in WITH:
            for place in PLACES:
                connections = [self.connect(server) for server in servers]
                for _ in range(3):
                    number += 1
                    target, content = place.format(f"n{number}"), b"%d" % number * (number % 7 + 1)
                    request = head("PUT", target, headers={**more, "Content-Length": str(len(content))}) + content
                    one, other = (self.put(connection, request) for connection in connections)
                    self.assertEqual(one, other, request)
                    if b"\r\nconnection: close\r\n" in one.lower():
                        break
                for connection in connections:
                    connection.close()
        for server in servers:
            server.stop()
        self.assertEqual(*map(self.files, servers))
        self.assertEqual(*map(self.audited, servers))
        self.assertGreater(len(self.files(servers[0])), 100)

    def put(self, connection: Connection, request: bytes) -> bytes:
        """Put one file; give the answer but for its own, and the file's tag, which has its inode."""
        connection.send(request)
        return re.sub(rb"\r\netag: [^\r]*", b"", OWN.sub(b"", whole(connection, request)), flags=re.IGNORECASE)

    def files(self, server: Server) -> dict[str, bytes]:
        """All that is stored, but for what is ours."""
        found = {}
        for folder, folders, names in os.walk(server.storage):
            folders[:] = [name for name in folders if name != ".peerstor"]
            for path in (os.path.join(folder, name) for name in names):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        found[os.path.relpath(path, server.storage)] = file.read()
        return found

    def audited(self, server: Server) -> list[str]:
        """What the audit log has, but for the time."""
        with open(os.path.join(server.storage, ".peerstor", "audit.log")) as log:
            return [re.sub(r'"time": "[^"]*"', "", line) for line in log]


def alike(answer: bytes) -> bytes:
    """Write what may differ between two right answers as if it were the same.

    That is the boundary between ranges, which is made up each time, and the framing of what is compressed: its length
    is known once it has been kept.
    """
    text, _, body = answer.partition(b"\r\n\r\n")
    if body and b"\r\ncontent-encoding: gzip" in text.lower():
        framing = rb"\r\n(?:transfer-encoding|content-length): [^\r]*"
        return re.sub(framing, b"", text, flags=re.IGNORECASE) + zlib.decompress(body, 31)
    found = re.search(rb"multipart/byteranges; boundary=\"?([^\"\r]+)", answer)
    return answer if found is None else answer.replace(found[1], b"BOUNDARY")


class ChangeTests(LanesCase):
    """Answers that were given before, when what they came from has changed."""

    def setUp(self) -> None:
        self.server = self.serve(start=False)
        os.makedirs(os.path.join(self.server.storage, "d"))
        self.write(b"one")
        self.server.start()
        self.connection = self.connect(self.server)
        self.asked()

    def at(self, name: str) -> str:
        return os.path.join(self.server.storage, name)

    def write(self, content: bytes, name: str = "d/f") -> None:
        with open(self.at(name), "wb") as file:
            file.write(content)

    def asked(self, status: int = 200, **headers: str) -> bytes:
        """Ask twice, so that the second answer may be the first one again."""
        for _ in range(2):
            answer = self.connection.request("GET", "/d/f", headers=headers)
            self.assertEqual(answer.status, status)
        return answer.body

    def test_behind_our_back(self) -> None:
        """Every change of the file shows in the very next answer."""
        self.assertEqual(self.asked(), b"one")
        for number in range(200):
            self.write(b"%d" % number)
            self.assertEqual(self.asked(), b"%d" % number)
        with open(self.at("d/f"), "ab") as file:
            file.write(b"+")
        self.assertEqual(self.asked(), b"199+")
        self.write(b"new", "d/g")
        os.rename(self.at("d/g"), self.at("d/f"))
        self.assertEqual(self.asked(), b"new")
        os.unlink(self.at("d/f"))
        self.asked(404)

    def test_another_kind(self) -> None:
        """A folder, a link within and one that leads out, a FIFO: none of them is taken for the file."""
        os.rename(self.at("d/f"), self.at("g"))
        os.symlink("../g", self.at("d/f"))
        self.assertEqual(self.asked(), b"one")
        os.unlink(self.at("d/f"))
        os.symlink("/etc/passwd", self.at("d/f"))
        self.asked(404)
        os.unlink(self.at("d/f"))
        os.mkfifo(self.at("d/f"))
        self.asked(404)
        os.unlink(self.at("d/f"))
        os.mkdir(self.at("d/f"))
        self.asked(307)

    def test_another_way(self) -> None:
        """What stands above the file has changed: its folder, a link in the folder's place, the storage."""
        os.rename(self.at("d"), self.at("e"))
        self.asked(404)
        os.symlink("e", self.at("d"))
        self.assertEqual(self.asked(), b"one")
        os.unlink(self.at("d"))
        os.rename(self.at("e"), self.at("d"))
        self.assertEqual(self.asked(), b"one")
        os.rename(self.at("d"), self.server.storage + "-outside")
        os.symlink(self.server.storage + "-outside", self.at("d"))
        self.asked(404)
        os.unlink(self.at("d"))
        os.rename(self.server.storage + "-outside", self.at("d"))
        os.rename(self.server.storage, self.server.storage + "-away")
        time.sleep(0.02)
        self.asked(503)
        os.rename(self.server.storage + "-away", self.server.storage)
        self.assertEqual(self.asked(), b"one")

    def test_conditions(self) -> None:
        """A client that has the file is told so as long as it is the same."""
        tag = self.connection.request("GET", "/d/f").headers["etag"]
        self.asked(304, **{"If-None-Match": tag})
        self.write(b"two")
        self.assertEqual(self.asked(200, **{"If-None-Match": tag}), b"two")

    def test_rules(self) -> None:
        """Once there is a token, nobody without it gets what everybody got; and once it is gone they do again."""
        self.asked()
        command = [sys.executable, "-m", "peerstor", "token"]
        told = subprocess.run(
            [*command, "add", "--storage", self.server.storage, "me"], capture_output=True, check=True
        )
        secret = told.stdout.decode().split()[-1]
        self.wait_for(401)
        self.asked(401)
        self.asked(200, Authorization=f"Bearer {secret}")
        self.asked(401)
        subprocess.run(
            [*command, "revoke", "--storage", self.server.storage, "me"], capture_output=True, check=True
        )
        self.wait_for(200)
        self.asked(200)

    def wait_for(self, status: int) -> None:
        """Tokens are looked for every half second."""
        end = time.monotonic() + 30
        while self.connection.request("GET", "/d/f").status != status:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def test_logs_and_figures(self) -> None:
        """The access log has a line for each, and the figures count them."""
        server = self.serve("--access-log", "access.log", "--metrics-open")
        with open(os.path.join(server.storage, "f"), "wb") as file:
            file.write(b"12345")
        connection = self.connect(server)
        for _ in range(10):
            connection.request("GET", "/f?secret=x", headers={"User-Agent": "me", "Referer": "http://a/?b"})
        figures = connection.request("GET", "/-/metrics").body.decode()
        self.assertIn('peerstor_requests_total{method="GET",route="/",status="200"} 10.0', figures)
        self.assertIn("peerstor_sent_bytes_total 50.0", figures)
        server.stop()
        with open(os.path.join(server.folder, "access.log")) as log:
            lines = [re.sub(r"\[.*?\]", "", line) for line in log if "/f?" in line]
        self.assertEqual(lines, ['127.0.0.1 - -  "GET /f?secret=- HTTP/1.1" 200 5 "http://a/" "me"\n'] * 10)
