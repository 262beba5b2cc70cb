"""Rules of the HTTP surface as the programs find them that people have: curl, wget and a shell."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess

from tests.integration.daemon import PATIENCE, until
from tests.integration.server import ServerCase
from tests.integration.wire import upload_target

RESUME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resume.sh")

ODD_NAMES = (
    'quote".txt',
    "percent%41%.txt",
    "semi;colon=1.txt",
    "שלום עולם.txt",
    "🦀 emoji.bin",
    ".leading dot",
    "a b+c&d=e#f?g.txt",
    "back'tick`$(id).txt",
    "x" * 251 + ".txt",
    "ü" * 125 + ".txt",
)


def bytes_of(seed: int, size: int) -> bytes:
    """Make content that any loss, doubling or shift shows in."""
    return random.Random(seed).randbytes(size)


class CurlCase(ServerCase):
    def setUp(self) -> None:
        self.server = self.serve("--anonymous", "full")

    def path(self, name: str) -> str:
        return os.path.join(self.server.folder, name)

    def write(self, name: str, content: bytes) -> str:
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)

    def read(self, name: str) -> bytes:
        with open(self.path(name), "rb") as file:
            return file.read()

    def run_program(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            arguments, input=stdin, capture_output=True, timeout=PATIENCE, cwd=self.server.folder
        )

    def curl(self, *arguments: str, path: str = "/", stdin: bytes | None = None) -> tuple[int, bytes]:
        """Run curl; tells the status of the last answer and the body, where it isn't saved."""
        done = self.run_program(
            "curl", "-sS", "-w", "%{stderr}%{http_code}", *arguments, self.server.url + path, stdin=stdin
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stderr[-3:]), done.stdout


class DownloadTests(CurlCase):
    def setUp(self) -> None:
        super().setUp()
        self.content = bytes_of(1, 3_000_000)
        with open(f"{self.server.storage}/file.bin", "wb") as file:
            file.write(self.content)

    def test_resume(self) -> None:
        """`curl -C -` goes on with a download where it stopped."""
        self.write("half", self.content[:1_234_567])
        status, _ = self.curl("-C", "-", "-o", "half", path="/file.bin")
        self.assertEqual(status, 206)
        self.assertTrue(self.read("half") == self.content)

    def test_wget_resume(self) -> None:
        """`wget -c` goes on with a download where it stopped, and leaves a whole one alone."""
        self.write("file.bin", self.content[:1_234_567])
        for expected in (b"206 Partial Content", b"416 "):
            done = self.run_program("wget", "-c", "-S", f"{self.server.url}/file.bin")
            self.assertIn(expected, done.stderr)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(self.read("file.bin") == self.content)

    def test_ranges(self) -> None:
        """One range gives its bytes; two give a multipart answer with both; one behind the end says the size."""
        self.assertEqual(self.curl("-r", "10-19", path="/file.bin"), (206, self.content[10:20]))
        self.assertEqual(self.curl("-r", "-7", path="/file.bin"), (206, self.content[-7:]))
        status, body = self.curl("-r", "0-4,100-104", path="/file.bin")
        self.assertEqual(status, 206)
        for first in (0, 100):
            span = b"Content-Range: bytes %d-%d/3000000\r\n" % (first, first + 4)
            self.assertIn(span, body)
            self.assertIn(b"\r\n\r\n" + self.content[first : first + 5] + b"\r\n", body)
        status, head = self.curl("-r", "3000000-", "-D", "-", "-o", "/dev/null", path="/file.bin")
        self.assertEqual(status, 416)
        self.assertIn(b"bytes */3000000", head)

    def test_compressed(self) -> None:
        """`curl --compressed` gets text in fewer bytes, and the text."""
        text = b"a line of text\n" * 20_000
        with open(f"{self.server.storage}/text.txt", "wb") as file:
            file.write(text)
        status, body = self.curl("--compressed", path="/text.txt")
        self.assertEqual((status, body), (200, text))
        status, coded = self.curl("-H", "Accept-Encoding: gzip", path="/text.txt")
        self.assertLess(len(coded), len(text) / 20)

    def test_unchanged(self) -> None:
        """Asked again with what it said, the server says that nothing has changed."""
        self.curl("--etag-save", "etag", "-o", "/dev/null", path="/file.bin")
        self.assertEqual(self.curl("--etag-compare", "etag", path="/file.bin"), (304, b""))


class UploadTests(CurlCase):
    def test_put(self) -> None:
        """`curl -T` creates, replaces, and from a pipe needs no length."""
        first, second, third = (bytes_of(seed, size) for seed, size in ((2, 2_000_000), (3, 5), (4, 300_000)))
        self.assertEqual(self.curl("-T", self.write("first", first), path="/put.bin")[0], 201)
        self.assertTrue(self.curl(path="/put.bin") == (200, first))
        self.assertEqual(self.curl("-T", self.write("second", second), path="/put.bin")[0], 204)
        self.assertTrue(self.curl(path="/put.bin") == (200, second))
        self.assertEqual(self.curl("-T", "-", path="/put.bin", stdin=third)[0], 204)
        self.assertTrue(self.curl(path="/put.bin") == (200, third))

    def test_form_with_odd_names(self) -> None:
        """`curl -F` stores files under the very names that they have here, and each is fetched again by its link."""
        options: list[str] = []
        for number, name in enumerate(ODD_NAMES):
            options += ["-F", f"file=@{self.write(str(number), name.encode())};filename={_quoted(name)}"]
        status, body = self.curl(*options)
        self.assertEqual(status, 201, body)
        self.assertEqual([file["name"] for file in json.loads(body)["files"]], list(ODD_NAMES))
        _, listing = self.curl("-H", "Accept: application/json")
        entries = {entry["name"]: entry["href"] for entry in json.loads(listing)["entries"]}
        self.assertEqual(set(entries), set(ODD_NAMES))
        for name, href in entries.items():
            self.assertEqual(self.curl(path=href), (200, name.encode()), name)

    def test_form_with_bad_names(self) -> None:
        """A file name with a path in it is refused; the other files of the form stand."""
        good = self.write("good", b"good")
        options = [["-F", f"file=@{good};filename={name}"] for name in ("../up", "a/b", "a\\\\b", "..", "good")]
        status, body = self.curl(*(option for pair in options for option in pair))
        self.assertEqual(status, 201, body)
        self.assertEqual([file["status"] for file in json.loads(body)["files"]], [400, 400, 400, 400, 201])
        self.assertEqual(set(os.listdir(self.server.storage)), {".peerstor", "good"})

    def test_taken_name(self) -> None:
        """A form's file whose name is taken gets the next one."""
        for expected in ("note.tar.gz", "note (2).tar.gz"):
            _, body = self.curl("-F", f"f=@{self.write('n', b'n')};filename=note.tar.gz")
            self.assertEqual(json.loads(body)["files"][0]["path"], f"/{expected}")

    def test_expect(self) -> None:
        """`Expect: 100-continue` is answered with 100 before a body that is wanted, and without it before others."""
        content = bytes_of(5, 1_500_000)
        body = self.write("body", content)
        options = ["-v", "-X", "POST", "-H", "Expect: 100-continue", "--expect100-timeout", "30", "-T", body]
        wanted, refused = (upload_target("chunk", "file", offset=offset) for offset in (0, 7))
        done = self.run_program("curl", "-sS", *options, self.server.url + wanted)
        self.assertIn(b"< HTTP/1.1 100 Continue", done.stderr)
        self.assertEqual(json.loads(done.stdout), {"nextOffset": len(content)})
        done = self.run_program("curl", "-sS", "-w", "%{size_upload}", *options, self.server.url + refused)
        self.assertNotIn(b"100 Continue", done.stderr)
        self.assertIn(b"< HTTP/1.1 409", done.stderr)
        answer, _, sent = done.stdout.rpartition(b"\n")
        self.assertEqual((json.loads(answer)["error"], int(sent)), ("offset_mismatch", 0))

    def test_delete(self) -> None:
        """`curl -X DELETE` moves a file to the trash, from where it can be had back by hand."""
        self.curl("-T", self.write("f", b"kept"), path="/gone.txt")
        self.assertEqual(self.curl("-X", "DELETE", path="/gone.txt")[0], 204)
        self.assertEqual(self.curl(path="/gone.txt")[0], 404)
        kept = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(f"{self.server.storage}/.peerstor/trash")
            for name in names
            if name == "gone.txt"
        ]
        self.assertEqual(len(kept), 1)
        with open(kept[0], "rb") as file:
            self.assertEqual(file.read(), b"kept")


class ResumeScriptTests(CurlCase):
    """The script of the README."""

    def script(self, file: str, folder: str = "/", *, rate: str = "1G") -> subprocess.Popen[bytes]:
        """Run the script.

        :param rate: bytes a second that curl sends, as its settings have it.
        """
        self.write(".curlrc", f"limit-rate = {rate}\n".encode())
        process = subprocess.Popen(
            ["/bin/sh", RESUME, file, self.server.url, folder],
            cwd=self.server.folder,
            env={**os.environ, "CURL_HOME": self.server.folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def wait_for_offset(self, offset: int) -> None:
        api = self.api(self.server)
        until(lambda: api.offset("file") >= offset, f"byte {offset}")

    def finished(self, process: subprocess.Popen[bytes], status: int = 0) -> tuple[bytes, bytes]:
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, status, (out, err))
        return out, err

    def test_again(self) -> None:
        """Run again for what is there already it sends nothing; a file that was deleted, or has changed, it sends."""
        content = bytes_of(3, 200_000)
        changed = content[:150_000] + bytes([content[150_000] ^ 1]) + content[150_001:]
        for name, before in (("file", content), ("empty", b"")):
            stored = f"{self.server.storage}/{name}"
            path = self.write(name, before)
            os.utime(path, (1e9, 1e9))
            for _ in range(2):
                self.finished(self.script(path))
                there = os.stat(stored).st_ino, sorted(os.listdir(self.server.storage))
                self.finished(self.script(path))
                self.assertEqual((os.stat(stored).st_ino, sorted(os.listdir(self.server.storage))), there)
                with open(stored, "rb") as file:
                    self.assertEqual(file.read(), before)
                os.unlink(stored)
        self.finished(self.script(self.path("file")))
        out, _ = self.finished(self.script(self.write("file", changed)))
        self.assertEqual(json.loads(out)["path"], "/file (2)")
        with open(f"{self.server.storage}/file (2)", "rb") as file:
            self.assertEqual(file.read(), changed)

    def test_plain(self) -> None:
        """It uploads files of any size and name, and says where each lies."""
        os.mkdir(f"{self.server.storage}/ä folder & more")
        for name, size in (("empty", 0), ("one", 1), ("it's 100% ünusual+&.bin", 1_000_000)):
            content = bytes_of(size, size)
            out, _ = self.finished(self.script(self.write(name, content), "/ä folder & more"))
            self.assertEqual(json.loads(out)["path"], f"/ä folder & more/{name}")
            with open(f"{self.server.storage}/ä folder & more/{name}", "rb") as file:
                self.assertTrue(file.read() == content, name)

    def test_run_again(self) -> None:
        """Run again for what is there already, it says so and stores nothing twice."""
        file = self.write("file", bytes_of(7, 100_000))
        first, _ = self.finished(self.script(file))
        again, _ = self.finished(self.script(file))
        self.assertEqual(json.loads(again), json.loads(first))
        self.assertEqual(set(os.listdir(self.server.storage)), {".peerstor", "file"})

    def test_other_file(self) -> None:
        """It never goes on with another file of the same name: it says so and ends."""
        api = self.api(self.server)
        api.chunk("file", 0, b"x" * 1000, size=5000, fingerprint="another")
        _, err = self.finished(self.script(self.write("file", bytes_of(8, 5000))), 2)
        self.assertIn(b"other_upload", err)
        self.assertEqual(api.offset("file"), 1000)

    def test_killed_and_run_again(self) -> None:
        """Killed with its curl in the middle, and run again while the server still holds the old one, it goes on."""
        content, file = bytes_of(9, 40_000_000), self.path("file")
        self.write("file", content)
        first = self.script(file, rate="10M")
        self.wait_for_offset(1_000_000)
        os.killpg(first.pid, signal.SIGKILL)
        self.finished(self.script(file))
        with open(f"{self.server.storage}/file", "rb") as stored:
            self.assertEqual(hashlib.sha256(stored.read()).digest(), hashlib.sha256(content).digest())

    def test_server_killed(self) -> None:
        """With the server killed and started again in the middle, three times, it comes to its end by itself."""
        content, file = bytes_of(10, 60_000_000), self.path("file")
        self.write("file", content)
        process = self.script(file, rate="20M")
        for part in (1, 2, 3):
            self.server.warm()
            self.wait_for_offset(part * 10_000_000)
            self.assertIsNone(process.poll())
            self.server.kill()
            self.server.start()
        self.finished(process)
        with open(f"{self.server.storage}/file", "rb") as stored:
            self.assertEqual(hashlib.sha256(stored.read()).digest(), hashlib.sha256(content).digest())


def _quoted(name: str) -> str:
    """Quote a file name for `curl -F`."""
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
