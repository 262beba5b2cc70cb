"""Rules of the audit log of a real process."""

import json
import os
import stat
from typing import Any

from tests.integration.daemon import until
from tests.integration.mounts import mount
from tests.integration.server import Server, ServerCase
from tests.scratch import scratch_folder


class AuditTests(ServerCase):
    def events(self, path: str) -> list[dict[str, Any]]:
        try:
            with open(path, "rb") as log:
                return [json.loads(line) for line in log if line.endswith(b"\n")]
        except FileNotFoundError:
            return []

    def path(self, server: Server) -> str:
        return f"{server.storage}/.peerstor/audit.log"

    def test_changes(self) -> None:
        """Each change is a line, in its order, with who and from where; its file is for its owner alone."""
        server = self.serve("--anonymous", "full")
        api = self.api(server)
        api.put("/a", b"one")
        api.put("/a", b"second")
        api.chunk("b%ff", 0, b"12345")
        api.complete("b%ff", 5)
        api.call("DELETE", "/a")
        until(lambda: len(self.events(self.path(server))) == 4, "the log to be written")
        told = [
            (one["event"], one["path"], one.get("size"), one["outcome"]) for one in self.events(self.path(server))
        ]
        self.assertEqual(
            told,
            [
                ("upload", "/a", 3, "ok"),
                ("replace", "/a", 6, "ok"),
                ("upload", "/b%ff", 5, "ok"),
                ("delete", "/a", None, "ok"),
            ],
        )
        for one in self.events(self.path(server)):
            self.assertEqual((one["principal"], one["address"]), ("anonymous", "127.0.0.1"))
        self.assertEqual(stat.S_IMODE(os.stat(self.path(server)).st_mode), 0o600)

    def test_killed(self) -> None:
        """A server that is killed over and over leaves whole lines only, and loses none that it had time for."""
        server = self.serve()
        for number in range(5):
            self.api(server).put(f"/{number}", b"x")
            until(lambda: len(self.events(self.path(server))) > number, "the log to be written")  # noqa: B023
            server.kill()
            with open(self.path(server), "ab") as log:
                log.write(b'{"time": "half a line')
            server.start()
        self.api(server).put("/last", b"x")
        until(lambda: self.whole(server, 6), "the log to be written")
        self.assertEqual(
            [one["path"] for one in self.events(self.path(server))], [*(f"/{n}" for n in range(5)), "/last"]
        )

    def whole(self, server: Server, count: int) -> bool:
        with open(self.path(server), "rb") as log:
            return log.read().count(b"\n") == count

    def test_elsewhere(self) -> None:
        """It may lie elsewhere, or in a folder for several storages' state, or be left out."""
        folder = scratch_folder(self)
        servers = [
            self.serve("--audit-log", f"{folder}/own"),
            self.serve("--audit-log", "none"),
            self.serve("--state", f"{folder}/state"),
        ]
        for server in servers:
            self.api(server).put("/a", b"one")
            self.assertEqual(server.stop(), -15)
            self.assertFalse(os.path.exists(self.path(server)))
        [named] = [name for name in os.listdir(f"{folder}/state") if name.startswith("audit-")]
        for path in (f"{folder}/own", f"{folder}/state/{named}"):
            self.assertEqual([one["event"] for one in self.events(path)], ["upload"], path)

    def test_full_disk(self) -> None:
        """A full disk under it keeps nobody from anything; what waited is written once there is room."""
        disk = scratch_folder(self)
        mount(self, "-t", "tmpfs", "-o", "size=64k", "peerstor-test", disk)
        server = self.serve("--audit-log", f"{disk}/audit")
        api = self.api(server)
        with open(f"{disk}/filler", "wb") as filler:
            filler.write(b"x" * 65536)
        for number in range(20):
            self.assertEqual(api.put(f"/{number}", b"x").status, 201)
        until(lambda: b"Can't write the audit log" in server.log, "the trouble to be told")
        os.unlink(f"{disk}/filler")
        until(lambda: len(self.events(f"{disk}/audit")) == 20, "the log to be written again")
        self.assertEqual(
            [one["path"] for one in self.events(f"{disk}/audit")], [f"/{number}" for number in range(20)]
        )
        self.assertEqual(server.log.count(b"Can't write the audit log"), 1)
