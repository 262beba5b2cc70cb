"""Rules of compressed answers that are kept, on real processes, disks and clients."""

import gzip
import os
import random
import signal
import stat
import subprocess
import threading
import time
import zlib

from tests.integration.daemon import until
from tests.integration.mounts import Ballast, small_disk
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Connection, head
from tests.lanes import FAST_LANES
from tests.scratch import scratch_folder

MIB = 1 << 20
SETTLED = 0.2
"""Seconds after which a file's result is kept."""

CODED = {"Accept-Encoding": "gzip"}


def text(size: int, seed: int = 0) -> bytes:
    """Make a text that gets some three times smaller."""
    chance = random.Random(seed)
    words = [b"%x" % chance.getrandbits(32) for _ in range(5000)]
    pieces = []
    while size > 0:
        pieces.append(b" ".join(chance.choices(words, k=10_000))[:size])
        size -= len(pieces[-1])
    return b"".join(pieces)


class CompressionCase(ServerCase):
    """A server whose files have settled, and that keeps what it compresses."""

    def prepare(self, files: dict[str, bytes], *options: str, storage: str | None = None) -> Server:
        server = self.serve("--gzip-threshold", "1G", *options, storage=storage, start=False)
        os.makedirs(server.storage, exist_ok=True)
        for name, content in files.items():
            with open(f"{server.storage}/{name}", "wb") as file:
                file.write(content)
        time.sleep(SETTLED)
        server.start()
        return server

    def kept(self, server: Server) -> list[str]:
        """Name what lies in the cache; of a large file it is there a moment after the answer's end."""
        return os.listdir(f"{server.storage}/.peerstor/cache")

    def get(self, server: Server, name: str) -> bytes:
        """Fetch a file as it is sent to who accepts gzip."""
        answer = self.connect(server).request("GET", f"/{name}", headers=CODED)
        self.assertEqual((answer.status, answer.headers["content-encoding"], answer.whole), (200, "gzip", True))
        return answer.body


class KeptTests(CompressionCase):
    def test_first_and_again(self) -> None:
        """First, again, and after a restart the very same bytes come, which zlib and curl decode; the second time
        they are sent as they lie there."""
        files = {"modest.json": text(MIB), "large.json": text(9 * MIB)}
        server = self.prepare(files)
        firsts = {name: self.get(server, name) for name in files}
        for name, content in files.items():
            self.assertEqual(zlib.decompress(firsts[name], 31), content)
            self.assertEqual(self.get(server, name), firsts[name])
            told = subprocess.run(
                ["curl", "-sS", "--compressed", f"{server.url}/{name}"], capture_output=True, check=True
            )
            self.assertEqual(told.stdout, content)
        until(lambda: len(self.kept(server)) == (2 if FAST_LANES else 0), "two results")
        for name in self.kept(server):
            found = os.stat(f"{server.storage}/.peerstor/cache/{name}")
            self.assertEqual(stat.S_IMODE(found.st_mode), 0o600)
        server.stop()
        server.start()
        inodes = {os.stat(f"{server.storage}/.peerstor/cache/{name}").st_ino for name in self.kept(server)}
        for name, first in firsts.items():
            until(lambda name=name, first=first: self.get(server, name) == first, name)  # type: ignore[misc]
        after = {os.stat(f"{server.storage}/.peerstor/cache/{name}").st_ino for name in self.kept(server)}
        self.assertEqual(after, inodes)

    def test_changed_meanwhile(self) -> None:
        """A file that is changed again and again, to the same size and time, is never answered with what it was."""
        server = self.prepare({"a.txt": b"0" * 100_000})
        path = f"{server.storage}/a.txt"
        found = os.stat(path)
        for round_ in range(60):
            letter = b"%d" % (round_ % 10)
            with open(path, "r+b") as file:
                file.write(letter * 100_000)
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
            for _ in range(2):
                self.assertEqual(gzip.decompress(self.get(server, "a.txt"))[:1], letter)
            if round_ % 20 == 0:
                time.sleep(SETTLED)  # from here on it is kept
                for _ in range(2):
                    self.assertEqual(gzip.decompress(self.get(server, "a.txt"))[:1], letter)

    def test_many_at_once(self) -> None:
        """Fifty who ask at once get the same, and one result is kept."""
        content = text(3 * MIB)
        server, bodies = self.prepare({"a.json": content}), []
        threads = [threading.Thread(target=lambda: bodies.append(self.get(server, "a.json"))) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(bodies), len(set(bodies))), (50, 1))
        self.assertEqual(zlib.decompress(bodies[0], 31), content)
        self.assertEqual(len(self.kept(server)), 1 if FAST_LANES else 0)

    def test_slow_readers(self) -> None:
        """Whoever reads nothing of a compressed answer costs one slice and what compresses it."""
        server = self.prepare({"a.json": text(30 * MIB)}, "--cache-size", "0")
        self.get(server, "a.json")
        with server.watched() as watch:
            for _ in range(20):
                self.connect(server, receive_buffer=8192).send(head("GET", "/a.json", headers=CODED))
            time.sleep(3)
        self.measured(f"a reader of a compressed answer costs {watch.growth / 20 / 1024:.0f} KiB")
        self.assertLess(watch.growth, 20 * 2 * MIB)

    def test_size_changes(self) -> None:
        """SIGHUP with a size of nothing empties the cache; what is under way goes on."""
        folder = scratch_folder(self)
        with open(f"{folder}/peerstor.toml", "w") as file:
            file.write("")
        server = self.prepare({"a.json": text(MIB)}, "--config", f"{folder}/peerstor.toml")
        first = self.get(server, "a.json")
        with open(f"{folder}/peerstor.toml", "w") as file:
            file.write("cache-size = 0\n")
        os.kill(server.pid, signal.SIGHUP)
        until(lambda: not self.kept(server), "an empty cache")
        self.assertEqual(self.get(server, "a.json"), first)
        self.assertEqual(self.kept(server), [])


class BrokenOffTests(CompressionCase):
    def begin(self, server: Server, name: str) -> Connection:
        """Ask for a large file and read no more than its head."""
        connection = self.connect(server, receive_buffer=8192)
        connection.send(head("GET", f"/{name}", headers=CODED))
        self.assertEqual(connection.head_only().status, 200)
        return connection

    def test_client_that_leaves(self) -> None:
        """What a client didn't wait for isn't kept, and nothing stays of it."""
        server = self.prepare({"a.json": text(40 * MIB)})
        connection = self.begin(server, "a.json")
        if FAST_LANES:
            until(lambda: self.kept(server), "a draft")
        connection.reset()
        until(lambda: not self.kept(server), "an empty cache")

    def test_kill(self) -> None:
        """A killed server leaves what was whole, and drafts that the next start removes."""
        server = self.prepare({"a.json": text(40 * MIB), "b.json": text(MIB)})
        first = self.get(server, "b.json")
        self.begin(server, "a.json")
        if FAST_LANES:
            until(lambda: len(self.kept(server)) == 2, "a draft")
        server.kill()
        server.start()
        until(lambda: len(self.kept(server)) == FAST_LANES, "the end of the draft")
        self.assertEqual(self.get(server, "b.json"), first)

    def test_tampering(self) -> None:
        """What somebody has damaged is never sent, nor what was cut short by a crash of the machine."""
        server = self.prepare({"a.json": text(MIB)})
        first = self.get(server, "a.json")
        for restarted in (False, True):
            for damage in ("truncate", "overwrite", "zero"):
                for name in self.kept(server):
                    path = f"{server.storage}/.peerstor/cache/{name}"
                    if damage == "truncate":
                        os.truncate(path, os.path.getsize(path) // 2)
                    else:
                        with open(path, "r+b") as file:
                            file.seek(os.path.getsize(path) // 2)
                            file.write(b"damaged" if damage == "overwrite" else bytes(4096))
                if restarted:
                    server.kill()
                    server.start()
                self.assertEqual(self.get(server, "a.json"), first)
                self.assertEqual(self.get(server, "a.json"), first)


class FullDiskTests(CompressionCase):
    SIZE = 4 * MIB

    def test_uploads_come_first(self) -> None:
        """A file fits that fits without the cache, whether its length is said beforehand or not."""
        disk = small_disk(self, 40 * MIB)
        files = {f"{number}.json": text(self.SIZE, number) for number in range(4)}
        server = self.prepare(files, "--cache-size", "30M", storage=f"{disk}/data")
        ballast, content = Ballast(disk), os.urandom(self.SIZE)
        for announced in (True, False):
            for name in files:
                self.get(server, name)
            held = sum(os.path.getsize(f"{server.storage}/.peerstor/cache/{name}") for name in self.kept(server))
            if FAST_LANES:
                self.assertGreater(held, self.SIZE)
            ballast.leave(self.SIZE - 2 * MIB if held else self.SIZE + MIB)
            connection = self.connect(server)
            if announced:
                answer = connection.request("PUT", f"/{announced}", content)
            else:
                connection.send(head("PUT", f"/{announced}", headers={"Transfer-Encoding": "chunked"}))
                for begin in range(0, len(content), 65536):
                    piece = content[begin : begin + 65536]
                    connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                connection.send(b"0\r\n\r\n")
                answer = connection.answer()
            self.assertEqual(answer.status, 201, answer)
            with open(f"{server.storage}/{announced}", "rb") as file:
                self.assertTrue(file.read() == content)
            os.unlink(f"{server.storage}/{announced}")
            ballast.drop()
            server.stop()  # what gave way takes nothing until the next look, which is at the next start
            server.start()

    def test_full_disk(self) -> None:
        """On a disk that is full answers are compressed all the same, and nothing is kept."""
        disk = small_disk(self, 40 * MIB)
        server = self.prepare({"a.json": text(self.SIZE), "b.json": text(2 * self.SIZE)}, storage=f"{disk}/data")
        Ballast(disk).leave(0)
        for _ in range(2):
            for name, size in (("a.json", self.SIZE), ("b.json", 2 * self.SIZE)):
                self.assertEqual(len(zlib.decompress(self.get(server, name), 31)), size)
        self.assertEqual(self.kept(server), [])
