"""Rules of a client that comes back before its old connection is known to be dead, over real sockets."""

import base64
import hashlib
import os
import time

from tests.integration.daemon import until
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Connection, head, upload_target

FILE = bytes(range(256)) * 400
HALF = 40_000


class SessionTests(ServerCase):
    def stuck(self, server: Server, offset: int = 0, **headers: str) -> Connection:
        """Give a connection whose chunk has come to a standstill half-way, as when Wi-Fi is lost."""
        connection = self.connect(server)
        target = upload_target("chunk", "f", offset=offset, session="mine")
        rest = FILE[offset:]
        connection.send(head("POST", target, length=len(rest), headers=headers) + rest[:HALF])
        return connection

    def test_taken_over(self) -> None:
        """Who names the session goes on at once behind every byte that arrived; another one is busy meanwhile."""
        server = self.serve()
        old, api = self.stuck(server), self.api(server)
        until(lambda: api.offset("f") == HALF, "the first bytes to be written")
        for other in ({}, {"session": "yours"}):
            answer = api.chunk("f", HALF, b"x", **other)
            self.assertEqual((answer.status, answer.json["error"]), (409, "busy"))
            self.assertEqual(api.complete("f", HALF, **other).json["error"], "busy")
        began = time.monotonic()
        self.assertEqual(api.offset("f", session="mine"), HALF)
        answer = api.chunk("f", HALF, FILE[HALF:], session="mine")
        seconds = time.monotonic() - began
        self.measured(f"a session took its own upload over after {seconds * 1000:.0f} ms")
        self.assertEqual((answer.status, answer.json), (200, {"nextOffset": len(FILE)}))
        self.assertLess(seconds, 1)
        told = old.answer()
        self.assertEqual((told.status, told.json["error"]), (409, "busy"))
        self.assertEqual(api.complete("f", len(FILE), session="mine").status, 200)
        self.assertTrue(api.get("/f").body == FILE)

    def test_bytes_on_their_way(self) -> None:
        """Bytes that had arrived and were not yet written come first: whoever takes over is told where that ends."""
        server = self.serve()
        for _ in range(5):
            self.stuck(server)
            api = self.api(server)
            offset = 0
            while offset < len(FILE):
                answer = api.chunk("f", offset, FILE[offset:], session="mine")
                offset = answer.json.get("nextOffset", answer.json.get("offset"))
                self.assertTrue(answer.status == 200 or answer.json["error"] == "offset_mismatch", answer)
            self.assertEqual(api.complete("f", len(FILE), session="mine", conflict="rename").status, 200)
        for name in api.listing():
            self.assertTrue(api.get(f"/{name.replace(' ', '%20')}").body == FILE, name)

    def test_abandoned(self) -> None:
        """The same session may drop what its old connection still sends."""
        server = self.serve()
        old, api = self.stuck(server), self.api(server)
        until(lambda: api.offset("f") == HALF, "the first bytes to be written")
        self.assertEqual(api.call("POST", upload_target("abandon", "f")).json["error"], "busy")
        self.assertEqual(api.call("POST", upload_target("abandon", "f", session="mine")).status, 200)
        self.assertEqual(old.answer().status, 409)
        self.assertEqual(api.offset("f"), 0)

    def test_killed_in_a_checked_chunk(self) -> None:
        """A server killed in mid-chunk counts none of it where it was to be checked, though it was written."""
        server = self.serve()
        api = self.api(server)
        self.assertEqual(api.chunk("f", 0, FILE[:1000]).status, 200)
        digest = base64.b64encode(hashlib.sha256(FILE[1000:]).digest()).decode()
        self.stuck(server, 1000, **{"Content-Digest": f"sha-256=:{digest}:"})
        parts = f"{server.storage}/.peerstor/parts"

        def size() -> int:
            [name] = os.listdir(parts)
            return os.path.getsize(f"{parts}/{name}")

        until(lambda: size() == 1000 + HALF, "the bytes to be written")
        self.assertEqual(api.offset("f"), 1000)
        server.kill()
        server.start()
        self.assertEqual(self.api(server).offset("f"), 1000)
        self.assertEqual(size(), 1000)
