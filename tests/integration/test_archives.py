"""Archives as real programs unpack them, and what making them costs."""

import io
import os
import socket
import subprocess
import threading
import time
import zipfile
from contextlib import closing
from urllib.parse import quote

import pytest

from tests.integration.daemon import until
from tests.integration.server import Server, ServerCase
from tests.integration.wire import head

MIB = 1 << 20

TEXTS = (
    *(
        "plain.txt",
        "Grüße aus Köln.txt",
        "🎉 party.txt",
        "\u202efdp.exe",
        "שלום.txt",
        "-rf",
        "--help",
        'it\'s "it"',
    ),
    *(
        "e\u0301.txt",
        "é.txt",
        " blank ",
        "trailing.",
        "semi;colon&amp",
        "x" * 251 + ".txt",
        "ü" * 127,
        "*?[a]",
        "~",
    ),
    "%41%2f",
)
BYTES = (b"caf\xe9.txt", b"\xff\xfe", b"a\nb", b"\x1b[31mred", b"back\\slash")


class Unpacked(ServerCase):
    """Every name, by the program of each format."""

    def setUp(self) -> None:
        self.server = self.serve()
        self.folder = os.path.join(self.server.storage, "odd")
        for name in (*map(str.encode, TEXTS), *BYTES):
            os.makedirs(os.path.join(os.fsencode(self.folder), b"in", b"of " + name[:250]))
            with open(os.path.join(os.fsencode(self.folder), name), "wb") as file:
                file.write(b"this is " + name)
            os.utime(os.path.join(os.fsencode(self.folder), name), (1_600_000_001, 1_600_000_001))

    def fetched(self, form: str) -> str:
        """Have curl get an archive, and give its path; the folder `out` beside it is empty."""
        path = os.path.join(self.server.folder, f"odd.{form}")
        url = f"{self.server.url}/odd/?archive={form}"
        subprocess.run(["curl", "-sSf", "-o", path, url], check=True, timeout=60)
        os.mkdir(os.path.join(self.server.folder, "out"))
        return path

    def contents(self) -> dict[bytes, bytes]:
        """Give what was unpacked."""
        out, found = os.path.join(os.fsencode(self.server.folder), b"out"), {}
        for folder, _, names in os.walk(out):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.relpath(os.path.join(folder, name), out)] = file.read()
        return found

    def check_times(self, name: str) -> None:
        found = os.stat(os.path.join(self.server.folder, "out", name))
        self.assertEqual(int(found.st_mtime), 1_600_000_001)
        self.assertEqual(found.st_mode & 0o777, 0o644)

    def test_unzip(self) -> None:
        """Info-ZIP's unzip finds nothing wrong, and every name that is text is right; the others can be read."""
        path = self.fetched("zip")
        environ = {**os.environ, "LC_ALL": "C.UTF-8"}
        out = os.path.join(self.server.folder, "out")
        subprocess.run(["unzip", "-tq", path], check=True, env=environ, timeout=60, stdout=subprocess.DEVNULL)
        subprocess.run(["unzip", "-q^", path, "-d", out], check=True, env=environ, timeout=60)
        found = self.contents()
        for text in TEXTS:
            self.assertEqual(found[text.encode()], b"this is " + text.encode())
        self.assertEqual(found[b"a\nb"], b"this is a\nb")
        self.assertEqual(found[b"\x1b[31mred"], b"this is \x1b[31mred")
        self.assertEqual(found["caf\ufffd.txt".encode()], b"this is caf\xe9.txt")
        self.assertEqual(found["back\ufffdslash".encode()], b"this is back\\slash")
        self.assertEqual(
            sorted(found.values()), sorted(b"this is " + n for n in (*map(str.encode, TEXTS), *BYTES))
        )
        self.check_times("plain.txt")
        self.assertTrue(os.path.isdir(os.path.join(out, "in", "of 🎉 party.txt")))

    def test_python(self) -> None:
        """So does Python."""
        with zipfile.ZipFile(self.fetched("zip")) as archive:
            self.assertIsNone(archive.testzip())
            for text in TEXTS:
                self.assertEqual(archive.read(text), b"this is " + text.encode())

    def test_tar(self) -> None:
        """GNU tar unpacks every name to the byte, in any locale."""
        path = self.fetched("tar")
        out = os.path.join(self.server.folder, "out")
        environ = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(["tar", "-xf", path, "-C", out], env=environ, timeout=60, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        wanted = {name: b"this is " + name for name in (*map(str.encode, TEXTS), *BYTES)}
        self.assertEqual(self.contents(), wanted)
        self.check_times("plain.txt")
        self.assertEqual(len(os.listdir(os.path.join(out, "in"))), len(wanted))

    def test_selection(self) -> None:
        """Each name can be picked by an address, and all together by a form."""
        fields = "&".join(f"name={quote(name)}" for name in (*TEXTS, *BYTES))
        answers = [self.connect(self.server).request("GET", f"/odd/?archive=zip&{fields}")]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        target = "/api/archive?dir=/odd&format=zip"
        answers.append(self.connect(self.server).request("POST", target, fields.encode(), form))
        for answer in answers:
            self.assertEqual((answer.status, answer.whole), (200, True))
            with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
                self.assertEqual(len(archive.namelist()), len(TEXTS) + len(BYTES))


@pytest.mark.slow
class Large(ServerCase):
    def setUp(self) -> None:
        self.server = self.serve()
        os.mkdir(os.path.join(self.server.storage, "large"))

    def path(self, *names: str) -> str:
        return os.path.join(self.server.storage, "large", *names)

    def test_zip64(self) -> None:
        """A file of more than 4 GiB, and one behind it, are listed with their right sizes and found."""
        size = 4 * 1024 * MIB + 12_345
        with open(self.path("a.bin"), "wb") as file:
            file.truncate(size)
        with open(self.path("b.txt"), "wb") as file:
            file.write(b"behind it")
        path = os.path.join(self.server.folder, "large.zip")
        self.save("/large/?archive=zip", path)
        with zipfile.ZipFile(path) as archive:
            self.assertEqual([one.file_size for one in archive.infolist()], [size, 9])
            self.assertEqual(archive.read("b.txt"), b"behind it")
        listed = subprocess.run(["unzip", "-l", path], check=True, stdout=subprocess.PIPE, timeout=60).stdout
        self.assertIn(b"%d" % size, listed)
        piped = subprocess.run(["unzip", "-p", path, "b.txt"], check=True, stdout=subprocess.PIPE, timeout=60)
        self.assertEqual(piped.stdout, b"behind it")

    def save(self, target: str, path: str) -> None:
        """Save an answer without what is nothing but zeros, so that it takes no room."""
        connection = self.connect(self.server)
        connection.send(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        self.assertEqual(connection.head_only().status, 200)
        with open(path, "wb") as file:
            rest, room = connection._kept, bytearray(MIB)
            file.write(rest)
            zeros = bytes(MIB)
            while length := connection.socket.recv_into(room):
                if room[:length] == zeros[:length]:
                    file.seek(length, os.SEEK_CUR)
                else:
                    file.write(room[:length])
            file.truncate()

    def fill(self, count: int, size: int) -> None:
        for number in range(count):
            folder = self.path(f"{number // 1000:03}")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"{number:06}.jpg"), "wb") as file:
                file.write(b"x" * size)

    def take(self, target: str) -> int:
        """Take an answer and throw it away; tells how many bytes it had."""
        connection = self.connect(self.server)
        connection.send(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        self.assertEqual(connection.head_only().status, 200)
        return connection.swallow()

    def test_memory_of_bytes(self) -> None:
        """300 MiB, as zip or tar, grow the server by less than 20 MiB."""
        for number in range(3):
            with open(self.path(f"{number}.bin"), "wb") as file:
                file.truncate(100 * MIB)
        self.take("/large/?archive=zip&name=0.bin")
        for form in ("zip", "tar"):
            with self.server.watched() as watch:
                began = time.monotonic()
                self.assertGreater(self.take(f"/large/?archive={form}"), 300 * MIB)
            self.measured(f"{form}: grew by {watch.growth / MIB:.1f} MiB in {time.monotonic() - began:.1f} s")
            self.assertLess(watch.growth, 20 * MIB)

    def test_memory_of_files(self) -> None:
        """So do 20,000 files, whose names the end of a zip has to tell again; and small requests are quick beside."""
        self.fill(20_000, 100)
        self.take("/large/000/?archive=zip")
        with self.server.watched() as watch, Beside(self.server) as beside:
            for form in ("zip", "tar"):
                began = time.monotonic()
                self.assertGreater(self.take(f"/large/?archive={form}"), 20_000 * 100)
                self.measured(f"{form}: 20,000 files in {time.monotonic() - began:.1f} s")
        self.measured(f"grew by {watch.growth / MIB:.1f} MiB; beside it {beside.told()}")
        self.assertLess(watch.growth, 20 * MIB)
        self.assertLess(beside.median, 0.05)

    def test_whoever_leaves(self) -> None:
        """A client that leaves ends the walk, and every descriptor of it is closed."""
        self.fill(3_000, 20_000)
        for _ in range(20):
            connection = self.connect(self.server, receive_buffer=4096)
            connection.send(head("GET", "/large/?archive=zip"))
            self.assertEqual(connection.head_only().status, 200)
            self.assertTrue(self.open_here())
            connection.reset()
            until(lambda: not self.open_here(), "no descriptor of the folder")

    def open_here(self) -> list[str]:
        """Give what the server has open of the folder."""
        found = []
        for name in os.listdir(f"/proc/{self.server.pid}/fd"):
            try:
                place = os.readlink(f"/proc/{self.server.pid}/fd/{name}")
            except FileNotFoundError:
                continue
            if place.startswith(self.path()):
                found.append(place)
        return found

    def test_slow_readers(self) -> None:
        """Eight that don't read hold no thread: a listing, a file and a ninth's refusal come at once."""
        self.fill(2_000, 100_000)
        proxied = self.serve("--trusted-proxy", "127.0.0.1", storage=self.server.storage, start=False)
        self.server.stop()
        proxied.start()
        for number in range(8):
            connection = self.connect(proxied, receive_buffer=4096)
            fields = {"X-Forwarded-For": f"192.0.2.{number}"}
            connection.send(head("GET", "/large/?archive=tar", headers=fields))
            self.assertEqual(connection.head_only().status, 200)
        began = time.monotonic()
        client = self.connect(proxied)
        self.assertEqual(client.request("GET", "/large/000/000000.jpg").status, 200)
        self.assertEqual(client.request("GET", "/large/000/").status, 200)
        self.assertEqual(client.request("GET", "/large/?archive=tar").status, 429)
        self.assertLess(time.monotonic() - began, 2)

    def test_gets_shorter(self) -> None:
        """A file that gets shorter under way cuts the connection, in either format, with one line in the log."""
        for form in ("zip", "tar"):
            with open(self.path("cut.bin"), "wb") as file:
                file.truncate(200 * MIB)
            connection = self.connect(self.server, receive_buffer=4096)
            connection.send(head("GET", f"/large/?archive={form}"))
            self.assertEqual(connection.head_only().status, 200)
            os.truncate(self.path("cut.bin"), 10 * MIB)
            connection.rest()
        until(lambda: self.server.log.count(b"cut /large/") == 2, "two lines in the log")
        self.assertEqual(self.server.log.count(b"FileShrank"), 2)


class Beside(threading.Thread):
    """Asks for something small all the while, and measures how long that takes."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._port = server.port
        self._over = threading.Event()
        self._seconds: list[float] = []

    def __enter__(self) -> "Beside":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        with closing(socket.create_connection(("127.0.0.1", self._port))) as client:
            client.settimeout(60)
            while not self._over.wait(0.01):
                began = time.monotonic()
                client.sendall(b"GET /-/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
                self._seconds.append(time.monotonic() - began)

    @property
    def median(self) -> float:
        return sorted(self._seconds)[len(self._seconds) // 2]

    def told(self) -> str:
        return (
            f"median {self.median * 1000:.1f} ms, worst {max(self._seconds) * 1000:.0f} ms of {len(self._seconds)}"
        )
