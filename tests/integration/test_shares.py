"""Share links as people use them: curl, a slow line, and somebody who changes their mind."""

import json
import os
import random
import subprocess
import time

from tests.integration.daemon import PATIENCE, until
from tests.integration.server import ServerCase
from tests.scratch import scratch_folder

TOKEN = "a token of the owner's"
SIZE = 40_000_000


class ShareCase(ServerCase):
    def setUp(self) -> None:
        self.log = os.path.join(scratch_folder(self), "access")
        self.server = self.serve("--token", TOKEN, "--access-log", self.log)
        os.mkdir(f"{self.server.storage}/shared")
        self.content = random.Random(7).randbytes(SIZE)
        with open(f"{self.server.storage}/shared/large.bin", "wb") as file:
            file.write(self.content)

    def share(self, **fields: object) -> str:
        """Make a share by the API, as the README shows it, and give its address."""
        told = self.api_call("POST", "", {"path": "/shared", **fields})
        self.id = told["id"]
        return str(told["url"])

    def api_call(self, method: str, target: str = "", body: object = None) -> dict[str, object]:
        data = [] if body is None else ["--json", json.dumps(body)]
        done = self.run_curl(
            "-X", method, "-H", f"Authorization: Bearer {TOKEN}", *data, f"{self.server.url}/api/shares{target}"
        )
        return json.loads(done) if done else {}

    def run_curl(self, *arguments: str) -> bytes:
        done = subprocess.run(
            ["curl", "-sS", *arguments], capture_output=True, timeout=PATIENCE, cwd=self.server.folder
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def told(self) -> dict[str, object]:
        return self.api_call("GET", f"/{self.id}")

    def slowly(self, address: str, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Begin a download that takes seconds."""
        process = subprocess.Popen(
            ["curl", "-sS", "--limit-rate", "4M", "-o", name, *arguments, address],
            cwd=self.server.folder,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        path = os.path.join(self.server.folder, name)
        until(lambda: os.path.exists(path) and os.path.getsize(path) > 100_000, "the first bytes")
        return process

    def read(self, name: str) -> bytes:
        with open(os.path.join(self.server.folder, name), "rb") as file:
            return file.read()


class DownloadTests(ShareCase):
    def test_resumed(self) -> None:
        """A download that was broken off and resumed counts once, when it is whole; a restart forgets nothing."""
        address = self.share(path="/shared/large.bin", max_downloads=1)
        process = self.slowly(address, "got")
        process.kill()
        process.wait(PATIENCE)
        self.assertLess(len(self.read("got")), SIZE)
        until(lambda: self.told()["downloads"] == 0, "the server to see that it is gone")
        self.run_curl("-C", "-", "-o", "got", address)
        self.assertTrue(self.read("got") == self.content)
        until(lambda: self.told()["downloads"] == 1, "the count")
        self.server.stop()
        self.server.start()
        self.run_curl("-f", "-o", "again", address)
        self.assertEqual(self.told()["downloads"], 1)
        status = self.run_curl("-o", "/dev/null", "-w", "%{http_code}", "-A", "other", address)
        self.assertEqual(status, b"404")

    def test_revoked(self) -> None:
        """Revoking cuts a slow download within a second."""
        address = self.share()
        process = self.slowly(f"{address}/large.bin", "got")
        self.api_call("DELETE", f"/{self.id}")
        began = time.monotonic()
        # What the kernel holds for the client still comes; then the connection is gone.
        self.assertNotEqual(process.wait(PATIENCE), 0)
        self.assertLess(time.monotonic() - began, 5)
        self.assertLess(len(self.read("got")), SIZE)

    def test_expires(self) -> None:
        """A share that expires cuts a slow download too."""
        address = self.share(expires=3)
        process = self.slowly(f"{address}/large.bin", "got")
        self.assertNotEqual(process.wait(PATIENCE), 0)
        self.assertLess(len(self.read("got")), SIZE)

    def test_ranges_and_names(self) -> None:
        """curl -OJ keeps the file's name; ranges and HEAD are had as ever."""
        address = self.share(path="/shared/large.bin")
        self.assertEqual(self.run_curl("-r", "5-9", address), self.content[5:10])
        self.assertIn(b"%d" % SIZE, self.run_curl("-I", address))
        self.run_curl("-OJ", address)
        self.assertTrue(self.read("large.bin") == self.content)

    def test_password(self) -> None:
        """curl sends the password by -u."""
        address = self.share(path="/shared/large.bin", password="open sesame")
        self.assertEqual(self.run_curl("-o", "/dev/null", "-w", "%{http_code}", address), b"401")
        self.assertEqual(self.run_curl("-u", ":open sesame", "-r", "0-3", address), self.content[:4])


class UploadTests(ShareCase):
    def test_sent(self) -> None:
        """Files are sent by PUT and by a form, and nothing is seen."""
        address = self.share(mode="upload", max_bytes=100)
        for name in ("one", "two"):
            with open(os.path.join(self.server.folder, name), "w", encoding="ascii") as file:
                file.write(name)
        self.run_curl("-f", "-T", "one", f"{address}/")
        told = json.loads(self.run_curl("-F", "file=@two", "-F", "sender=Ann", address))
        self.assertEqual(told["files"][0]["status"], 201)
        self.assertEqual(sorted(os.listdir(f"{self.server.storage}/shared")), ["large.bin", "one", "two"])
        self.assertNotIn(b"large.bin", self.run_curl(f"{address}/"))
        self.assertEqual(self.told()["bytes"], 6)


class Secrecy(ShareCase):
    def test_logs(self) -> None:
        """No log tells an id, whatever was asked for with it, nor a password."""
        address = self.share(password="open sesame")
        path = address.removeprefix(self.server.url)
        for target in (
            path,
            f"{path}/",
            f"{path}/large.bin",
            f"{path}/nothing?{self.id}",
            f"/sub{path}",
            f"/api/shares/{self.id}",
        ):
            self.run_curl("-o", "/dev/null", "-e", address, "-u", ":open sesame", self.server.url + target)
        self.run_curl("-o", "/dev/null", "-X", "PUT", "-d", "x", f"{address}/f")
        self.run_curl("-o", "/dev/null", "-d", "password=open+sesame", address.replace("/-/s/", "/-/unlock/"))
        self.api_call("DELETE", f"/{self.id}")
        self.server.stop()
        with open(self.log, "rb") as file:
            told = self.server.log + file.read()
        audit = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(f"{self.server.storage}/.peerstor") for name in names if "audit" in name
        ]  # fmt: skip
        self.assertTrue(audit)
        for name in audit:
            with open(name, "rb") as file:
                told += file.read()
        self.assertIn(self.id[:8].encode() + b"...", told)
        self.assertIn(b"share_revoked", told)
        for secret in (self.id.encode(), b"sesame", TOKEN.encode()):
            self.assertNotIn(secret, told)
