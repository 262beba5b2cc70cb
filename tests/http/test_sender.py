"""Sending spans of files."""

import errno
import os
import tempfile
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http import spans
from peerstor.http.sender import FileShrank, Span, TransferStopped, send_spans
from tests.fakes import HeldThreads, ImmediateThreads
from tests.http.streams import FillingTransport

BLOCK = 64 * 1024


class Sending(SynchronousTestCase):
    """`send_spans` with files warm, cold, shrinking and vanished."""

    def setUp(self) -> None:
        """A file of 200 KiB of known bytes."""
        self.file = self.enterContext(tempfile.TemporaryFile())
        self.fd = self.file.fileno()
        self.content = os.urandom(200 * 1024)
        os.pwrite(self.fd, self.content, 0)
        self.clock = Clock()
        self.threads = HeldThreads()

    def make_cold(self, error: int = errno.EAGAIN) -> mock.Mock:
        """Let every read that must not wait say so."""
        cold = mock.Mock(side_effect=OSError(error, "cold"))
        self.patch(os, "preadv", cold)
        return cold

    def test_warm_file_needs_no_thread(self) -> None:
        """What the page cache holds is sent from the reactor's thread, in blocks of at most 64 KiB."""
        transport = FillingTransport(mark=10**9)
        done = send_spans(
            transport, [b"head", Span(self.fd, 5, 150_000), b"", b"tail"], threads=self.threads, clock=self.clock
        )
        self.successResultOf(done)
        self.assertEqual(transport.value(), b"head" + self.content[5:150_005] + b"tail")
        self.assertEqual(self.threads.waiting, [])
        self.assertLessEqual(max(transport.writes), BLOCK)

    def test_cold_file_is_read_in_a_thread(self) -> None:
        """Where the read would wait for the disk, the same read goes to a thread, one at a time."""
        self.make_cold()
        transport = FillingTransport(mark=10**9)
        done = send_spans(transport, [Span(self.fd, 0, 150_000)], threads=self.threads, clock=self.clock)
        self.assertEqual((transport.value(), len(self.threads.waiting)), (b"", 1))
        self.threads.release()
        self.assertEqual((transport.value(), len(self.threads.waiting)), (self.content[:BLOCK], 1))
        self.threads.release_all()
        self.successResultOf(done)
        self.assertEqual(transport.value(), self.content[:150_000])

    def test_file_system_without_the_flag(self) -> None:
        """A file system that does not know the flag is asked once."""
        cold = self.make_cold(errno.EOPNOTSUPP)
        transport = FillingTransport(mark=10**9)
        send_spans(transport, [Span(self.fd, 0, 200_000)], threads=ImmediateThreads(), clock=self.clock)
        self.assertEqual((transport.value(), cold.call_count), (self.content[:200_000], 1))

    def test_platform_without_the_flag(self) -> None:
        """Where the platform has no such read, every block goes through a thread."""
        self.patch(spans, "NOWAIT", 0)
        transport = FillingTransport(mark=10**9)
        done = send_spans(transport, [Span(self.fd, 0, 70_000)], threads=self.threads, clock=self.clock)
        self.assertEqual((transport.value(), len(self.threads.waiting)), (b"", 1))
        self.threads.release_all()
        self.successResultOf(done)
        self.assertEqual(transport.value(), self.content[:70_000])

    def test_partly_warm(self) -> None:
        """A read that got only what was cached is continued behind it."""
        real = os.preadv

        def few(fd: int, buffers: list[bytearray], position: int, flags: int) -> int:
            return real(fd, [memoryview(buffers[0])[:100]], position, flags)

        self.patch(os, "preadv", few)
        transport = FillingTransport(mark=10**9)
        done = send_spans(transport, [Span(self.fd, 7, 1050)], threads=self.threads, clock=self.clock)
        self.successResultOf(done)
        self.assertEqual(transport.value(), self.content[7:1057])

    def test_slow_reader_costs_one_block(self) -> None:
        """Behind a full transport no byte is read ahead."""
        transport = FillingTransport(mark=BLOCK)
        done = send_spans(transport, [Span(self.fd, 0, 200 * 1024)], threads=self.threads, clock=self.clock)
        self.assertEqual(len(transport.value()), BLOCK)
        os.pwrite(self.fd, b"\0" * (200 * 1024), 0)
        while transport.drain():
            self.assertLessEqual(len(transport.value()), BLOCK)
        self.successResultOf(done)
        self.assertEqual(transport.received, self.content[:BLOCK] + b"\0" * (136 * 1024))

    def test_file_that_shrinks(self) -> None:
        """A file truncated under the transfer is a fault with the place: never padded, never looped."""
        for cold in (False, True):
            with self.subTest(cold=cold):
                os.pwrite(self.fd, self.content, 0)
                if cold:
                    self.make_cold()
                transport = FillingTransport(mark=BLOCK)
                done = send_spans(
                    transport, [Span(self.fd, 0, 200 * 1024)], threads=ImmediateThreads(), clock=self.clock
                )
                os.ftruncate(self.fd, 100_000)
                while transport.producer is not None:
                    transport.drain()
                self.assertEqual(self.failureResultOf(done, FileShrank).value.position, 100_000)
                self.assertEqual(transport.received + transport.value(), self.content[:100_000])

    def test_file_that_grows(self) -> None:
        """A file that grows is sent to the length that was promised."""
        transport = FillingTransport(mark=BLOCK)
        send_spans(transport, [Span(self.fd, 0, 200 * 1024)], threads=self.threads, clock=self.clock)
        os.pwrite(self.fd, b"more", 200 * 1024)
        while transport.drain():
            pass
        self.assertEqual(transport.received, self.content)

    def test_a_read_that_fails(self) -> None:
        """A fault of the disk is the outcome, whichever way it was met first."""
        self.make_cold(errno.EIO)
        self.patch(os, "pread", mock.Mock(side_effect=OSError(errno.EIO, "broken")))
        done = send_spans(FillingTransport(), [Span(self.fd, 0, 10)], threads=ImmediateThreads(), clock=self.clock)
        self.assertEqual(self.failureResultOf(done, OSError).value.errno, errno.EIO)

    def test_lost_while_a_thread_reads(self) -> None:
        """The descriptor may be closed once the Deferred has fired: it does not fire under a read."""
        self.make_cold()
        transport = FillingTransport()
        done = send_spans(transport, [Span(self.fd, 0, 10)], threads=self.threads, clock=self.clock)
        transport.lose()
        self.assertNoResult(done)
        self.threads.release()
        self.failureResultOf(done, TransferStopped)
        self.assertEqual(transport.value(), b"")

    def test_nothing_to_send(self) -> None:
        """No parts, and parts without bytes, are sent well."""
        for parts in ([], [b""], [Span(self.fd, 3, 0)], [Span(self.fd, 10**9, 0), b""]):
            with self.subTest(parts=parts):
                done = send_spans(FillingTransport(), parts, threads=self.threads, clock=self.clock)
                self.assertIsNone(self.successResultOf(done))

    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=20),
                st.tuples(st.integers(0, 190_000), st.integers(0, 9_000)),
            ),
            max_size=8,
        ),
        st.integers(1, 100_000),
    )
    def test_any_parts_through_any_consumer(self, parts: list[bytes | tuple[int, int]], mark: int) -> None:
        """What arrives is the parts in order, whenever the consumer pauses."""
        transport = FillingTransport(mark=mark)
        done = send_spans(
            transport,
            [part if isinstance(part, bytes) else Span(self.fd, *part) for part in parts],
            threads=ImmediateThreads(),
            clock=self.clock,
        )
        while transport.producer is not None:
            transport.drain()
        self.successResultOf(done)
        expected = b"".join(
            part if isinstance(part, bytes) else self.content[part[0] : part[0] + part[1]] for part in parts
        )
        self.assertEqual(transport.received + transport.value(), expected)
