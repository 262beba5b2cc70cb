"""The clients that people have, each with and without a token, over every way to a server."""

import os
import shutil
import subprocess

from tests.integration.daemon import PATIENCE
from tests.integration.nginx import Nginx
from tests.integration.server import Server, ServerCase
from tests.scratch import scratch_folder

SECRET = "a secret of the owner"
BIG = os.urandom(1 << 20) * 5


class ClientCase(ServerCase):
    """curl, wget and rclone, against one server: `base` is where its tree begins for them."""

    options: tuple[str, ...] = ()
    base_path = ""

    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.server = self.serve("--token", SECRET, *self.options)
        self.base = self.address()
        os.mkdir(os.path.join(self.server.storage, "folder"))
        for name, content in (("a.txt", b"first\n"), ("folder/ä b%.txt", b"second\n"), ("big.bin", BIG)):
            with open(os.path.join(self.server.storage, name), "wb") as file:
                file.write(content)

    def address(self) -> str:
        """Where the clients find it, with a slash at the end."""
        return f"{self.server.url}/"

    def open_server(self) -> Server:
        """Start the same without a token."""
        server = self.server
        server.stop()
        server.options = list(self.options)
        server.start()
        return server

    def run_client(self, *command: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        assert shutil.which(command[0]), f"{command[0]} is missing"
        return subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE, cwd=self.folder)

    def curl(self, *arguments: str) -> tuple[int, bytes]:
        done = self.run_client("curl", "-sSk", "-w", "%{stderr}%{http_code}", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stderr[-3:]), done.stdout

    def rclone(self, *arguments: str, user: bool) -> subprocess.CompletedProcess[bytes]:
        """Run rclone on its HTTP remote, with Basic where a user is to be one."""
        address = self.base.replace("://", f"://anybody:{SECRET.replace(' ', '%20')}@") if user else self.base
        return self.run_client(
            *(
                "rclone",
                "--config",
                os.devnull,
                "--no-check-certificate",
                "--retries",
                "1",
                "--low-level-retries",
                "1",
            ),
            *("--http-url", address, *arguments),
        )

    def stored(self, *names: str) -> bytes:
        with open(os.path.join(self.server.storage, *names), "rb") as file:
            return file.read()

    def fetched(self, *names: str) -> bytes:
        with open(os.path.join(self.folder, *names), "rb") as file:
            return file.read()


class PlainTests(ClientCase):
    """Plain HTTP; the same tests run over the other ways below."""

    def test_curl(self) -> None:
        """curl reads, resumes and writes with Basic and with Bearer, and gets nothing without."""
        basic, bearer = ("-u", f"x:{SECRET}"), ("-H", f"Authorization: Bearer {SECRET}")
        for headers in (basic, bearer):
            self.assertEqual(self.curl(*headers, f"{self.base}a.txt"), (200, b"first\n"))
            self.assertEqual(self.curl(*headers, "-r", "1-3", f"{self.base}a.txt"), (206, b"irs"))
        self.assertEqual(self.curl(*basic, "-T", self.source(), f"{self.base}sent.bin")[0], 201)
        self.assertEqual(self.stored("sent.bin"), BIG)
        self.assertEqual(self.curl(*bearer, "-F", f"file=@{self.source()}", f"{self.base}folder/")[0], 201)
        self.assertEqual(self.stored("folder", "source.bin"), BIG)
        for path in ("", "a.txt", "folder/", "nothing"):
            status, body = self.curl(f"{self.base}{path}")
            self.assertEqual((status, b"first\n" in body), (401, False))
        self.assertEqual(self.curl("-T", self.source(), f"{self.base}planted")[0], 401)
        self.assertFalse(os.path.exists(os.path.join(self.server.storage, "planted")))

    def test_curl_chunks(self) -> None:
        """The chunk API is driven by curl alone, with the token in a header."""
        key = ("-H", f"Authorization: Bearer {SECRET}")
        api = f"{self.base}api/upload"
        half = len(BIG) // 2
        for offset, end in ((0, half), (half, len(BIG))):
            with open(os.path.join(self.folder, "piece"), "wb") as file:
                file.write(BIG[offset:end])
            target = f"{api}/chunk?dir=/folder&name=c.bin&offset={offset}"
            self.assertEqual(self.curl(*key, "--data-binary", "@piece", target)[0], 200)
        self.assertEqual(
            self.curl(*key, "-X", "POST", f"{api}/complete?dir=/folder&name=c.bin&size={len(BIG)}")[0], 200
        )
        self.assertEqual(self.stored("folder", "c.bin"), BIG)

    def test_wget(self) -> None:
        """wget answers the challenge of its own accord, mirrors the tree, and goes on with a part of a file."""
        secret = ("--no-check-certificate", "--user", "x", "--password", SECRET)
        done = self.run_client("wget", "-nv", *secret, "-r", "-np", "-nH", "-R", "index.html*", self.base)
        self.assertEqual(done.returncode, 0, done.stderr)
        below = self.base_path.strip("/")
        self.assertEqual(self.fetched(below, "a.txt"), b"first\n")
        self.assertEqual(self.fetched(below, "folder", "ä b%.txt"), b"second\n")
        with open(os.path.join(self.folder, "big.bin"), "wb") as file:
            file.write(BIG[: 1 << 20])
        done = self.run_client("wget", "-nv", *secret, "-c", f"{self.base}big.bin")
        self.assertEqual((done.returncode, self.fetched("big.bin")), (0, BIG), done.stderr)
        done = self.run_client("wget", "-nv", "--no-check-certificate", "-O", "out", f"{self.base}a.txt")
        self.assertEqual(done.returncode, 6, done.stderr)  # wget's own number: authentication failed

    def test_rclone(self) -> None:
        """rclone lists and copies the whole tree with Basic, and sees nothing without."""
        done = self.rclone("lsf", "-R", ":http:", user=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            set(done.stdout.decode().splitlines()), {"a.txt", "big.bin", "folder/", "folder/ä b%.txt"}, done.stderr
        )
        done = self.rclone("copy", ":http:", os.path.join(self.folder, "copy"), user=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.fetched("copy", "big.bin"), BIG)
        self.assertEqual(self.fetched("copy", "folder", "ä b%.txt"), b"second\n")
        done = self.rclone("lsf", "-R", ":http:", user=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, b"")

    def test_open(self) -> None:
        """Without a token all of them read and write at once."""
        self.open_server()
        self.assertEqual(self.curl(f"{self.base}a.txt"), (200, b"first\n"))
        self.assertEqual(self.curl("-T", self.source(), f"{self.base}sent.bin")[0], 201)
        done = self.run_client("wget", "-nv", "--no-check-certificate", f"{self.base}big.bin")
        self.assertEqual((done.returncode, self.fetched("big.bin")), (0, BIG), done.stderr)
        done = self.rclone("lsf", "-R", ":http:", user=False)
        self.assertIn("folder/ä b%.txt", done.stdout.decode().splitlines(), done.stderr)

    def source(self) -> str:
        """A file of the client's own."""
        path = os.path.join(self.folder, "source.bin")
        with open(path, "wb") as file:
            file.write(BIG)
        return path


class SecureTests(PlainTests):
    """HTTPS by PeerStor itself."""

    options = ("--https",)

    def address(self) -> str:
        return f"https://127.0.0.1:{self.server.port}/"


class SubPathTests(PlainTests):
    """nginx with TLS in front, which shows it below a path."""

    options = ("--base-path", "/sub", "--trusted-proxy", "127.0.0.1", "--host", "127.0.0.1")
    base_path = "/sub"

    def address(self) -> str:
        folder = os.path.join(self.folder, "nginx")
        os.mkdir(folder)
        proxy = Nginx(folder, backend=self.server.port, base="/sub", tls=True)
        self.addCleanup(proxy.end)
        return f"{proxy.url}/sub/"
