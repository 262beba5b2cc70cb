"""Rules of memory with many clients at once: what each costs, and that none leaves anything behind."""

import os
import resource
import select
import socket
import time
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.integration.daemon import PATIENCE
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Api, Connection, head, upload_target

MIB = 1 << 20
GIB = 1 << 30
BLOCK = bytes(range(256)) * 1024
FLAT = 50 * MIB
"""What any of these may grow a server by."""

IDLE = 10_000
IDLE_EACH = 20_000
READERS, READING_FOR, READ_AT = 500, 8.0, 50_000
UPLOADS, UPLOADING_FOR = 100, 4.0
ENTRIES, PAGE = 100_000, 10_000
MEDIA_TYPES = ("text/html", "application/json", "text/plain")


def able(sockets: list[socket.socket], event: int, seconds: float) -> list[socket.socket]:
    """Wait until some can read or write, whatever their numbers: `select` knows only those below 1024."""
    poll = select.poll()
    by_number = {one.fileno(): one for one in sockets}
    for number in by_number:
        poll.register(number, event)
    return [by_number[number] for number, _ in poll.poll(seconds * 1000)]


@pytest.mark.slow
class CrowdTests(ServerCase):
    def setUp(self) -> None:
        kept = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, kept)
        resource.setrlimit(resource.RLIMIT_NOFILE, (kept[1], kept[1]))
        self.descriptors = kept[1]
        self.server = self.serve("--anonymous", "full", "--no-fsync", "--max-connections-per-address", "0")
        self.make("small.txt", 5)
        api = self.api(self.server)
        for media_type in MEDIA_TYPES:  # what is kept for good from the first request of a kind
            self.assertEqual(api.get("/", Accept=media_type).status, 200)
        self.assertEqual(api.put("/warm", BLOCK * 4).status, 201)
        self.assertEqual(api.chunk("warm too", 0, BLOCK * 4).status, 200)

    def make(self, name: str, size: int) -> None:
        with open(f"{self.server.storage}/{name}", "wb") as file:
            file.truncate(size)

    def measure(self, work: Callable[[], object]) -> None:
        """Do some work, and hold how much the server's memory grew at its highest against what it may."""
        began = time.monotonic()
        with self.server.watched() as watch:
            told = work()
        seconds = time.monotonic() - began
        self.measured(
            f"{told}, grew by {watch.growth / MIB:.1f} MiB from {watch.before / MIB:.0f} in {seconds:.1f} s"
        )
        self.assertLess(watch.growth, FLAT)

    def test_idle(self) -> None:
        """Ten thousand connections that are kept after a request cost at most 20 kB each."""
        if self.descriptors < IDLE + 500:
            self.skipTest(f"impossible here: a process may have {self.descriptors} descriptors")
        for server, what in (
            (self.server, "repeated"),
            (self.serve(*self.server.options, "--no-fast-lanes"), "ordinary"),
        ):
            with open(f"{server.storage}/small.txt", "wb") as file:
                file.write(b"small")
            with self.subTest(what):
                self.ask(server, 200)
                before = server.memory()
                kept = self.ask(server, IDLE)
                each = (server.memory() - before) / IDLE
                self.measured(f"{what}: {each / 1000:.1f} kB a connection")
                self.assertLessEqual(each, IDLE_EACH)
                for connection in kept:
                    connection.close()

    def ask(self, server: Server, count: int) -> list[Connection]:
        """Make connections, and ask once on each."""
        made = []
        for _ in range(count):
            connection = self.connect(server)
            self.assertEqual(connection.request("GET", "/small.txt").body, b"small")
            made.append(connection)
        return made

    def test_slow_readers(self) -> None:
        """Five hundred who read a file of 1 GiB at 50 kB/s each."""
        self.make("big.bin", GIB)
        self.measure(self.read_slowly)
        self.assertEqual(self.api(self.server).get("/small.txt").status, 200)

    def read_slowly(self) -> str:
        readers = [self.connect(self.server, receive_buffer=16384).socket for _ in range(READERS)]
        for reader in readers:
            reader.sendall(head("GET", "/big.bin"))
        taken, began = dict.fromkeys(readers, 0), time.monotonic()
        while (passed := time.monotonic() - began) < READING_FOR:
            behind = [reader for reader in readers if taken[reader] < passed * READ_AT]
            for ready in able(behind, select.POLLIN, 0.05):
                taken[ready] += len(ready.recv(READ_AT // 10, socket.MSG_DONTWAIT))
            time.sleep(0.01)
        self.assertGreater(min(taken.values()), 0, "somebody got nothing at all")
        return f"{sum(taken.values()) / READERS / READING_FOR / 1000:.0f} kB/s each"

    def test_chunks(self) -> None:
        """A hundred uploads of 1 GiB in chunks, of each of which as much comes as the time allows."""
        names = [f"upload {number}" for number in range(UPLOADS)]
        targets = [upload_target("chunk", name, offset=0, size=GIB) for name in names]
        self.measure(lambda: self.upload([head("POST", target, length=GIB) for target in targets]))
        api = self.api(self.server)
        self.assertTrue(all(api.offset(name) for name in names), "of one nothing was kept")

    def test_puts(self) -> None:
        """The same in one PUT each."""
        self.measure(lambda: self.upload([head("PUT", f"/put-{n}", length=GIB) for n in range(UPLOADS)]))

    def upload(self, heads: list[bytes]) -> str:
        """Send as much of each body as goes in a time, hold all of them for a while, and send as much again."""
        sockets = [self.connect(self.server).socket for _ in heads]
        for one, text in zip(sockets, heads, strict=True):
            one.sendall(text)
            one.setblocking(False)
        sent = self.pour(sockets)
        time.sleep(1)
        sent += self.pour(sockets)
        for one in sockets:
            one.close()
        return f"{sent / UPLOADS / MIB:.0f} MiB of each"

    def pour(self, sockets: list[socket.socket]) -> int:
        end, sent = time.monotonic() + UPLOADING_FOR, dict.fromkeys(sockets, 0)
        while time.monotonic() < end or (not all(sent.values()) and time.monotonic() < end + PATIENCE):
            for ready in able(sockets, select.POLLOUT, 0.1):
                sent[ready] += ready.send(BLOCK)
        self.assertGreater(min(sent.values()), 0, "one was held up by the others")
        return sum(sent.values())

    def test_listings(self) -> None:
        """All pages of a folder of 100,000 entries, in each form that there is."""
        os.mkdir(f"{self.server.storage}/many")
        folder = os.open(f"{self.server.storage}/many", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        for number in range(ENTRIES):
            os.mknod(f"entry {number:06}.txt", dir_fd=folder)
        self.measure(self.list_all)

    def list_all(self) -> str:
        api = self.api(self.server)
        targets = self.targets(api)
        self.assertEqual(len(targets), ENTRIES // PAGE)
        for media_type in ("text/html", "text/plain"):
            for target in targets:
                self.assertEqual(api.get(target, Accept=media_type).status, 200)
        return f"{3 * len(targets)} pages"

    def targets(self, api: Api) -> list[str]:
        """Go through all pages of the JSON, by their cursors, and give where they are."""
        found = [f"/many/?limit={PAGE}"]
        while True:
            answer = api.get(found[-1], Accept="application/json")
            self.assertEqual(answer.status, 200)
            cursor = answer.json["next"]
            if cursor is None:
                return found
            found.append(f"/many/?{urlencode({'limit': PAGE, 'cursor': cursor})}")
