"""Rules of memory: what flows through leaves nothing behind."""

import os
import select
import socket
import time
from collections.abc import Callable

import pytest

from tests.integration.server import Server, ServerCase
from tests.integration.wire import Connection, head, upload_target

MIB = 1 << 20
GIB = 1 << 30
BLOCK = bytes(range(256)) * 4096
SLOW_READERS = 500


@pytest.mark.slow
class MemoryTests(ServerCase):
    def setUp(self) -> None:
        self.server = self.serve("--gzip-threshold", "1G", "--anonymous", "full")

    def measure(self, server: Server, most: int, work: Callable[[], None]) -> None:
        """Do some work, and hold how much the server's memory grew at its highest against `most` bytes."""
        began = time.monotonic()
        with server.watched() as watch:
            work()
        seconds = time.monotonic() - began
        self.measured(f"grew by {watch.growth / MIB:.1f} MiB from {watch.before / MIB:.0f} in {seconds:.1f} s")
        self.assertLess(watch.growth, most)

    def warm_up(self) -> None:
        """Bring in what the first requests of each kind need for good."""
        api = self.api(self.server)
        self.assertEqual(api.put("/warm.txt", BLOCK * 4).status, 201)
        for body in (BLOCK, BLOCK[:7]):
            self.assertEqual(api.chunk("warm", api.offset("warm"), body).status, 200)
        self.assertEqual(api.complete("warm", MIB + 7).status, 200)
        for headers in ({}, {"Accept-Encoding": "gzip"}):
            self.assertEqual(api.get("/warm.txt", **headers).status, 200)

    def test_put(self) -> None:
        """A PUT of 1 GiB grows the server by less than 20 MiB."""
        self.warm_up()
        self.measure(self.server, 20 * MIB, lambda: self.put(GIB))
        self.assertEqual(os.path.getsize(f"{self.server.storage}/big"), GIB)

    def put(self, size: int) -> None:
        connection = self.connect(self.server)
        connection.send(head("PUT", "/big", length=size))
        self.send(connection, size)
        self.assertEqual(connection.answer().status, 201)

    def send(self, connection: Connection, size: int) -> None:
        for _ in range(size // len(BLOCK)):
            connection.send(BLOCK)

    def test_chunks(self) -> None:
        """1 GiB in chunks of 64 MiB grows the server by less than 20 MiB."""
        self.warm_up()
        self.measure(self.server, 20 * MIB, self.send_chunks)
        with open(f"{self.server.storage}/big", "rb") as file:
            for _ in range(GIB // len(BLOCK)):
                self.assertTrue(file.read(len(BLOCK)) == BLOCK)

    def send_chunks(self) -> None:
        connection, length = self.connect(self.server), 64 * MIB
        for offset in range(0, GIB, length):
            target = upload_target("chunk", "big", offset=offset, size=GIB)
            connection.send(head("POST", target, length=length))
            self.send(connection, length)
            self.assertEqual(connection.answer().json, {"nextOffset": offset + length})
        answer = connection.request("POST", upload_target("complete", "big", size=GIB), b"")
        self.assertEqual(answer.status, 200)

    def test_get(self) -> None:
        """A GET of 1 GiB grows the server by less than 20 MiB."""
        self.warm_up()
        self.make("big.bin", GIB)
        self.measure(self.server, 20 * MIB, lambda: self.assertEqual(self.get("/big.bin"), GIB))

    def test_get_coded(self) -> None:
        """300 MiB of text, compressed on the way, grow the server by less than 20 MiB."""
        self.warm_up()
        with open(f"{self.server.storage}/text.txt", "wb") as file:
            line = b"".join(b"line %d of a text that is not too even\n" % number for number in range(20_000))
            for _ in range(300 * MIB // len(line) + 1):
                file.write(line)
        self.measure(self.server, 20 * MIB, lambda: self.get("/text.txt", coding="gzip"))

    def make(self, name: str, size: int) -> None:
        with open(f"{self.server.storage}/{name}", "wb") as file:
            file.truncate(size)

    def get(self, path: str, coding: str = "identity") -> int:
        """Fetch a file and tell how many bytes came."""
        connection = self.connect(self.server)
        connection.send(head("GET", path, headers={"Accept-Encoding": coding, "Connection": "close"}))
        answer = connection.head_only()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.get("content-encoding", "identity"), coding)
        return connection.swallow()

    def test_slow_readers(self) -> None:
        """Five hundred readers of a big file, none of whom reads much, grow the server by less than 50 MiB."""
        self.warm_up()
        self.make("big.bin", GIB)
        self.measure(self.server, 50 * MIB, self.read_slowly)
        self.assertEqual(self.api(self.server).get("/warm.txt").status, 200)

    def read_slowly(self) -> None:
        readers = [self.connect(self.server, receive_buffer=8192) for _ in range(SLOW_READERS)]
        for reader in readers:
            reader.send(head("GET", "/big.bin"))
        end, sockets = time.monotonic() + 5, [reader.socket for reader in readers]
        taken = dict.fromkeys(sockets, 0)
        while time.monotonic() < end:
            for ready in select.select(sockets, [], [], 0.1)[0]:
                taken[ready] += len(ready.recv(512, socket.MSG_DONTWAIT))
            time.sleep(0.02)  # what makes them slow
        self.assertTrue(all(taken.values()), "somebody got nothing at all")
