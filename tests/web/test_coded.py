"""Compressed answers, made and kept: the first, the next, and those of one moment."""

import errno
import gzip
import os
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.cache.store import Cache
from peerstor.errors import Overloaded
from peerstor.http import coding
from peerstor.tree.sandbox import Opened
from peerstor.web.coded import MADE_FIRST, CodedFiles
from peerstor.web.counts import WebCounts
from peerstor.web.files import SMALL
from tests.cache.scaffold import CacheCase
from tests.fakes import HeldThreads
from tests.web.house import Answer, House

LINE = b"all work and no play makes jack a dull boy %d\n"


def text(size: int) -> bytes:
    lines = b"".join(LINE % number for number in range(size // 46 + 1))
    return lines[:size]


class Coded(SynchronousTestCase):
    """A server that keeps what it compressed."""

    def setUp(self) -> None:
        self.house = self.serve()

    def serve(self, **settings: Any) -> House:
        house = House(**{"gzip_threshold": "64M", "fast_lanes": True, **settings})
        self.addCleanup(house.close)
        house.cache.look()
        return house

    def get(self, name: str = "a.txt", **headers: str) -> Answer:
        return self.house.get(f"/{name}", Accept_Encoding="gzip", **headers)

    def head(self, name: str = "a.txt") -> Answer:
        return self.house.ask("HEAD", f"/{name}", headers={"Accept-Encoding": "gzip"})

    def kept(self, house: House | None = None) -> list[str]:
        return os.listdir(f"{(house or self.house).storage}/.peerstor/cache")

    def counted(self) -> tuple[int, int]:
        """Misses and hits."""
        return self.house.counts.coded_anew, self.house.counts.coded_again


class AgainTests(Coded):
    """What the second one gets."""

    def test_the_same(self) -> None:
        """First and again the bytes and headers are the same, but for the length, which is known now; once for all."""
        for size in (SMALL + 1, MADE_FIRST, MADE_FIRST + 1, 6_000_000):
            with self.subTest(size=size):
                self.house.put_file("a.txt", text(size))
                first, again, third = self.get(), self.get(), self.get()
                self.assertEqual(gzip.decompress(first.body), text(size))
                self.assertEqual((again.body, third.body), (first.body, first.body))
                self.assertEqual(again.headers["content-length"], str(len(first.body)))
                for answer in (first, again):
                    for name in ("content-length", "transfer-encoding", "x-request-id", "date"):
                        answer.headers.pop(name, None)
                self.assertEqual(again.headers, first.headers)
        self.assertEqual((len(self.kept()), self.counted()), (4, (4, 8)))

    def test_compressed_once(self) -> None:
        """What is kept is not compressed again, by the next process neither."""
        for name, size in (("a.txt", SMALL + 1), ("b.txt", MADE_FIRST + 1)):
            self.house.put_file(name, text(size))
            first = self.get(name)
            with mock.patch.object(coding, "compressor", side_effect=AssertionError):
                self.assertEqual(self.get(name).body, first.body)

    def test_small(self) -> None:
        """A small file is compressed each time, which is faster than to find it, and has its length from the first."""
        for _ in range(3):
            self.house.put_file("a.txt", text(SMALL))
            answer = self.get()
            self.assertEqual(gzip.decompress(answer.body), text(SMALL))
            self.assertEqual(answer.headers["content-length"], str(len(answer.body)))
            self.assertEqual(answer.headers["content-encoding"], "gzip")
            self.assertEqual(self.house.get("/a.txt").body, text(SMALL))
        self.assertEqual(self.kept(), [])

    def test_head(self) -> None:
        """HEAD tells the length when it is known, as GET does, and makes nothing to find it out."""
        for name, size in (("a.txt", SMALL + 1), ("b.txt", MADE_FIRST + 1)):
            self.house.put_file(name, text(size))
            before = self.head(name)
            self.assertEqual(before.headers["content-encoding"], "gzip")
            self.assertNotIn("content-length", before.headers)
        self.assertEqual((self.kept(), self.counted()), ([], (0, 0)))
        for name in ("a.txt", "b.txt"):
            self.get(name)
            after, again = self.head(name), self.get(name)
            self.assertEqual((after.body, after.headers["etag"]), (b"", again.headers["etag"]))
            self.assertEqual(after.headers["content-length"], again.headers["content-length"])

    def test_conditions_and_ranges(self) -> None:
        """Tags mean what they meant, and a range is one of the plain form, whatever is kept."""
        self.house.put_file("a.txt", text(100_000))
        for _ in range(2):
            tag = self.get().headers["etag"]
            self.assertEqual(self.get(If_None_Match=tag).status, 304)
            part = self.get(Range="bytes=46-55")
            self.assertEqual((part.status, part.body), (206, text(100_000)[46:56]))
            self.assertNotIn("content-encoding", part.headers)
            self.assertEqual(self.house.get("/a.txt").body, text(100_000))

    def test_never_the_old_content(self) -> None:
        """A changed file is never answered with what was made of it before: replaced, or written in place to the same
        size and time."""
        path = self.house.put_file("a.txt", b"a" * 100_000)
        self.assertEqual(gzip.decompress(self.get().body), b"a" * 100_000)
        found = os.stat(path)
        with open(path, "r+b") as file:
            file.write(b"b" * 100_000)
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
        self.assertEqual(gzip.decompress(self.get().body), b"b" * 100_000)
        self.house.put_file("new", b"c" * 100_000)
        os.utime(self.house.path("new"), ns=(found.st_atime_ns, found.st_mtime_ns))
        os.replace(self.house.path("new"), path)
        self.assertEqual(gzip.decompress(self.get().body), b"c" * 100_000)

    def test_damaged(self) -> None:
        """What was damaged on disk is made anew, and nobody gets to see it."""
        for size in (100_000, MADE_FIRST + 1):
            self.house.put_file("a.txt", text(size))
            first = self.get()
            for name in self.kept():
                os.truncate(f"{self.house.storage}/.peerstor/cache/{name}", 200)
            self.assertEqual(self.get().body, first.body)
            self.assertEqual(self.get().body, first.body)

    def test_never_by_its_path(self) -> None:
        """Nothing in the cache is reached by an address."""
        self.house.put_file("a.txt", text(100_000))
        self.get()
        (name,) = self.kept()
        for target in (f"/.peerstor/cache/{name}", f"/-/tree/.peerstor/cache/{name}", "/.peerstor/cache/"):
            self.assertEqual(self.house.get(target).status, 404)


class NotKeptTests(Coded):
    """What isn't kept."""

    def test_client_that_leaves(self) -> None:
        """Of an answer that was broken off nothing is kept, and nothing stays."""
        self.house.put_file("a.txt", os.urandom(MADE_FIRST * 2))
        channel, wire = self.house.connect()
        channel.dataReceived(b"GET /a.txt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
        self.assertEqual(len(self.kept()), 1)
        wire.producer.stopProducing()
        channel.connectionLost(Failure(ConnectionLost()))
        self.house.settle()
        self.assertEqual(self.kept(), [])

    def test_file_that_shrinks(self) -> None:
        """Nor of a file that shrank meanwhile."""
        path = self.house.put_file("a.txt", os.urandom(MADE_FIRST * 2))
        channel, wire = self.house.connect()
        channel.dataReceived(b"GET /a.txt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
        wire.producer.pauseProducing()
        os.truncate(path, 10)
        wire.producer.resumeProducing()
        self.house.settle()
        self.assertTrue(wire.aborted)
        self.assertEqual(self.kept(), [])

    def test_both_ways(self) -> None:
        """Without the lane, and with a cache of nothing, the answers say and contain the same."""
        plain, empty = self.serve(fast_lanes=False), self.serve(cache_size=0)
        for size in (256, SMALL, SMALL + 1, MADE_FIRST + 1):
            for house in (self.house, plain, empty):
                house.put_file("a.txt", text(size))
            for method in ("GET", "HEAD"):
                answers = [
                    house.ask(method, "/a.txt", headers={"Accept-Encoding": "gzip"})
                    for house in (self.house, plain, empty)
                    for _ in range(2)
                ]
                if method == "GET":
                    for answer in answers:
                        self.assertEqual(gzip.decompress(answer.body), text(size))
                framing = () if size <= SMALL else ("content-length", "transfer-encoding")
                for answer in answers:
                    for name in (*framing, "x-request-id", "date", "etag", "last-modified"):
                        answer.headers.pop(name, None)
                    self.assertEqual((answer.status, answer.headers), (200, answers[0].headers))
        self.assertEqual((self.kept(plain), self.kept(empty)), ([], []))


class Request(StringTransport):
    """What `CodedFiles` asks of a request."""

    method = b"GET"

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[bytes, bytes] = {}

    def setHeader(self, name: bytes, value: bytes) -> None:
        self.headers[name] = value


class AtOnceTests(CacheCase):
    """Several who ask for the same before it is there."""

    def setUp(self) -> None:
        super().setUp()
        self.threads, self.clock = HeldThreads(), Clock()
        self.coded = self.sender(self.cache)

    def sender(self, cache: Cache) -> CodedFiles:
        return CodedFiles(
            threads=self.threads, coders=self.threads, clock=self.clock, counts=WebCounts(), cache=cache
        )

    def ask(self, name: str) -> tuple[Request, Deferred[None], Opened]:
        fd = os.open(f"{self.folder}/{name}", os.O_RDONLY)
        opened, request = Opened(fd, os.fstat(fd), ()), Request()
        answer: Any = self.coded.answer(request, opened, None)  # type: ignore[arg-type]
        return request, Deferred.fromCoroutine(answer), opened

    def settle(self) -> None:
        for _ in range(1000):
            self.threads.release_all()
            self.clock.advance(0)

    def test_made_once(self) -> None:
        """Fifty who ask at the same moment are all answered, and it is compressed once."""
        self.file("a", text(100_000))
        with mock.patch.object(coding, "compressor", wraps=coding.compressor) as compressor:
            asked = [self.ask("a") for _ in range(50)]
            self.assertEqual(len(self.threads.waiting), 1)
            self.settle()
            self.assertEqual(compressor.call_count, 1)
        for request, done, opened in asked:
            self.successResultOf(done)
            self.assertEqual(gzip.decompress(request.value()), text(100_000))
            opened.close()

    def test_one_leaves(self) -> None:
        """When the one for whom it is made leaves, and its file is closed, the others get it all the same."""
        self.file("a", text(100_000))
        _, gone, opened = self.ask("a")
        request, done, other = self.ask("a")
        gone.cancel()
        self.failureResultOf(gone)
        opened.close()
        self.settle()
        self.successResultOf(done)
        self.assertEqual(gzip.decompress(request.value()), text(100_000))
        other.close()

    def test_no_descriptors(self) -> None:
        """Where none is left that is said, and whoever asks later has it made."""
        self.file("a", text(100_000))
        self.file("large", text(MADE_FIRST + 1))
        for name in ("a", "large"):
            with mock.patch.object(coding.os, "dup", side_effect=OSError(errno.EMFILE, "too many")):
                _, done, opened = self.ask(name)
                self.failureResultOf(done, Overloaded)
                opened.close()
            request, done, opened = self.ask(name)
            self.settle()
            self.successResultOf(done)
            self.assertTrue(gzip.decompress(request.value()).startswith(text(1000)))
            opened.close()

    def test_it_can_not_be_kept(self) -> None:
        """Those who waited in vain are answered by compressing for each."""
        self.file("a", os.urandom(2_000_000))  # more than a quarter of the cache
        asked = [self.ask("a") for _ in range(3)]
        self.settle()
        for request, done, opened in asked:
            self.successResultOf(done)
            self.assertEqual(len(gzip.decompress(request.value())), 2_000_000)
            opened.close()
        self.assertEqual(self.names, [])

    def test_large(self) -> None:
        """Of several who ask for a large file, each has it compressed at its own pace, and one result is kept."""
        self.file("a", text(MADE_FIRST + 1))
        asked = [self.ask("a") for _ in range(3)]
        self.settle()
        bodies = set()
        for request, done, opened in asked:
            self.successResultOf(done)
            bodies.add(request.value())
            opened.close()
        self.assertEqual((len(bodies), len(self.names)), (1, 1))

    def test_a_file_that_can_not_be_read(self) -> None:
        """What is wrong with a file shows to each who asked for it."""
        fd = self.file("a", text(100_000))
        asked = [self.ask("a") for _ in range(2)]
        os.truncate(f"{self.folder}/a", 10)
        self.settle()
        for _, done, opened in asked:
            self.failureResultOf(done, coding.spans.FileShrank)
            opened.close()
        self.assertEqual((self.names, os.fstat(fd).st_size), ([], 10))
