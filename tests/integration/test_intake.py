"""Bodies read straight into their files, by real processes: both ways, on slow disks, many at once."""

import contextlib
import os
import select
import socket
import statistics
import threading
import time
from typing import Any

import pytest

from tests.integration.daemon import PATIENCE, until
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Answer, Connection, head, upload_target

MIB = 1 << 20
MANY = 100
BODY = bytes(range(251)) * 1200  # 300 kB, in which no position looks like another nearby

SLOW_DISK = """
import os, time
def slowed(function, seconds):
    def call(*arguments):
        time.sleep(seconds)
        return function(*arguments)
    return call
os.pwrite, os.fdatasync = slowed(os.pwrite, {write}), slowed(os.fdatasync, {sync})
"""
"""The part files of a process on a disk that is far slower than any network."""


class BothWaysTests(ServerCase):
    """The same requests to a server with the lanes and to one without."""

    def setUp(self) -> None:
        self.servers = [self.serve("--anonymous", "full"), self.serve("--anonymous", "full", "--no-fast-lanes")]

    def both(self, act: Any) -> Any:
        """Compare what comes of it."""
        fast, ordinary = (act(server) for server in self.servers)
        self.assertEqual(fast, ordinary)
        return fast

    def sent(self, server: Server, *pieces: bytes, answers: int, cut: bool = False) -> list[tuple[Any, ...]]:
        """Send pieces apart from each other, or nothing more behind them, and read so many answers."""
        connection = Connection(server.port)
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.02)  # so that the server has read what came before, as a rule
            connection.send(piece)
        if cut:
            connection.socket.shutdown(socket.SHUT_WR)
        said = [told(connection.answer()) for _ in range(answers)]
        connection.close()
        return said

    def test_put_cut_anywhere(self) -> None:
        """A PUT that arrives in pieces is stored whole, wherever they are cut, and what follows is answered."""
        whole, end = head("PUT", "/f", length=len(BODY)), len(BODY)
        stream = whole + BODY + head("GET", "/f")
        for cut in (10, len(whole) - 1, len(whole), len(whole) + 1, len(whole) + 150_000, len(whole) + end - 1):
            for second in (len(whole) + end, len(whole) + end + 1):

                def act(server: Server, cut: int = cut, second: int = second) -> Any:
                    pieces = (stream[:cut], stream[cut:second], stream[second:])
                    return self.sent(server, *pieces, answers=2)

                put, got = self.both(act)
                self.assertIn(put[0], (201, 204))
                self.assertEqual((got[0], got[2]), (200, BODY))

    def test_chunk_broken_off_anywhere(self) -> None:
        """A chunk that breaks off keeps what arrived, and goes on from there to the same file."""
        for number, sent in enumerate((0, 1, 65_535, 65_536, 200_000, len(BODY) - 1)):
            name = f"broken-{number}"
            start = head("POST", upload_target("chunk", name, offset=0), length=len(BODY))

            def act(server: Server, name: str = name, sent: int = sent, start: bytes = start) -> Any:
                [refused] = self.sent(server, start, BODY[:sent], answers=1, cut=True)
                self.assertEqual(refused[0], 400)
                api = self.api(server)
                until(lambda: api.offset(name) == sent, f"offset {sent}")
                rest = api.chunk(name, sent, BODY[sent:])
                done = api.complete(name, len(BODY))
                with open(f"{server.storage}/{name}", "rb") as file:
                    return told(rest), told(done), file.read()

            rest, done, content = self.both(act)
            self.assertEqual((rest[0], done[0], content), (200, 200, BODY))

    def test_refusals(self) -> None:
        """What is refused is refused alike: too large as declared, as sent, a wrong digest, another offset."""
        for target, headers in (
            (upload_target("chunk", "r", offset=0, size=1000), {}),
            (upload_target("chunk", "r", offset=7), {}),
            (upload_target("chunk", "r", offset=0), {"Content-Digest": f"sha-256=:{'A' * 43}=:"}),
            ("/absent/x", {}),
        ):

            def act(server: Server, target: str = target, headers: dict[str, str] = headers) -> Any:
                method = "POST" if target.startswith("/api/") else "PUT"
                begin = head(method, target, length=len(BODY), headers={**headers, "Expect": "100-continue"})
                connection = self.connect(server)
                connection.send(begin)
                first = connection.answer()
                if first.status == 100:
                    connection.send(BODY)
                    first = connection.answer()
                return told(first), self.api(server).offset("r")

            answer, offset = self.both(act)
            self.assertEqual((answer[0] // 100, offset), (4, 0))

    def test_killed(self) -> None:
        """After kill -9 in mid-body the offset is never less than it was said to be."""
        for server in self.servers:
            connection = self.connect(server)
            connection.send(head("POST", upload_target("chunk", "k", offset=0), length=10 * MIB) + BODY * 9)
            api, said = self.api(server), 0
            end = time.monotonic() + PATIENCE
            while said < 2 * MIB and time.monotonic() < end:
                said = api.offset("k")
            server.kill()
            server.start()
            now = self.api(server).offset("k")
            self.assertGreaterEqual(now, max(said, 2 * MIB))
            self.assertLessEqual(now, len(BODY) * 9)


def told(answer: Answer) -> tuple[Any, ...]:
    """What of an answer isn't its own alone."""
    own = ("date", "x-request-id", "last-modified", "etag")
    return answer.status, {k: v for k, v in answer.headers.items() if k not in own}, answer.body


class Asker(threading.Thread):
    """Asks for a small file again and again, and notes how long each answer took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.took: list[float] = []
        self._port = port
        self._ended = threading.Event()

    def run(self) -> None:
        connection = Connection(self._port)
        while not self._ended.wait(0.002):
            began = time.monotonic()
            assert connection.request("GET", "/small.txt").status == 200
            self.took.append(time.monotonic() - began)
        connection.close()

    def finish(self) -> list[float]:
        """Stop; gives the seconds that the answers took."""
        self._ended.set()
        self.join(PATIENCE)
        return self.took


@pytest.mark.slow
class SlowDiskTests(ServerCase):
    """Each write takes 0.1 s and each sync 0.5 s: whoever had to wait for them would be seen."""

    def serve_slowly(self) -> Server:
        server = self.serve("--anonymous", "full", prelude=SLOW_DISK.format(write=0.1, sync=0.5))
        with open(f"{server.storage}/small.txt", "wb") as file:
            file.write(b"small")
        return server

    def check(self, server: Server, *targets: tuple[str, str], size: int) -> None:
        """Upload at once to all targets, and look how long small requests take meanwhile."""
        idle = self.serve()
        with open(f"{idle.storage}/small.txt", "wb") as file:
            file.write(b"small")
        asker, beside = Asker(server.port), Asker(idle.port)
        asker.start()
        beside.start()
        connections = [self.connect(server) for _ in targets]
        senders = [
            threading.Thread(target=send_zeros, args=(connection, method, target, size), daemon=True)
            for connection, (method, target) in zip(connections, targets, strict=True)
        ]
        for sender in senders:
            sender.start()
        for connection in connections:
            connection.socket.settimeout(3 * PATIENCE)
            self.assertEqual(connection.answer().status // 100, 2)
        took = asker.finish()
        # What one asks another server at the same time is as late as this machine makes it.
        late, anyway = (statistics.quantiles(times, n=100)[98] for times in (took, beside.finish()))
        self.measured(
            f"p99 {late * 1000:.1f} ms, most {max(took) * 1000:.0f} ms of {len(took)} requests;"
            f" of an idle server p99 {anyway * 1000:.1f} ms"
        )
        self.assertLess(late, 0.05 + anyway)

    def test_put(self) -> None:
        """Small requests aren't held up by a PUT to a slow disk."""
        self.check(self.serve_slowly(), ("PUT", "/big"), size=8 * MIB)

    def test_chunk(self) -> None:
        """Nor by a chunk."""
        self.check(self.serve_slowly(), ("POST", upload_target("chunk", "big", offset=0)), size=8 * MIB)

    def test_many(self) -> None:
        """Nor by many uploads, each of which would have to find out for itself how slow the disk is."""
        targets = [("PUT", f"/big-{number}") for number in range(20)]
        self.check(self.serve_slowly(), *targets, size=MIB)


def send_zeros(connection: Connection, method: str, target: str, size: int) -> None:
    """Send a request with so many zeros."""
    connection.send(head(method, target, length=size))
    piece = bytes(MIB)
    for _ in range(size // MIB):
        connection.send(piece)


@pytest.mark.slow
class ManyTests(ServerCase):
    """A hundred uploads at once."""

    def grow(self, server: Server, size: int, *, until_full: bool) -> None:
        """Send a hundred bodies side by side, to their ends or until nobody takes any more of them."""
        self.assertEqual(self.api(server).put("/warm", BODY[:70_000]).status, 201)
        with server.watched() as watch, contextlib.ExitStack() as stack:
            left = {}
            for number in range(MANY):
                connection = stack.enter_context(contextlib.closing(Connection(server.port)))
                connection.send(head("PUT", f"/many-{number}", length=size))
                connection.socket.setblocking(False)
                left[connection.socket] = size
            self.feed(left, patience=4.0 if until_full else PATIENCE)
            self.assertEqual(until_full, any(left.values()))
        self.measured(f"grew by {watch.growth / MIB:.1f} MiB from {watch.before / MIB:.0f}")
        self.assertLess(watch.growth, 50 * MIB)

    def feed(self, left: dict[socket.socket, int], *, patience: float) -> None:
        """Send to whoever takes, until all is sent or nobody has taken anything for so many seconds."""
        piece = memoryview(bytes(MIB))
        while waiting := [one for one, size in left.items() if size]:
            _, able, _ = select.select([], waiting, [], patience)
            if not able:
                return
            for one in able:
                with contextlib.suppress(BlockingIOError):
                    left[one] -= one.send(piece[: left[one]])

    def test_memory(self) -> None:
        """They grow the server by less than 50 MiB."""
        size = int(os.environ.get("PEERSTOR_MANY_MIB", "8")) * MIB
        self.grow(self.serve("--anonymous", "full"), size, until_full=False)

    def test_memory_on_a_slow_disk(self) -> None:
        """So they do where the disk takes nothing for a while."""
        server = self.serve("--anonymous", "full", prelude=SLOW_DISK.format(write=8, sync=0))
        self.grow(server, 64 * MIB, until_full=True)
        server.kill()
