"""Content coding."""

import errno
import gzip
import os
import resource
import tempfile
import tracemalloc
import zlib
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http import coding
from peerstor.http.blocks import TransferStopped, send
from peerstor.http.coding import SLICE, Gzip, compressible, gzipped, negotiate
from peerstor.http.spans import FileShrank
from peerstor.http.stepped import SteppedBlocks
from tests.fakes import HeldThreads, ImmediateThreads
from tests.http.streams import FillingTransport


class Negotiation(SynchronousTestCase):
    """`negotiate` (RFC 9110, section 12.5.3)."""

    def test_table(self) -> None:
        """gzip where it is acceptable and no less wanted than nothing at all."""
        for header, expected in [
            (None, None),
            (b"", None),
            (b"gzip", b"gzip"),
            (b"gzip, deflate, br, zstd", b"gzip"),
            (b"GZIP", b"gzip"),
            (b"x-gzip", b"gzip"),
            (b"br", None),
            (b"*", b"gzip"),
            (b"*;q=0", None),
            (b"*;q=0, gzip", b"gzip"),
            (b"gzip;q=0", None),
            (b"gzip;q=0.", None),
            (b"gzip;q=0, *", None),
            (b"gzip; q=0.000", None),
            (b"gzip;q=0.001", b"gzip"),
            (b"identity", None),
            (b"identity, gzip", b"gzip"),
            (b"gzip;q=0.5, identity", None),
            (b"gzip;q=0.5, identity;q=0.5", b"gzip"),
            (b"gzip;q=0.5, *;q=1", None),
            (b"gzip;q=1.0, identity;q=0.5, *;q=0", b"gzip"),
            (b"identity;q=0, gzip", b"gzip"),
            (b"identity;q=0, gzip;q=0", None),
            (b"identity;q=0", None),
            (b"identity;q=0, *", b"gzip"),
            (b"gzip;q=2", None),
            (b"gzip;q=-1", None),
            (b"gzip;q=nan", None),
            (b",,gzip,,", b"gzip"),
            (b"gzipped", None),
        ]:
            with self.subTest(header=header):
                self.assertEqual(negotiate(header), expected)

    @given(st.binary(max_size=60))
    def test_hostile_values(self, header: bytes) -> None:
        """Whatever is sent, one of the two codings is chosen."""
        self.assertIn(negotiate(header), (None, b"gzip"))

    def test_compressible(self) -> None:
        """Text and its like is worth it, what is compressed already is not."""
        worth_it = (
            "text/plain; charset=utf-8, Text/HTML, application/json, image/svg+xml, text/javascript, font/ttf"
        )
        for media_type in [
            *worth_it.split(", "),
            "application/ld+json",
            "application/xml",
            "application/atom+xml",
        ]:
            with self.subTest(media_type=media_type):
                self.assertTrue(compressible(media_type))
        zipped = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        for media_type in [
            "image/png",
            "application/gzip",
            "video/mp4",
            "application/octet-stream",
            "font/woff2",
            zipped,
            "",
        ]:
            with self.subTest(media_type=media_type):
                self.assertFalse(compressible(media_type))


class Copied:
    """Takes what is coded as well; remembers how that ended."""

    def __init__(self) -> None:
        self.data = b""
        self.ends: list[str] = []

    @property
    def over(self) -> bool:
        return bool(self.ends)

    def write(self, data: bytes) -> None:
        self.data += data

    def keep(self, fd: int) -> None:
        os.fstat(fd)
        self.ends.append("kept")

    def abandon(self) -> None:
        if not self.ends:
            self.ends.append("abandoned")


class Compression(SynchronousTestCase):
    """`SteppedBlocks`, with both libraries."""

    def setUp(self) -> None:
        """A file."""
        self.file = self.enterContext(tempfile.TemporaryFile())
        self.fd = self.file.fileno()
        self.clock = Clock()

    def blocks(self, length: int, threads: Any = None, copy: Copied | None = None) -> SteppedBlocks:
        """Give the source of the file's first bytes, coded."""
        gzip = Gzip(fd=self.fd, length=length, copy=None if copy is None else lambda: copy)
        return SteppedBlocks(gzip, threads=ImmediateThreads() if threads is None else threads)

    def sent(self, content: bytes, length: int | None = None) -> bytes:
        """Send a file of this content and return what arrived."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, content, 0)
        transport = StringTransport()
        source = self.blocks(len(content) if length is None else length)
        done = send(transport, source, clock=self.clock)
        while transport.producer is not None:
            self.clock.advance(0)
        self.successResultOf(done)
        return transport.value()

    def test_round_trip(self) -> None:
        """What an independent gzip makes of it is the file; the same file gives the same bytes."""
        text = b"".join(b'{"line": %d}\n' % number for number in range(50_000))
        for content in (b"", b"x", b"\0" * 3_000_000, text, os.urandom(SLICE * 2 + 1)):
            for without_isal in (False, True):
                with self.subTest(size=len(content), without_isal=without_isal):
                    if without_isal:
                        self.patch(coding, "isal_zlib", None)
                    coded = self.sent(content)
                    self.assertEqual(gzip.decompress(coded), content)
                    self.assertEqual(coded, self.sent(content))

    def test_it_pays(self) -> None:
        """Text gets much smaller with either library."""
        text = b"".join(b'{"line": %d}\n' % number for number in range(50_000))
        self.assertLess(len(self.sent(text)), len(text) / 3)
        self.patch(coding, "isal_zlib", None)
        self.assertLess(len(self.sent(text)), len(text) / 3)

    def test_length_is_fixed_at_the_head(self) -> None:
        """A file that has grown since is compressed to the length that it had."""
        self.assertEqual(gzip.decompress(self.sent(b"before and after", 6)), b"before")

    def test_file_that_shrinks(self) -> None:
        """A file truncated under the transfer ends it without the end of the gzip stream."""
        os.pwrite(self.fd, os.urandom(SLICE * 4), 0)
        transport = FillingTransport(mark=1)
        source = self.blocks(SLICE * 4)
        done = send(transport, source, clock=self.clock)
        os.ftruncate(self.fd, SLICE * 2 + 5)
        while transport.producer is not None:
            transport.drain()
        self.assertEqual(self.failureResultOf(done, FileShrank).value.position, SLICE * 2 + 5)
        decoder = zlib.decompressobj(31)
        decoder.decompress(transport.received + transport.value())
        self.assertFalse(decoder.eof)

    def test_never_in_the_reactor(self) -> None:
        """All reading and compressing is handed to threads, one slice of bounded size at a time."""
        os.pwrite(self.fd, os.urandom(SLICE * 3), 0)
        reads: list[int] = []
        real = os.pread

        def pread(fd: int, length: int, position: int) -> bytes:
            reads.append(length)
            return real(fd, length, position)

        self.patch(os, "pread", pread)
        threads = HeldThreads()
        transport = FillingTransport(mark=10**9)
        done = send(transport, self.blocks(SLICE * 3, threads), clock=self.clock)
        self.assertEqual((reads, len(threads.waiting)), ([], 1))
        threads.release()
        self.assertEqual((reads, len(threads.waiting)), ([SLICE], 1))
        self.assertFalse(transport.value() == b"")
        threads.release_all()
        self.successResultOf(done)
        self.assertEqual(reads, [SLICE] * 3)

    def test_nothing_is_compressed_for_a_full_client(self) -> None:
        """Behind a paused consumer one slice is made in advance, and no second one."""
        os.pwrite(self.fd, os.urandom(SLICE * 4), 0)
        threads = HeldThreads()
        transport = FillingTransport(mark=1)
        send(transport, self.blocks(SLICE * 4, threads), clock=self.clock)
        threads.release()
        first = len(transport.value())
        self.assertEqual((first > 0, len(threads.waiting)), (True, 1))
        threads.release()
        self.assertEqual((len(transport.value()), threads.waiting), (first, []))
        transport.drain()
        self.assertEqual(len(threads.waiting), 1)

    def test_lost_in_mid_slice(self) -> None:
        """The outcome waits for the slice under way; no further one is begun."""
        os.pwrite(self.fd, b"\0" * SLICE * 3, 0)
        threads = HeldThreads()
        transport = FillingTransport()
        done: Deferred[None] = send(transport, self.blocks(SLICE * 3, threads), clock=self.clock)
        transport.lose()
        self.assertNoResult(done)
        threads.release_all()
        self.failureResultOf(done, TransferStopped)
        self.assertEqual(transport.value(), b"")

    def test_copy(self) -> None:
        """All that is sent goes to the copy as well, which hears of the end; in one go it would be the same."""
        content = b"all work and no play " * 9000
        os.pwrite(self.fd, content, 0)
        copy, transport = Copied(), StringTransport()
        done = send(transport, self.blocks(len(content), copy=copy), clock=self.clock)
        self.clock.pump([0] * 20)
        self.successResultOf(done)
        self.assertEqual((copy.data, copy.ends), (transport.value(), ["kept"]))
        self.assertEqual(copy.data, gzipped(content))

    def test_copy_of_a_part(self) -> None:
        """A copy of what wasn't sent to its end is abandoned, in a thread: client gone, file shrunk."""
        os.pwrite(self.fd, os.urandom(SLICE * 3), 0)
        threads, copy, transport = HeldThreads(), Copied(), FillingTransport()
        done: Deferred[None] = send(transport, self.blocks(SLICE * 3, threads, copy), clock=self.clock)
        threads.release()
        transport.lose()
        self.assertEqual((copy.ends, len(threads.waiting)), ([], 1))
        threads.release_all()
        self.failureResultOf(done, TransferStopped)
        self.assertEqual(copy.ends, ["abandoned"])
        copy = Copied()
        done = send(StringTransport(), self.blocks(SLICE * 4, copy=copy), clock=self.clock)
        self.clock.pump([0] * 20)
        self.failureResultOf(done, FileShrank)
        self.assertEqual(copy.ends, ["abandoned"])

    def test_nothing_stays_open(self) -> None:
        """However it ends, no descriptor is left, and the caller's own is untouched."""
        os.pwrite(self.fd, os.urandom(SLICE * 3), 0)
        before = os.listdir("/proc/self/fd")
        for length, lost in ((SLICE * 3, False), (SLICE * 9, False), (SLICE * 3, True)):
            transport = FillingTransport(mark=10**9)
            done = send(transport, self.blocks(length), clock=self.clock)
            if lost:
                transport.lose()
            self.clock.pump([0] * 20)
            done.addErrback(lambda failure: failure.trap(FileShrank, TransferStopped))
            self.assertEqual(os.listdir("/proc/self/fd"), before)
        os.fstat(self.fd)

    def test_a_read_that_fails(self) -> None:
        """A fault of the disk is the outcome."""
        self.patch(os, "pread", mock.Mock(side_effect=OSError(errno.EIO, "broken")))
        done = send(StringTransport(), self.blocks(5), clock=self.clock)
        self.assertEqual(self.failureResultOf(done, OSError).value.errno, errno.EIO)

    def test_memory_stays_flat(self) -> None:
        """100 MiB pass through in the memory of a few slices, of text and of noise alike; measured as Python's
        memory and as the process's, where a library's own would show."""
        piece = os.urandom(512 * 1024) + b"all work and no play " * 25_000
        size = 0
        while size < 100 * 1024 * 1024:
            size += os.pwrite(self.fd, piece, size)
        passed = 0

        class Counting(StringTransport):
            def write(self, data: bytes) -> None:
                nonlocal passed
                passed += len(data)

        self.sent_quietly(Counting(), 1024 * 1024)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tracemalloc.start()
        try:
            self.sent_quietly(Counting(), size)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertGreater(passed, 40 * 1024 * 1024)
        self.assertLess(peak, 3 * 1024 * 1024)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        self.assertLess(grown, 16 * 1024)

    def sent_quietly(self, transport: StringTransport, length: int) -> None:
        """Send the file as it lies there."""
        done = send(transport, self.blocks(length), clock=self.clock)
        while transport.producer is not None:
            self.clock.advance(0)
        self.successResultOf(done)
