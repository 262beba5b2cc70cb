"""Rules of a storage that goes away under a running server, and comes back."""

import os
import subprocess

from tests.integration.daemon import until
from tests.integration.mounts import mount
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Api
from tests.scratch import scratch_folder

JSON = {"Accept": "application/json"}
CONTENT = b"0123456789" * 50_000


class VanishingTests(ServerCase):
    def begin(self, server: Server) -> Api:
        """Store a file and the first half of another."""
        api = self.api(server)
        page = api.get("/", Accept="text/html").body.decode()
        self.asset = page[page.index("/-/static/") :].partition('"')[0]
        self.assertEqual(api.put("/file", CONTENT).status, 201)
        self.assertEqual(api.chunk("upload", 0, CONTENT[:200_000]).json, {"nextOffset": 200_000})
        return api

    def check_away(self, api: Api) -> None:
        """Whatever needs the storage is told that it is away; what doesn't is served."""
        answers = {
            "get": api.get("/file", **JSON),
            "listing": api.get("/", **JSON),
            "put": api.put("/other", CONTENT, **JSON),
            "delete": api.call("DELETE", "/file", headers=JSON),
            "begin": api.chunk("another", 0, CONTENT),
        }
        for what, answer in answers.items():
            self.assertEqual((answer.status, answer.json["error"]), (503, "storage"), what)
            self.assertIn("retry-after", answer.headers)
            self.assertNotIn(b"/tmp", answer.body)
        self.assertEqual(api.get(self.asset).status, 200)
        until(lambda: api.get("/-/health").status == 503, "the server to say that it is unwell")

    def check_back(self, server: Server, api: Api) -> None:
        """Everything is as it was, and the upload goes on."""
        until(lambda: api.get("/file").status == 200, "the storage to be used again")
        self.assertTrue(api.get("/file").body == CONTENT)
        until(lambda: api.get("/-/health").status == 200, "the server to say that it is well")
        offset = api.offset("upload")
        self.assertGreaterEqual(offset, 200_000)
        self.assertEqual(api.chunk("upload", offset, CONTENT[offset:]).status, 200)
        self.assertEqual(api.complete("upload", len(CONTENT)).status, 200)
        self.assertTrue(api.get("/upload").body == CONTENT)
        self.assertEqual(api.put("/other", b"other").status, 201)
        self.assertEqual(api.listing(), {"file", "upload", "other"})

    def test_renamed(self) -> None:
        """A storage that is renamed away is 503 until it is renamed back; then all is well."""
        server = self.serve("--anonymous", "full")
        api, away = self.begin(server), server.storage + ".away"
        for _ in range(2):
            os.rename(server.storage, away)
            self.check_away(api)
            os.rename(away, server.storage)
            self.assertEqual(api.get("/file").status, 200)
        self.check_back(server, api)
        self.assertFalse(os.path.exists(away))

    def test_replaced(self) -> None:
        """Another folder in the storage's place is not taken for it, and nothing is written there."""
        server = self.serve("--anonymous", "full")
        api = self.begin(server)
        os.rename(server.storage, server.storage + ".away")
        os.mkdir(server.storage)
        self.check_away(api)
        self.assertEqual(os.listdir(server.storage), [])
        os.rmdir(server.storage)
        os.rename(server.storage + ".away", server.storage)
        self.check_back(server, api)

    def test_unmounted(self) -> None:
        """A disk that is unmounted is 503, nothing is written under its mount point, and mounted again it serves."""
        disk, storage = scratch_folder(self), scratch_folder(self)
        mount(self, "--bind", disk, storage)
        server = self.serve("--anonymous", "full", storage=storage)
        api = self.begin(server)
        subprocess.run(["umount", "-l", storage], check=True)
        self.check_away(api)
        self.assertEqual(os.listdir(storage), [])
        mount(self, "--bind", disk, storage)
        self.check_back(server, api)

    def test_unmounted_for_good(self) -> None:
        """A disk that is gone with all that was on it is 503, and the server ends in good order."""
        storage = os.path.join(scratch_folder(self), "storage")
        os.mkdir(storage)
        mount(self, "-t", "tmpfs", "-o", "size=8M", "peerstor-test", storage)
        server = self.serve("--anonymous", "full", storage=storage)
        api = self.begin(server)
        subprocess.run(["umount", "-l", storage], check=True)
        self.check_away(api)
        self.assertEqual(server.stop(), -15)

    def test_second_server(self) -> None:
        """While one serves, another says in one line which process does, and ends with 1; the first serves on."""
        server = self.serve()
        second = Server(scratch_folder(self), storage=server.storage)
        self.addCleanup(second.end)
        second.release()
        assert second.process is not None
        self.assertEqual(second.process.wait(60), 1)
        self.assertEqual(second.log.count(b"\n"), 1, second.log)
        self.assertIn(str(server.pid).encode(), second.log)
        self.assertEqual(self.api(server).get("/").status, 200)
