"""Rules of stopping while people are at work."""

import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.daemon import until
from tests.integration.server import ServerCase
from tests.integration.wire import Answer, Connection, head, upload_target

DRAIN = 4.0

SLACK = 1.5
"""Seconds that the process may take beside, on a machine that has other things to do."""

BIG, FAST = 40_000_000, 4_000_000


class Task(threading.Thread):
    """Runs a function beside the test and keeps what it gives or raises."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        super().__init__(daemon=True)
        self._function, self._arguments = function, arguments
        self.result: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._function(*self._arguments)
        except BaseException as error:
            self.result = error

    def outcome(self) -> Any:
        """Wait for the end and give the result."""
        self.join(60)
        assert not self.is_alive(), "still waiting for the server"
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.mark.slow
class DrainTests(ServerCase):
    def setUp(self) -> None:
        self.server = self.serve("--drain", str(DRAIN), "--gzip-threshold", "100M")
        self.content = random.Random(3).randbytes(BIG)
        with open(f"{self.server.storage}/big.bin", "wb") as file:
            file.write(self.content)
        with open(f"{self.server.storage}/fast.bin", "wb") as file:
            file.write(self.content[:FAST])
        with open(f"{self.server.storage}/big.txt", "wb") as file:
            file.write(self.content.hex().encode())

    def begin_get(self, path: str, **headers: str) -> Connection:
        """Ask for a file, read the head, and leave the body."""
        connection = self.connect(self.server, receive_buffer=65536)
        connection.send(head("GET", path, headers=headers))
        self.assertEqual(connection.head_only().status, 200)
        return connection

    def begin_chunk(self, name: str, sent: int, length: int) -> Connection:
        """Send a part of a chunk's body, and wait until the server has it."""
        connection, api = self.connect(self.server), self.api(self.server)
        connection.send(head("POST", upload_target("chunk", name, offset=0), length=length))
        connection.send(self.content[:sent])
        until(lambda: api.offset(name) == sent, "what was sent to arrive")
        return connection

    def stop_timed(self) -> float:
        began = time.monotonic()
        self.assertEqual(self.server.stop(), -signal.SIGTERM)
        return time.monotonic() - began

    def test_under_load(self) -> None:
        """Transfers that can end do, others are cut so that it shows, uploads keep what arrived, all in time."""
        acknowledged = self.api(self.server).chunk("acknowledged", 0, self.content[:700_000])
        self.assertEqual(acknowledged.json, {"nextOffset": 700_000})
        idle = [self.connect(self.server) for _ in range(50)]
        for connection in idle:
            self.assertEqual(connection.request("HEAD", "/").status, 200)
        fast = [self.begin_get("/fast.bin") for _ in range(3)]
        slow = self.begin_get("/big.bin")
        coded = self.begin_get("/big.txt", **{"Accept-Encoding": "gzip"})
        chunk = self.begin_chunk("partial", 300_000, BIG)
        flowing = Task(self.flow, self.begin_chunk("flowing", 100_000, 10 * BIG))
        put = self.connect(self.server)
        put.send(head("PUT", "/put.bin", length=500_000, headers={"Expect": "100-continue"}))
        self.assertEqual(put.answer().status, 100)  # it is under way; one that hasn't been heard yet would be cut
        put.send(self.content[:200_000])
        stopping = Task(self.stop_timed)
        until(lambda: b"Received SIGTERM" in self.server.log, "the stop to begin")
        # Whoever is fast enough gets all of it.
        for task in [Task(connection.rest) for connection in fast]:
            self.assertTrue(task.outcome() == self.content[:FAST])
        put.send(self.content[200_000:500_000])
        self.assertEqual(put.answer().status, 201)
        # What can be resumed is told so at once, or finds the connection closed.
        self.check_refused(self.maybe_answer(chunk))
        flowing.outcome()
        for connection in idle:
            self.assertEqual(connection.rest(), b"")
        seconds = stopping.outcome()
        self.measured(f"{seconds:.2f} s from SIGTERM to the end, with a drain of {DRAIN:g} s")
        self.assertGreaterEqual(seconds, DRAIN - 0.1)
        self.assertLess(seconds, DRAIN + 1.0 + SLACK)
        # Whoever was too slow sees that it is not all.
        self.assertLess(len(slow.rest()), BIG)
        self.assertNotIn(b"\r\n0\r\n\r\n", coded.rest()[-7:])
        self.check_afterwards()

    def check_afterwards(self) -> None:
        self.server.start()
        api = self.api(self.server)
        self.assertTrue(api.get("/put.bin").body == self.content[:500_000])
        self.assertEqual(api.offset("acknowledged"), 700_000)
        self.assertEqual(api.offset("partial"), 300_000)
        for name in ("acknowledged", "partial", "flowing"):
            offset = api.offset(name)
            self.assertGreaterEqual(offset, 100_000)
            size = offset + 1000
            self.assertEqual(api.chunk(name, offset, self.content_at(offset, 1000)).json, {"nextOffset": size})
            self.assertEqual(api.complete(name, size).status, 200)
            with open(f"{self.server.storage}/{name}", "rb") as file:
                self.assertTrue(file.read() == self.content_at(0, size), name)

    def content_at(self, begin: int, length: int) -> bytes:
        """Give the endless content that `flow` sends: the big file's, over and over."""
        pieces = []
        while length:
            piece = self.content[begin % BIG : begin % BIG + length]
            pieces.append(piece)
            begin, length = begin + len(piece), length - len(piece)
        return b"".join(pieces)

    def flow(self, connection: Connection) -> None:
        """Send at some 20 MB a second until the server wants no more."""
        position = 100_000
        try:
            while True:
                connection.send(self.content_at(position, 200_000))
                position += 200_000
                time.sleep(0.01)  # the rate
        except OSError:
            return

    def maybe_answer(self, connection: Connection) -> Answer | None:
        try:
            return connection.answer()
        except (EOFError, ConnectionResetError):
            return None

    def check_refused(self, answer: Answer | None) -> None:
        if answer is not None:
            self.assertEqual((answer.status, answer.json["error"]), (503, "stopping"))

    def test_idle(self) -> None:
        """With nothing under way, it ends at once, and lets go of its port and its storage."""
        self.assertEqual(self.connect(self.server).request("HEAD", "/").status, 200)
        self.assertLess(self.stop_timed(), SLACK)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.server.port), 1)
        self.server.start()
        self.assertEqual(self.connect(self.server).request("HEAD", "/").status, 200)

    def test_interrupted(self) -> None:
        """Ctrl-C is as good as SIGTERM."""
        self.begin_get("/big.bin").close()
        self.assertIn(self.server.stop(signal.SIGINT), (-signal.SIGINT, 0))
