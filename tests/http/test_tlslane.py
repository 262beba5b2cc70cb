"""Rules of TLS with OpenSSL at the socket, beyond those of every connection (see `test_channel.LaneTests`)."""

from __future__ import annotations

import contextlib
import os
import random
import re
import select
import socket
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.tcp import Server
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerstor.http.firstbyte import FirstByteFactory
from peerstor.http.intake import Intake
from peerstor.http.keen import IN_TIME, MUCH
from peerstor.http.lent import lendable
from peerstor.http.outflow import unsent
from peerstor.http.request import StreamingRequest
from peerstor.http.spans import BLOCK
from peerstor.http.tls import ServerContexts, server_context
from peerstor.http.tlslane import (
    PIECE,
    READ_AT_ONCE,
    RECORD,
    UNSENT_OF_KEEN,
    SecureServer,
    TlsLaneFactory,
)
from tests.certificates import Authority
from tests.http.sockets import Lane
from tests.http.wire import Secure, answer

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
OWN = re.compile(rb"\r\n(?:Date|X-Request-ID): [^\r]*")
CONTENT = os.urandom(3_000_000)


def given(content: bytes) -> Callable[[StreamingRequest], None]:
    return lambda request: answer(request, content)


class LaneCase(SynchronousTestCase):
    make: Any = Lane

    def lane(self, handle: Callable[[StreamingRequest], None] = answer, **site: Any) -> Any:
        """Connect; the sockets are closed with the test."""
        lane = self.make(handle, **site)
        self.addCleanup(lane.close)
        return lane

    def end(self, c: Lane) -> None:
        """Have the client close its side, if there is anybody at the other."""
        with contextlib.suppress(OSError):
            c.raw.shutdown(socket.SHUT_WR)

    def assert_over(self, c: Lane) -> None:
        """The connection is closed, off the books, watched by nobody, and nothing was logged as a defect."""
        c._exchange()
        self.assertTrue(c.transport.disconnected)
        self.assertEqual(c.site.connections, 0)
        self.assertEqual((c.reactor.readers, c.reactor.writers), (set(), set()))
        self.assertEqual(self.flushLoggedErrors(), [])


class Late(Lane):
    """A client that doesn't begin TLS by itself."""

    def shake_hands(self) -> None:
        self._client = SSL.Connection(self.context, None)
        self._client.set_connect_state()

    def hello(self) -> bytes:
        """Give what it would say first."""
        with contextlib.suppress(SSL.WantReadError):
            self._client.do_handshake()
        return self._client.bio_read(1 << 16)

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.out += data
        self._exchange()

    def renew(self, **settings: Any) -> None:
        """Be another client, which has not said anything yet: `most` (the version), `offer` (ALPN)."""
        self.context = SSL.Context(SSL.TLS_METHOD)
        if "most" in settings:
            self.context.set_min_proto_version(SSL.TLS1_VERSION)
            self.context.set_max_proto_version(settings["most"])
            self.context.set_cipher_list(b"ALL:@SECLEVEL=0")
        else:
            self.context.set_alpn_protos([settings["offer"]])
        self.shake_hands()

    def _client_turn(self) -> bool:
        with contextlib.suppress(SSL.Error):
            return super()._client_turn()
        return True


class HandshakeTests(LaneCase):
    make = Late

    def test_kind(self) -> None:
        """The transport says that it is secure, and nobody takes it for a plain one."""
        c = self.lane()
        verifyObject(ISSLTransport, c.transport)
        self.assertTrue(c.channel.isSecure())
        self.assertIsNone(c.transport.getPeerCertificate())
        self.assertEqual(c.transport.getPeer(), IPv4Address("TCP", "192.0.2.7", 4242))
        self.assertFalse(Intake.suits(c.transport))
        self.assertFalse(lendable(c.transport))

    def test_byte_by_byte(self) -> None:
        """A handshake whose bytes drip in is one like any other, if it is fast enough."""
        c = self.lane()
        for byte in c.hello():
            c.say(bytes([byte]))
        c.send(GET)
        self.assertIn(b"fine", c.received())

    def test_stalled(self) -> None:
        """Who stops anywhere in the handshake, or never begins, is cut when the time for a head is over."""
        for length in (0, 1, 5, 100, -1):
            c = self.lane()
            c.say(c.hello()[:length])
            self.assertEqual(c.site.connections, 1)
            c.clock.advance(9)
            self.assertFalse(c.wire.aborted)
            c.clock.advance(2)
            self.assertTrue(c.wire.aborted)
            self.assert_over(c)

    def test_dripping(self) -> None:
        """Bytes that drip in gain no time."""
        c = self.lane()
        for byte in c.hello()[:12]:
            c.say(bytes([byte]))
            c.clock.advance(1)
        self.assert_over(c)

    def test_no_tls(self) -> None:
        """What isn't TLS, or no handshake of it, ends the connection, without a word in the log."""
        seed = random.Random(7)
        hello = self.lane().hello()
        for data in (
            b"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
            b"\x16\x03\x01",
            b"\x16" * 70_000,
            b"\x80\x2e\x01\x03\x01" + b"\0" * 40,
            hello[:50] + b"\xff" * 600,
            hello + b"garbage" * 100,
            hello[:1] + b"\x02" + hello[2:],
            *(seed.randbytes(seed.randrange(1, 3000)) for _ in range(10)),
            *(hello[:at] + bytes([hello[at] ^ 0x55]) + hello[at + 1 :] for at in range(0, len(hello), 41)),
        ):
            with self.subTest(data=data[:60]):
                c = self.lane()
                c.say(data)
                self.end(c)
                self.assert_over(c)

    def test_alert(self) -> None:
        """Whoever speaks another language is told so by an alert that arrives, though more lay unread."""
        c = self.lane()
        c.raw.sendall(b"\x16\x03\x01\x00\x05hello" + b"x" * 5000)
        c.reactor.turn()
        self.assertEqual(c.raw.recv(100)[:2], b"\x15\x03")
        self.assertEqual(c.raw.recv(100), b"")
        self.assert_over(c)

    def test_versions(self) -> None:
        """TLS 1.2 and 1.3 are spoken, older ones not."""
        for most, good in (
            (SSL.TLS1_1_VERSION, False),
            (SSL.TLS1_2_VERSION, True),
            (SSL.TLS1_3_VERSION, True),
        ):
            c = self.lane()
            c.renew(most=most)
            c.say(c.hello())
            if good:
                c.send(GET)
                self.assertIn(b"fine", c.received())
            else:
                self.assertIn("protocol version", str(c.failure))
                self.assert_over(c)

    def test_offers(self) -> None:
        """Whoever offers no protocol of ours is told so; one of HTTP/1.0 gets no answer to that, but to its request."""
        for offer, chosen in ((b"http/1.1", b"http/1.1"), (b"http/1.0", b""), (b"h2", None)):
            c = self.lane()
            c.renew(offer=offer)
            c.say(c.hello())
            if chosen is None:
                self.assertIn("no application protocol", str(c.failure))
                self.assert_over(c)
            else:
                self.assertEqual(c._client.get_alpn_proto_negotiated(), chosen)
                c.send(GET)
                self.assertIn(b"fine", c.received())

    def test_refused_at_once(self) -> None:
        """Who has too many connections is told so when the handshake is done; far too many aren't even heard."""
        c = self.lane(per_address=1)
        first = c.raw
        self.addCleanup(first.close)
        c.connect()
        c.transport = max((one.transport for one in c.site._channels), key=lambda one: one.fileno())
        c.say(c.hello())
        self.assertIn(b"HTTP/1.1 429 ", c.received())
        self.assertEqual(c.site.connections, 2)
        second = c.raw
        self.addCleanup(second.close)
        c.connect()
        self.assertEqual(c.raw.recv(10) if self.readable(c) else b"", b"")

    def readable(self, c: Lane) -> bool:
        c.reactor.turn()
        with contextlib.suppress(BlockingIOError, ConnectionError):
            return bool(c.raw.recv(1, socket.MSG_PEEK))
        return False

    def test_exchange(self) -> None:
        """Another certificate is for new connections; one in its handshake goes on with what it has."""
        c = self.lane()
        hello, one = c.hello(), Authority().issue()
        before = c.contexts()._context
        self.addCleanup(c.contexts().use, before)
        c.contexts().use(server_context(one.key, one.chain, protocols=[b"http/1.1"]))
        c.say(hello)
        shown = [c._client.get_peer_certificate(as_cryptography=True)]
        other = self.lane()
        other.say(other.hello())
        shown.append(other._client.get_peer_certificate(as_cryptography=True))
        self.assertNotEqual(shown[0], one.chain[0])
        self.assertEqual(shown[1], one.chain[0])

    def test_full_while_shaking(self) -> None:
        """Where the kernel takes nothing of the handshake, nothing is read before it does."""
        c = self.lane()
        c.transport._tls = Fake(do_handshake=[SSL.WantWriteError, SSL.WantReadError, None])
        c.transport.doRead()
        self.assertEqual((c.reactor.readers, c.reactor.writers), (set(), {c.transport}))
        c.transport.doWrite()
        self.assertEqual((c.reactor.readers, c.reactor.writers), ({c.transport}, set()))
        c.transport.pauseProducing()
        c.transport.doRead()
        self.assertEqual((c.reactor.readers, c.reactor.writers), (set(), {c.transport}))

    def test_other_transport(self) -> None:
        """A transport that isn't twisted's own for TCP gets the ordinary way."""
        contexts = ServerContexts(server_context(ONE.key, ONE.chain, protocols=[b"http/1.1"]))
        self.assertIsInstance(contexts, ServerContexts)
        c = Ordinary(answer)
        c.send(GET)
        self.assertIn(b"fine", c.received())


ONE = Authority().issue()


class Ordinary(Secure):
    """The lane's factory over a transport that has no socket."""

    def connect(self) -> None:
        stock = self.factory()
        assert Secure._contexts is not None
        lane = TlsLaneFactory(contexts=Secure._contexts, protocols=self.site, otherwise=stock)
        lane.buildProtocol(None).makeConnection(self.wire)
        self.protocol = self.wire.protocol  # type: ignore[attr-defined]
        self.channel = self.protocol.wrappedProtocol
        self.shake_hands()


class Fake:
    """An OpenSSL that does as it is told: for each name the outcomes of its calls, errors by their class."""

    def __init__(self, **outcomes: list[Any]) -> None:
        self._outcomes = outcomes
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls.append((name, *map(bytes, (one for one in arguments if isinstance(one, memoryview)))))
            outcome = self._outcomes[name].pop(0)
            if name == "send" and isinstance(outcome, int):
                return min(outcome, len(arguments[0]))
            if isinstance(outcome, type):
                raise outcome()
            return outcome

        return call


class ReadingTests(LaneCase):
    def test_nothing_left_behind(self) -> None:
        """Whoever pauses gets one read more at most, and what is left lies with the kernel, not in OpenSSL."""
        got: list[int] = []

        class Pausing:
            def dataReceived(self, data: bytes) -> None:
                got.append(len(data))
                c.transport.pauseProducing()

        c = self.lane()
        c.transport.protocol = Pausing()
        whole = READ_AT_ONCE * 5 + 777
        sent = 0
        while sent < whole:
            sent += c._client.send(b"x" * (whole - sent))
        for _ in range(50):
            c._client_turn()
            c.reactor.turn()
        self.assertEqual(len(got), 1)
        self.assertLess(got[0], READ_AT_ONCE + RECORD)
        while sum(got) < whole:
            self.assertEqual(c.transport._tls.pending(), 0)
            before = len(got)
            c.transport.resumeProducing()
            c._exchange()
            self.assertEqual(len(got), before + 1)

    def test_records_byte_by_byte(self) -> None:
        """A request whose records come byte by byte is read like any other."""
        c = self.lane()
        c._client.send(GET[:10])
        c._client.send(GET[10:])
        for byte in c._client.bio_read(1 << 16):
            c.out += bytes([byte])
            c._exchange()
        self.assertIn(b"fine", c.received())

    def test_broken_records(self) -> None:
        """A record that was changed, cut or made up ends the connection, and nobody sees what was in it."""
        for damage in (
            lambda record: record[:-1] + bytes([record[-1] ^ 1]),
            lambda record: record[:20] + b"\0" * 100,
            lambda record: record[:4] + b"\xff" + record[5:],
            lambda record: b"\x16" + record[1:],
            lambda record: b"\x17\x03\x03\xff\xff" + b"x" * 70_000,
            lambda record: b"\x15\x03\x03\x00\x02\x02\x28",
            lambda record: b"",
        ):
            c = self.lane()
            c._client.send(GET)
            c.out = damage(c._client.bio_read(1 << 16))
            c._exchange()
            self.end(c)
            self.assertEqual(c.requests, [])
            self.assert_over(c)

    def test_gone_without_a_word(self) -> None:
        """A client that closes its socket, or resets it, ends the connection, whatever was under way."""
        for request in (b"", b"GET /", GET, b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n12"):
            for reset in (False, True):
                c = self.lane(lambda r: r.write(b"x") if r.method == b"GET" else r.body.discard())
                c.send(request)
                if reset:
                    c.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                c.raw.close()
                c._client_turn = lambda: False
                self.assert_over(c)

    def test_goodbye_of_the_client(self) -> None:
        """It is answered by our own, and then the connection is closed; what comes behind it is read by nobody."""
        for behind in (b"", GET, b"\x17\x03\x03\x00\x05hello"):
            c = self.lane()
            c.send(GET)
            c._client.shutdown()
            c.out = c._client.bio_read(1 << 16) + behind
            c._exchange()
            self.assertEqual(len(c.requests), 1)
            if not behind:
                self.assertEqual(c._client.get_shutdown(), SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)
            self.assertTrue(c.ended)
            self.assert_over(c)

    def test_request_and_goodbye(self) -> None:
        """A request with the client's goodbye right behind it reaches its handler."""
        c = self.lane()
        c._client.send(GET)
        c._client.shutdown()
        self.assert_over(c)
        self.assertEqual(len(c.requests), 1)

    def test_answer_before_reading_on(self) -> None:
        """Where OpenSSL has to write before it reads on, the socket is read again when it takes bytes."""
        c = self.lane()
        c.transport._tls = Fake(recv=[GET, SSL.WantWriteError, GET, SSL.WantReadError], send=[1 << 16] * 4)
        c.transport.doRead()
        self.assertEqual((c.transport in c.reactor.readers, c.transport in c.reactor.writers), (False, True))
        c.transport.resumeProducing()  # what others want doesn't matter meanwhile
        self.assertNotIn(c.transport, c.reactor.readers)
        c.transport.doWrite()
        self.assertIn(c.transport, c.reactor.readers)
        self.assertEqual(len(c.requests), 2)

    def test_paused_before_reading_on(self) -> None:
        """Who has paused meanwhile gets nothing."""
        c = self.lane()
        c.transport._tls = Fake(recv=[SSL.WantWriteError])
        c.transport.doRead()
        c.transport.pauseProducing()
        c.transport.doWrite()
        self.assertNotIn(c.transport, c.reactor.readers)


class WritingTests(LaneCase):
    def narrow(self, c: Any) -> None:
        """Have the kernel take little."""
        c.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        c.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)

    def test_whole(self) -> None:
        """A large answer arrives whole, whether the kernel takes much of it at a time or little."""
        for narrow, content in ((False, CONTENT), (True, CONTENT[:150_000])):
            c = self.lane(given(content))
            if narrow:
                self.narrow(c)
            c.send(GET)
            for _ in range(2000):
                if c.received().endswith(content[-100:]):
                    break
            self.assertTrue(c.received().endswith(content))

    def test_many_small_pieces(self) -> None:
        """Pieces that wait are sent together, in their order."""
        pieces = [os.urandom(random.Random(n).randrange(1, 3000)) for n in range(40)]

        def handle(request: StreamingRequest) -> None:
            request.setHeader(b"content-length", b"%d" % sum(map(len, pieces)))
            for piece in pieces:
                request.write(piece)
            request.finish()

        c = self.lane(handle)
        self.narrow(c)
        c.send(GET)
        for _ in range(500):
            c._exchange()
        self.assertTrue(c.received().endswith(b"".join(pieces)))

    def test_same_bytes_again(self) -> None:
        """What the kernel didn't take comes again, the same bytes first: OpenSSL holds a record of them."""
        c = self.lane()
        fake = c.transport._tls = Fake(send=[4, SSL.WantWriteError, SSL.WantWriteError, 6, 3])
        c.transport.write(b"0123456789")
        c.transport.doWrite()
        self.assertEqual(unsent(c.transport), 6)
        c.transport.write(b"abc")
        c.transport.doWrite()
        c.transport.doWrite()
        self.assertEqual(
            [call[1] for call in fake.calls],
            [b"0123456789", b"456789", b"456789", b"456789", b"abc"],
        )
        self.assertNotIn(c.transport, c.reactor.writers)

    def test_lost_while_writing(self) -> None:
        """A connection that fails while it is written to is over."""
        c = self.lane()
        c.transport._tls = Fake(send=[SSL.SysCallError])
        c.transport.write(b"x")
        c.reactor.turn()
        self.assert_over(c)

    def test_pull_producer(self) -> None:
        """A producer that wants to be asked is asked whenever all is sent."""
        pieces = [b"a" * 1000, b"b" * 100_000, b"c"]

        class Pulled:
            def resumeProducing(self) -> None:
                if pieces:
                    c.transport.write(pieces.pop(0))
                else:
                    c.transport.unregisterProducer()

            def stopProducing(self) -> None:
                """Nothing to stop."""

        c = self.lane()
        c.transport.unregisterProducer()
        c.transport.registerProducer(Pulled(), False)
        self.assertEqual(c.received(), b"a" * 1000 + b"b" * 100_000 + b"c")
        self.assertEqual(c.reactor.writers, set())

    def test_others_have_their_turn(self) -> None:
        """One turn sends a megabyte, however much a producer has."""
        written = 0

        class Endless:
            def resumeProducing(self) -> None:
                nonlocal written
                written += 65536
                c.transport.write(b"x" * 65536)

            pauseProducing = stopProducing = lambda self: None

        c = self.lane()
        c.transport.unregisterProducer()
        c.transport._tls = Fake(send=[RECORD] * 65)
        c.transport.registerProducer(Endless(), False)
        c.transport.doWrite()
        self.assertEqual(written, 1 << 20)
        self.assertEqual(len(c.transport._tls.calls), 64)
        self.assertIn(c.transport, c.reactor.writers)

    def test_keen(self) -> None:
        """The kernel takes more for a client that has taken much, and OpenSSL gets more at a time."""

        def waiting(c: Any) -> int:
            return int(c.transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT))

        c = self.lane()
        fake = c.transport._tls = Fake(send=[1 << 20] * 320)
        for taken in range(0, MUCH + 1, 1 << 18):
            self.assertEqual(waiting(c) == UNSENT_OF_KEEN, taken >= MUCH)
            self.assertEqual(c.transport.block_size, PIECE if taken >= MUCH else BLOCK)
            c.transport.write(b"x" * (1 << 18))
            c.transport.doWrite()
            self.assertEqual(len(fake.calls[-1][1]), PIECE if taken >= MUCH else RECORD)

    def test_nothing_held_back(self) -> None:
        """A fast client's last few bytes don't wait for more to share a packet with."""
        c = self.lane()
        c.transport._keenness.keen = True
        for content in (b"a", b"b" * 70_001, b"c"):
            c.transport.write(content)
            c.reactor.turn()
            self.assertEqual(c.transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK), 0)
            self.assertTrue(c.received().endswith(content))

    def test_pause_after_fast(self) -> None:
        """A fast client that pauses in the middle of a piece gets the whole of it later."""
        content = os.urandom(PIECE * 2)
        c = self.lane(given(content))
        self.narrow(c)
        c.transport._keenness.keen = True
        pull, c._pull = c._pull, lambda: b""
        c.send(GET)
        c.clock.advance(IN_TIME * 2)
        c._pull = pull
        for _ in range(2000):
            if c.received().endswith(content):
                break
        self.assertTrue(c.received().endswith(content))
        self.assertFalse(c.transport._keenness.keen)

    def test_slow_after_fast(self) -> None:
        """Of a client that was fast all that it takes is seen, though OpenSSL tells of a piece only at its end."""
        c = self.lane()
        self.narrow(c)
        c.transport._keenness.keen = True
        c.transport.write(b"x" * PIECE)
        c._pull = lambda: b""
        c._exchange()
        waiting = [unsent(c.transport)]
        while not c.transport.offset and c.transport.dataBuffer:
            select.select([c.raw], [], [], 10)
            c.raw.recv(16_000)
            c._exchange()
            waiting.append(unsent(c.transport))
        self.assertEqual(waiting, sorted(waiting, reverse=True))
        self.assertGreater(len(set(waiting)), 8)

    def test_stalled_reader(self) -> None:
        """A client that takes nothing of its answer for a minute is cut."""
        c = self.lane(given(CONTENT * 4))
        self.narrow(c)
        c._client.send(GET)
        c._pull = lambda: b""
        c._exchange()
        for _ in range(30):
            c.clock.advance(5)
        self.assertTrue(c.transport.disconnected or c.wire.aborted)
        c.raw.close()
        c._client_turn = lambda: False
        self.assert_over(c)


class GoodbyeTests(LaneCase):
    def test_said_after_the_answer(self) -> None:
        """The last answer is followed by a goodbye, and the client's own is waited for before the socket closes."""
        c = self.lane(given(CONTENT))
        c._client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.assertTrue(c.received().endswith(CONTENT))
        self.assertEqual(c._client.get_shutdown(), SSL.RECEIVED_SHUTDOWN)
        self.assertFalse(c.ended)
        c._client.shutdown()
        self.assert_over(c)
        self.assertTrue(c.ended)

    def test_never_answered(self) -> None:
        """A client that says none of its own is cut 5 s later."""
        c = self.lane()
        c.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        c.received()
        c.clock.advance(4)
        self.assertFalse(c.transport.disconnected)
        c.clock.advance(2)
        self.assert_over(c)

    def test_cut_without_a_word(self) -> None:
        """What is cut off ends by a reset and no goodbye, which could be taken for the answer's end."""
        c = self.lane(lambda request: request.write(b"part"))
        c.send(GET)
        c.site.cut_all()
        self.assertIn(b"part", c.received())
        self.assertEqual(c._client.get_shutdown(), 0)
        self.assertTrue(c.ended)
        self.assert_over(c)

    def test_kernel_full(self) -> None:
        """Where the kernel has no room for the goodbye, it is tried again; where there is nobody, that is the end."""
        c = self.lane()
        c.transport.unregisterProducer()
        c.transport._tls = Fake(shutdown=[SSL.WantWriteError, False], recv=[SSL.WantReadError])
        c.transport.loseConnection()
        c.transport.loseConnection()
        self.assertIsNone(c.transport.doWrite())
        self.assertIn(c.transport, c.reactor.writers)
        self.assertIsNone(c.transport.doWrite())
        self.assertNotIn(c.transport, c.reactor.writers)
        c.transport.startWriting()
        self.assertIsNone(c.transport.doWrite())  # it is said once
        for outcome in (True, SSL.SysCallError):
            c = self.lane()
            c.transport.unregisterProducer()
            c.transport._tls = Fake(shutdown=[outcome])
            c.transport.loseConnection()
            c.reactor.turn()
            self.assert_over(c)

    def test_before_the_handshake(self) -> None:
        """Where nothing has been said, there is nothing to say goodbye to."""
        c = Late(answer)
        self.addCleanup(c.close)
        c.site.begin_stopping()
        self.assert_over(c)


class FirstByteLane(Late):
    """The same on a port where either is spoken."""

    def factory(self) -> Any:
        return FirstByteFactory(house=self.site, secure=super().factory(), plain=self.site)

    def connect(self) -> None:
        self.begin()
        self.transport = self.plain
        self.shake_hands()

    def say(self, data: bytes) -> None:
        super().say(data)
        for one in self.site._channels:
            self.channel, self.transport = one, one.transport  # type: ignore[attr-defined]

    def plainly(self, data: bytes) -> bytes:
        """Send bytes as they are; tells the answer to them."""
        self.raw.sendall(data)
        for _ in range(20):
            self.reactor.turn()
        with contextlib.suppress(BlockingIOError):
            return self.raw.recv(1 << 16)
        return b""


class FirstByteTests(LaneCase):
    make = FirstByteLane

    def test_secure(self) -> None:
        """A client that speaks TLS is served so, however its bytes come."""
        for pieces in (1, 7):
            c = self.lane()
            hello = c.hello()
            for at in range(0, len(hello), -(-len(hello) // pieces)):
                c.say(hello[at : at - (-len(hello) // pieces)])
            self.assertIsInstance(c.transport, SecureServer)
            c.send(GET)
            self.assertIn(b"fine", c.received())
            self.assertTrue(c.requests[0].secure)
            self.assertEqual(c.site.connections, 1)

    def test_plain(self) -> None:
        """Any other is served by the transport that it came with, no byte of its first packet lost."""
        c = self.lane()
        self.assertEqual(c.plainly(GET * 2).count(b"fine"), 2)
        self.assertIs(type(c.plain), Server)
        self.assertNotIn("doRead", vars(c.plain))
        self.assertFalse(c.requests[0].secure)
        self.assertEqual(c.site.connections, 1)

    def test_silent(self) -> None:
        """Who says nothing is cut after 10 s; who goes is off the books; neither leaves a word."""
        c = self.lane()
        c.reactor.turn()
        c.clock.advance(11)
        self.assert_over(c)
        for reset in (False, True):
            c = self.lane()
            if reset:
                c.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            c.raw.close()
            c._client_turn = lambda: False
            self.assert_over(c)

    def test_waked_for_nothing(self) -> None:
        """A look at a socket on which there is nothing to read changes nothing."""
        c = self.lane()
        self.assertIsNone(c.plain.doRead())
        self.assertIn(b"fine", c.plainly(GET))

    def test_lanes_off(self) -> None:
        """Without lanes the bytes are read and handed on."""
        c = self.lane(lanes=False)
        self.assertNotIn("doRead", vars(c.plain))
        self.assertIn(b"fine", c.plainly(GET))


class BothWays(LaneCase):
    """Every byte of every answer, with OpenSSL at the socket and by twisted's way."""

    def handle(self, request: StreamingRequest) -> None:
        if request.path == b"/early":
            answer(request, b"no", 403)
        elif request.path == b"/chunked":
            for piece in (b"one", b"two" * 9000, b"three"):
                request.write(piece)
            request.finish()
        elif request.method == b"PUT":
            request.body.discard()
            answer(request, b"taken")
        else:
            answer(request, CONTENT[: int(request.path[1:] or 0)])

    def test_same(self) -> None:
        """Whatever is sent, and in whatever pieces, the answers are the same to the byte, and so is what follows."""
        put = b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: "
        seed = random.Random(3)
        for stream in (
            GET,
            GET * 5,
            b"HEAD /100000 HTTP/1.1\r\nHost: test\r\n\r\n" + GET,
            b"GET /70000 HTTP/1.1\r\nHost: test\r\n\r\nGET /1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
            + GET,
            b"GET /3000000 HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET /chunked HTTP/1.1\r\nHost: test\r\n\r\n" + GET,
            b"GET /9 HTTP/1.0\r\n\r\n",
            put + b"300000\r\n\r\n" + b"x" * 300_000 + GET,
            put + b"3\r\nExpect: 100-continue\r\n\r\n" + b"abc" + GET,
            b"PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + GET,
            b"PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n" + GET,
            put.replace(b"/", b"/early", 1) + b"10\r\n\r\n0123456789" + GET,
            put.replace(b"/", b"/early", 1) + b"9000000\r\n\r\n" + b"x" * 100_000,
            put + b"1\r\nContent-Length: 2\r\n\r\nab",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: test\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: test\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            seed.randbytes(500) + b"\r\n\r\n",
            b"\r\n\r\n" + GET,
        ):
            for step in (len(stream), 1000):
                with self.subTest(stream=stream[:80], step=step):
                    self.assertEqual(*(self.told(make, stream, step) for make in (self.lane, Secure)))

    def told(self, make: Any, stream: bytes, step: int) -> tuple[bytes, bool, list[bytes]]:
        c = make(self.handle)
        for at in range(0, len(stream), step):
            with contextlib.suppress(SSL.Error):
                c.send(stream[at : at + step])
        received = c.received()
        return OWN.sub(b"", received), c.channel._is_closing(), [request.uri for request in c.requests]


class ManyTests(LaneCase):
    def test_at_once(self) -> None:
        """A hundred that begin at once are all served, each with its own."""
        waiting = [Late(given(b"%d" % number)) for number in range(100)]
        for c in waiting:
            self.addCleanup(c.close)
            c.out += c.hello()
        for _ in range(4):
            for c in waiting:
                c._client_turn()
                c.reactor.turn()
        for number, c in enumerate(waiting):
            c.send(GET)
            self.assertTrue(c.received().endswith(b"\r\n\r\n%d" % number))
