"""Files sent from the page cache to real sockets."""

import errno
import os
import socket
import tempfile
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from peerstor.http import lent, zerocopy
from peerstor.http.answering import UNSENT_OF_KEEN
from peerstor.http.keen import IN_TIME, MUCH
from peerstor.http.request import StreamingRequest
from peerstor.http.residency import Residency
from peerstor.http.sender import FileShrank, Span, TransferStopped, send_spans
from peerstor.http.site import StreamingSite
from peerstor.interfaces import IThreads
from tests.fakes import HeldThreads, ImmediateThreads
from tests.http.loopback import Client, Loopback

MIB = 1024 * 1024
SIZE = 6 * MIB + 12_345


class Sends(Resource):
    """Answers `/SPEC`, a list of parts joined by `,`: `first-last` of the file or a word, then finishes."""

    isLeaf = True

    def __init__(self, fd: int, threads: IThreads, clock: Clock) -> None:
        super().__init__()
        self.fd, self.threads, self.clock = fd, threads, clock
        self.requests: list[StreamingRequest] = []
        self.transfers: list[Deferred[None]] = []
        self.outcomes: list[Failure | None] = []

    def render(self, request: Any) -> int:
        parts: list[bytes | Span] = []
        for word in request.path[1:].split(b","):
            first, dash, last = word.partition(b"-")
            parts.append(Span(self.fd, int(first), int(last) - int(first)) if dash else word)
        if request.getHeader("chunked") is None:
            length = sum(part.length if isinstance(part, Span) else len(part) for part in parts)
            request.setHeader(b"content-length", b"%d" % length)
        done = send_spans(request, parts, threads=self.threads, clock=self.clock)
        gone = request.notifyFinish()
        gone.addErrback(lambda _: done.cancel())
        self.requests.append(request)
        self.transfers.append(done)
        done.addCallback(lambda _: request.finish())
        done.addBoth(self.outcomes.append)
        return NOT_DONE_YET


class ZeroCopyCase(SynchronousTestCase):
    """Serves a file of 6 MiB and some bytes."""

    family = socket.AF_INET
    lanes = True
    make_threads: Any = ImmediateThreads  # the kernel may drop even what was just written

    def setUp(self) -> None:
        self.file = self.enterContext(tempfile.TemporaryFile())
        self.fd = self.file.fileno()
        self.content = os.urandom(SIZE)
        self.file.write(self.content)
        self.file.flush()
        self.clock = Clock()
        self.threads = self.make_threads()
        self.resource = Sends(self.fd, self.threads, self.clock)
        self.site = StreamingSite(self.resource, reactor=self.clock, lanes=self.lanes)  # type: ignore[arg-type]
        self.sockets = Loopback(self, self.site, family=self.family)
        self.sendfile = mock.Mock(wraps=os.sendfile)
        self.patch(os, "sendfile", self.sendfile)

    def ask(self, client: Client, *specs: str, method: str = "GET", last: str = "") -> None:
        """Send requests in one packet."""
        heads = [f"{method} /{spec} HTTP/1.1\r\nHost: x\r\n" for spec in specs]
        client.socket.setblocking(True)
        client.socket.sendall("\r\n".join((*heads, "")).encode()[:-2] + last.encode() + b"\r\n")
        client.socket.setblocking(False)

    def get(self, spec: str) -> bytes:
        """Ask once and give the answer's body."""
        client = self.sockets.connect()
        self.ask(client, spec, last="Connection: close\r\n")
        self.sockets.until(lambda: client.ended, client)
        return bytes(client.received).partition(b"\r\n\r\n")[2]

    def stalled(self, spec: str = f"0-{SIZE}") -> Client:
        """Begin a transfer to a client that reads nothing."""
        client = self.sockets.connect()
        client.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        self.ask(client, spec)
        self.sockets.settle()
        return client

    def failed(self, kind: type[Exception]) -> Any:
        """Give the fault that the only transfer ended with."""
        (outcome,) = self.resource.outcomes
        assert outcome is not None
        self.assertIsInstance(outcome.value, kind)
        return outcome.value

    def make_cold(self) -> mock.Mock:
        """Let nothing seem to be in memory."""
        cold = mock.Mock(return_value=False)
        self.patch(Residency, "warm", cold)
        return cold

    def bodies(self, received: bytes) -> list[bytes]:
        """Take the answers of one connection apart."""
        bodies = []
        while received:
            head, _, received = received.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            bodies.append(received[:length])
            received = received[length:]
        return bodies


class Sending(ZeroCopyCase):
    """What arrives, and by which way."""

    def test_whole_file(self) -> None:
        """A file arrives byte by byte, and all of them went from the page cache to the socket."""
        sent: list[int] = []
        real = self.sendfile._mock_wraps
        self.patch(os, "sendfile", lambda *args: sent.append(real(*args)) or sent[-1])
        self.assertEqual(self.get(f"0-{SIZE}"), self.content)
        self.assertEqual(sum(sent), SIZE)

    def test_slices(self) -> None:
        """Nobody waits longer than for a slice of half a MiB."""
        self.get(f"0-{SIZE}")
        self.assertEqual(max(call.args[3] for call in self.sendfile.call_args_list), MIB // 2)

    def test_head_and_first_bytes(self) -> None:
        """The head waits for the first bytes of the file, and shares its packet with them."""
        flushed = mock.Mock(wraps=socket.socket.send)
        self.patch(lent.socket.socket, "send", lambda *args: flushed(*args))
        self.get("0-10")
        flags = [call.args[2] for call in flushed.call_args_list if bytes(call.args[1]).startswith(b"HTTP/1.1")]
        self.assertEqual(flags, [socket.MSG_MORE])

    def test_parts(self) -> None:
        """Ready bytes before, between and behind spans keep their places."""
        body = self.get(f"head,3-70000,middle,70000-70000,and,0-1,{SIZE - 9}-{SIZE},tail")
        expected = b"head" + self.content[3:70000] + b"middleand" + self.content[:1] + self.content[-9:] + b"tail"
        self.assertEqual(body, expected)

    def test_counts(self) -> None:
        """The bytes count for the access log, the metrics and the stall timer as if they were written."""
        self.get(f"head,0-{SIZE},tail")
        self.assertEqual(self.resource.requests[0].sentLength, SIZE + 8)
        self.assertEqual(self.site.sent, SIZE + 8)

    def test_kept_connection(self) -> None:
        """The transport is given back: the next answers leave by it as if nothing had been."""
        client = self.sockets.connect()
        for specs in ([f"0-{SIZE}"], ["word", "0-70000", "word"], [f"1-{SIZE}", f"2-{SIZE}"]):
            client.received.clear()
            self.ask(client, *specs)
            expected = [self.parts(spec) for spec in specs]
            self.sockets.turn()
            self.sockets.until(lambda: not (self.site.busy or self.sockets.watched(client)), client)
            client.take()
            self.assertEqual(self.bodies(bytes(client.received)), expected)
            self.assertNotIn("doWrite", vars(client.transport))
            self.assertFalse(self.sockets.watched(client))

    def test_four_requests_in_one_packet(self) -> None:
        """Small, large, small and a range with `Connection: close` are answered in order, then it closes."""
        client = self.sockets.connect()
        specs = ["word", f"0-{SIZE}", "0-10", f"5-{SIZE - 5}"]
        self.ask(client, *specs, last="Connection: close\r\n")
        self.sockets.until(lambda: client.ended, client)
        self.assertEqual(client.ended, "closed")
        self.assertEqual(self.bodies(bytes(client.received)), [self.parts(spec) for spec in specs])

    def test_half_closed_client(self) -> None:
        """A client that has no more to ask still gets all of its answer."""
        client = self.sockets.connect()
        self.ask(client, f"0-{SIZE}")
        client.socket.shutdown(socket.SHUT_WR)
        self.sockets.until(lambda: client.ended, client)
        self.assertEqual(self.bodies(bytes(client.received)), [self.content])

    def test_pauses_of_any_length(self) -> None:
        """However a client reads, it gets the bytes in order."""
        client = self.stalled(f"a,0-{2 * MIB},b,100-{3 * MIB},c")
        step = 1
        while not client.received.endswith(self.content[3 * MIB - 99 : 3 * MIB] + b"c"):
            client.take(step)
            step = min(step * 2, 300_001)
            self.sockets.turn()
        self.assertEqual(
            self.bodies(bytes(client.received)),
            [b"a" + self.content[: 2 * MIB] + b"b" + self.content[100 : 3 * MIB] + b"c"],
        )

    @settings(max_examples=40, suppress_health_check=[HealthCheck.differing_executors])  # one for each class
    @given(
        st.lists(
            st.one_of(
                st.text("xyz", min_size=1, max_size=9),
                st.tuples(st.integers(0, SIZE // 2), st.integers(0, 400_000)).map(lambda s: f"{s[0]}-{sum(s)}"),
            ),
            min_size=1,
            max_size=6,
        )
    )
    def test_any_parts(self, words: list[str]) -> None:
        """What arrives is the parts in order."""
        spec = ",".join(words)
        self.assertEqual(self.get(spec), self.parts(spec))

    def parts(self, spec: str) -> bytes:
        """Give the body of an answer to `/spec`."""
        found = b""
        for word in spec.split(","):
            first, dash, last = word.partition("-")
            found += self.content[int(first) : int(last)] if dash else word.encode()
        return found


class SendingToUnix(Sending):
    """The same over a UNIX socket."""

    family = socket.AF_UNIX


class SendingWithoutLanes(Sending):
    """The same by the ordinary way."""

    lanes = False
    test_whole_file = None  # type: ignore[assignment]
    test_slices = None  # type: ignore[assignment]
    test_head_and_first_bytes = None  # type: ignore[assignment]

    def test_switch(self) -> None:
        """Without lanes nothing is sent so."""
        self.get(f"0-{SIZE}")
        self.sendfile.assert_not_called()


class Cold(ZeroCopyCase):
    """What isn't in memory."""

    make_threads = HeldThreads

    def test_nobody_else_waits(self) -> None:
        """While a thread reads a cold slice, the head is out, the socket unwatched, and others are served."""
        self.make_cold()
        client = self.sockets.connect()
        self.ask(client, f"0-{SIZE}")
        self.sockets.settle()
        client.take()
        self.assertTrue(client.received.endswith(b"\r\n\r\n"))
        self.assertEqual(len(self.threads.waiting), 1)
        self.sendfile.assert_not_called()
        self.assertFalse(self.sockets.watched(client))
        self.assertEqual(self.get("word"), b"word")

    def test_slice_after_slice(self) -> None:
        """Each slice is loaded, sent once it is there, and the next one loaded meanwhile by the kernel."""
        self.make_cold()
        asked = mock.Mock(wraps=os.posix_fadvise)
        self.patch(os, "posix_fadvise", asked)
        client = self.sockets.connect()
        self.ask(client, f"0-{SIZE}", last="Connection: close\r\n")
        for _ in range(100):
            self.sockets.turn(3)
            client.take()
            self.threads.release(len(self.threads.waiting))
        self.sockets.until(lambda: client.ended, client)
        self.assertEqual(self.bodies(bytes(client.received)), [self.content])
        ends = [call.args[1] + call.args[2] for call in asked.call_args_list]
        self.assertGreater(len(ends), 6)
        self.assertLessEqual(max(ends), SIZE)

    def test_really_evicted(self) -> None:
        """A file that the kernel has dropped from memory goes through a thread first."""
        os.fsync(self.fd)
        os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        if Residency().warm(self.fd, 0, SIZE):
            self.skipTest("this file system keeps what it has in memory")
        client = self.sockets.connect()
        self.ask(client, f"0-{SIZE}", last="Connection: close\r\n")
        self.sockets.settle()
        self.sendfile.assert_not_called()
        self.sockets.until(lambda: client.ended or self.threads.release(len(self.threads.waiting)), client)
        self.assertEqual(self.bodies(bytes(client.received)), [self.content])

    def test_lost_while_loading(self) -> None:
        """The descriptor isn't closed under a thread that reads: only then is the transfer told to be over."""
        self.make_cold()
        client = self.sockets.connect()
        self.ask(client, f"0-{SIZE}")
        self.sockets.settle()
        client.socket.close()
        self.sockets.settle()
        self.assertNotIn(client.transport, self.sockets.reactor.getReaders())
        self.assertEqual(self.resource.outcomes, [])
        self.threads.release()
        self.failed(TransferStopped)

    def test_disk_fails(self) -> None:
        """A fault of the disk is the outcome, as on the ordinary way, after what could be sent."""
        self.make_cold()
        client = self.sockets.connect()
        self.ask(client, f"0-{SIZE}")
        self.sockets.settle()
        broken = mock.Mock(side_effect=OSError(errno.EIO, "broken"))
        self.patch(os, "pread", broken)
        self.patch(os, "preadv", broken)
        self.threads.release_all()
        self.assertEqual(self.failed(OSError).errno, errno.EIO)

    def test_not_asked_for_every_packet(self) -> None:
        """What was seen in memory counts as there for a second, and is looked at again after it."""
        warm = mock.Mock(return_value=True)
        self.patch(Residency, "warm", warm)
        real = self.sendfile._mock_wraps
        self.patch(os, "sendfile", lambda *args: real(*args[:3], min(args[3], 10_000)))
        self.patch(zerocopy, "AHEAD", MIB)
        self.get(f"0-{2 * MIB + 1}")
        self.assertEqual([call.args[1:] for call in warm.call_args_list], [(0, MIB), (MIB, MIB), (2 * MIB, 1)])
        warm.reset_mock()
        client = self.sockets.connect()
        self.ask(client, "0-100000", last="Connection: close\r\n")
        while not client.ended:
            self.clock.advance(zerocopy.VOUCHED + 0.1)
            self.sockets.turn()
            client.take()
        self.assertGreater(warm.call_count, 5)

    def test_partly_in_memory(self) -> None:
        """Where not all that lies ahead is in memory, a slice that is there goes out all the same."""
        asked = []

        def warm(_: Residency, fd: int, position: int, length: int) -> bool:
            asked.append((position, length))
            return position + length <= MIB

        self.patch(Residency, "warm", warm)
        held = HeldThreads()
        self.resource.threads = held
        client = self.sockets.connect()
        self.ask(client, f"0-{2 * MIB}")
        self.sockets.until(lambda: held.waiting, client)
        half = MIB // 2
        self.assertEqual(
            asked, [(0, 2 * MIB), (0, half), (half, 2 * MIB - half), (half, half), (MIB, MIB), (MIB, half)]
        )
        self.sockets.settle()
        client.take()
        self.assertEqual(bytes(client.received).partition(b"\r\n\r\n")[2], self.content[:MIB])


class Ending(ZeroCopyCase):
    """Every way in which a transfer ends before its end."""

    def test_file_that_shrinks(self) -> None:
        """A file truncated under the transfer is a fault with the place: never padded."""
        client = self.stalled()
        os.ftruncate(self.fd, 3 * MIB)
        self.sockets.until(lambda: self.resource.outcomes, client)
        self.assertEqual(self.failed(FileShrank).position, 3 * MIB)
        client.take()
        self.assertEqual(client.received.partition(b"\r\n\r\n")[2], self.content[: 3 * MIB])
        self.assertNotIn("doWrite", vars(client.transport))

    def test_client_vanishes(self) -> None:
        """A lost connection ends the transfer and gives everything back."""
        client = self.stalled()
        client.socket.close()
        self.sockets.until(lambda: self.resource.outcomes)
        self.failed(TransferStopped)
        self.assertEqual(self.site.connections, 0)
        self.assertNotIn("doWrite", vars(client.transport))

    def test_cut(self) -> None:
        """A transfer is cut at once where its right has ended, without the rest of what was promised."""
        client = self.stalled()
        sent = self.site.sent
        self.resource.requests[0].cut()
        self.sockets.until(lambda: client.ended, client)
        self.failed(TransferStopped)
        self.assertEqual((client.ended, self.site.sent), ("reset", sent))
        self.assertEqual(self.site.connections, 0)

    def test_cancelled(self) -> None:
        """A transfer that nobody wants any more ends where it stands, and gives the transport back."""
        client = self.stalled()
        self.assertIn("doWrite", vars(client.transport))
        self.resource.transfers[0].cancel()
        self.failed(CancelledError)
        self.assertNotIn("doWrite", vars(client.transport))
        self.assertIsNone(self.resource.requests[0].producer)
        self.assertFalse(self.sockets.watched(client))

    def test_closed_in_the_middle(self) -> None:
        """A connection that somebody wants closed isn't held open by its transfer."""
        client = self.stalled()
        client.transport.protocol.loseConnection()
        self.sockets.until(lambda: client.ended, client)
        self.failed(TransferStopped)

    def test_stops_reading(self) -> None:
        """A client that takes nothing for `response` seconds is cut; one that takes a little is not."""
        client, limits = self.stalled(), self.site.timeouts
        for _ in range(int(3 * limits.response / limits.check)):
            self.clock.advance(limits.check)
            client.take(20_000)
            self.sockets.turn()
        self.assertEqual(self.site.connections, 1)
        for _ in range(int(limits.response / limits.check) + 2):
            self.clock.advance(limits.check)
            self.sockets.turn()
        self.assertEqual(self.site.connections, 0)

    def test_stopping(self) -> None:
        """When the server stops, a transfer goes on to its end, then its connection closes."""
        client = self.stalled()
        self.site.begin_stopping()
        self.sockets.until(lambda: client.ended, client)
        self.assertEqual(client.ended, "closed")
        self.assertEqual(client.received.partition(b"\r\n\r\n")[2], self.content)

    def test_stopping_for_good(self) -> None:
        """When its time is up, the transfer is cut without a word that could be taken for an end."""
        client = self.stalled()
        self.site.begin_stopping()
        self.site.cut_all()
        self.sockets.until(lambda: client.ended, client)
        self.assertEqual(client.ended, "reset")
        self.assertLess(len(client.received), SIZE)


class Fairness(ZeroCopyCase):
    """Fast clients beside others."""

    def test_keen(self) -> None:
        """The kernel takes more for a client for as long as it takes much, by one answer or by many."""
        client = self.sockets.connect()
        taken = 0

        def take(pause: float = 0.0) -> int:
            nonlocal taken
            taken += 1
            self.clock.advance(pause)
            self.ask(client, f"0-{MUCH // 4}")
            self.sockets.until(lambda: len(self.resource.outcomes) == taken, client)
            return int(client.transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT))

        few = take()
        self.assertEqual([take() for _ in range(5)], [few] * 2 + [UNSENT_OF_KEEN] * 3)
        self.assertEqual([take(IN_TIME / 5) for _ in range(9)], [UNSENT_OF_KEEN] * 9)
        self.assertEqual([take(IN_TIME / 3) for _ in range(4)][3], few)
        self.assertEqual([take() for _ in range(5)][4], UNSENT_OF_KEEN)
        self.assertEqual(take(IN_TIME * 1.1), few)

    def test_small_request_among_fast_clients(self) -> None:
        """While sixteen clients take all that they can get, a small request waits for a turn of each at most."""
        fast = [self.sockets.connect() for _ in range(16)]
        for client in fast:
            self.ask(client, f"0-{SIZE}")
        self.sockets.turn(2)
        small = self.sockets.connect()
        self.ask(small, "word")
        self.sendfile.reset_mock()
        while not small.take():
            self.sockets.turn()
            for client in fast:
                client.take()
        self.assertLess(sum(call.args[3] for call in self.sendfile.call_args_list), 3 * 16 * zerocopy.SLICE)
        self.assertIn(b"word", small.received)


class Falling(ZeroCopyCase):
    """What can't be sent this way goes the ordinary one."""

    def refuse(self, error: int, *, after: int) -> None:
        """Let `sendfile` fail from its `after`-th call on."""
        real, calls = self.sendfile._mock_wraps, iter(range(10**6))

        def refusing(*args: int) -> int:
            if next(calls) >= after:
                raise OSError(error, "no")
            return int(real(*args))

        self.patch(os, "sendfile", refusing)

    def test_refused(self) -> None:
        """Where the file system refuses, now or later, the rest goes in blocks from where it stands."""
        for error in (errno.EINVAL, errno.ENOSYS, errno.EIO, errno.ENOMEM):
            for after in (0, 1, 5):
                with self.subTest(error=error, after=after):
                    self.refuse(error, after=after)
                    body = self.get(f"head,0-{3 * MIB},middle,5-{MIB},tail")
                    self.assertEqual(
                        body, b"head" + self.content[: 3 * MIB] + b"middle" + self.content[5:MIB] + b"tail"
                    )

    def test_broken_connection(self) -> None:
        """A fault of the socket ends the transfer, whichever way meets it first."""
        client = self.stalled()
        self.refuse(errno.EPIPE, after=0)
        client.reset()
        self.sockets.until(lambda: self.resource.outcomes)
        self.failed(TransferStopped)

    def test_unsuitable_answers(self) -> None:
        """Answers that have no body, or no length and so leave in chunks, go the ordinary way."""
        client = self.sockets.connect()
        self.ask(client, f"0-{MIB}", method="HEAD", last="Connection: close\r\n")
        self.sockets.until(lambda: client.ended, client)
        self.assertTrue(client.received.endswith(b"\r\n\r\n"))
        client = self.sockets.connect()
        self.ask(client, "0-1000", last="Chunked: yes\r\nConnection: close\r\n")
        self.sockets.until(lambda: client.ended, client)
        self.assertTrue(client.received.endswith(b"3e8\r\n" + self.content[:1000] + b"\r\n0\r\n\r\n"))
        self.sendfile.assert_not_called()

    def test_platform_without_it(self) -> None:
        """Where the platform has no such call, nothing is lent."""
        client = self.sockets.connect()
        self.assertTrue(lent.lendable(client.transport))
        del os.sendfile  # put back by the patch of the set-up
        self.assertFalse(lent.lendable(client.transport))

    def test_only_bare_sockets_are_lent(self) -> None:
        """A transport that puts something between, is lent already, full, or closes, isn't lent."""
        transport = self.sockets.connect(protocol=Protocol()).transport
        self.assertTrue(lent.lendable(transport))
        for change in (
            {"TLS": True},
            {"doWrite": print},
            {"producerPaused": True},
            {"disconnecting": 1},
            {"connected": 0},
        ):
            with mock.patch.multiple(transport, create=True, **change):
                self.assertFalse(lent.lendable(transport), change)
        kind = type(transport)
        for name in ("doWrite", "writeSomeData"):
            other = type("Other", (kind,), {name: lambda self, *_: None})
            transport.__class__ = other
            self.assertFalse(lent.lendable(transport), name)
            transport.__class__ = kind
        self.assertFalse(lent.lendable(FileDescriptor(self.sockets.reactor)))
