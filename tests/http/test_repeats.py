"""The fast lane: which requests are remembered, and when an answer is given again."""

from typing import Any
from unittest import mock

from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import datetimeToString

from peerstor.http.repeats import REMEMBERED, REQUEST_AT_MOST, Answer, Repeats, repeatable
from peerstor.http.request import StreamingRequest
from tests.http.wire import Plain, Secure, Wire, answer

GET = b"GET /f HTTP/1.1\r\nHost: a\r\n\r\n"


class Content:
    """A source whose content the test gives."""

    def __init__(self, content: bytes | None = b"fine") -> None:
        self.now = content
        self.asked = 0

    def content(self) -> bytes | None:
        self.asked += 1
        return self.now


def asked(**more: Any) -> Any:
    """Give as much of a request as an answer keeps."""
    return mock.Mock(
        **{"route": "/", "method": b"GET", "uri": b"/f", "clientproto": b"HTTP/1.1", "code": 200, **more},
        getHeader=lambda name: b"curl" if name == b"user-agent" else None,
    )


class RepeatableTests(SynchronousTestCase):
    """What is worth remembering."""

    def test_one_whole_head(self) -> None:
        """One head of a GET and nothing else, of a size that browsers send."""
        self.assertTrue(repeatable(GET))
        self.assertTrue(repeatable(b"GET / HTTP/1.1\r\nA: " + bytes(REQUEST_AT_MOST - 23) + b"\r\n\r\n"))
        for raw in (
            b"",
            GET[:-1],
            GET[:-2],
            GET + GET,
            GET + b"body",
            b"\r\n" + GET,
            b"HEAD" + GET[3:],
            b"get" + GET[3:],
            b"GET / HTTP/1.1\r\nA: " + bytes(REQUEST_AT_MOST - 22) + b"\r\n\r\n",
        ):
            self.assertFalse(repeatable(raw), raw[:40])


class AnswerTests(SynchronousTestCase):
    """The head of an answer."""

    def test_head(self) -> None:
        """It is the same but for its date and id, in whichever order they stand."""
        date, request_id = (b"Date", [b"old"]), (b"X-Request-ID", [b"old"])
        rest = (b"Vary", [b"a", b"b"])
        for headers in ([date, request_id, rest], [request_id, rest, date], [rest, date, request_id]):
            told = Answer(asked(), Content(), b"HTTP/1.1 200 OK", headers)
            for moment in (1e9, 1e9 + 0.9, 2e9):
                with mock.patch("time.time", return_value=moment):
                    head = b"".join(told.head("new"))
                lines = {b"Date": datetimeToString(int(moment)), b"X-Request-ID": b"new"}
                wanted = [b"%s: %s" % (name, lines.get(name, value)) for name, vs in headers for value in vs]
                self.assertEqual(head, b"\r\n".join([b"HTTP/1.1 200 OK", *wanted, b"", b""]))

    def test_unusual(self) -> None:
        """An answer without date or id, or with two, is none that this can give again."""
        for headers in ([], [(b"Date", [b"x"])], [(b"Date", [b"x", b"y"]), (b"X-Request-ID", [b"z"])]):
            with self.assertRaises(ValueError):
                Answer(asked(), Content(), b"HTTP/1.1 200 OK", headers)

    def test_told(self) -> None:
        """Logs hear of it what they would of the request."""
        told = Answer(asked(), Content(), b"", [(b"Date", [b""]), (b"X-Request-ID", [b""])]).told
        told.channel = mock.Mock(address="192.0.2.1")
        self.assertEqual((told.remote, told.route, told.code), ("192.0.2.1", "/", 200))
        self.assertEqual((told.getHeader(b"user-agent"), told.getHeader(b"referer")), (b"curl", None))


class RepeatsTests(SynchronousTestCase):
    """What is remembered."""

    def setUp(self) -> None:
        self.ready = True
        self.repeats = Repeats(ready=lambda: self.ready)

    def keep(self, raw: bytes = GET, place: tuple[bool, bool] = (False, False), **more: Any) -> Content:
        """Remember an answer; give what it comes from."""
        source = Content(**more)
        self.repeats.keep(raw, place, Answer(asked(), source, b"", [(b"Date", [b""]), (b"X-Request-ID", [b""])]))
        return source

    def test_same_place(self) -> None:
        """An answer holds for connections of the same kind only."""
        self.keep(place=(False, True))
        self.assertIsNone(self.repeats.find(GET, (False, False)))
        self.assertIsNone(self.repeats.find(GET, (True, True)))
        found = self.repeats.find(GET, (False, True))
        assert found is not None
        self.assertEqual(found[1], b"fine")

    def test_changed(self) -> None:
        """One whose content may have changed is forgotten."""
        source = self.keep()
        source.now = None
        self.assertIsNone(self.repeats.find(GET, (False, False)))
        self.assertEqual(len(self.repeats), 0)

    def test_not_ready(self) -> None:
        """While the rules may have changed nothing is given, and nothing looked at; it is given again afterwards."""
        source = self.keep()
        self.ready = False
        self.assertIsNone(self.repeats.find(GET, (False, False)))
        self.assertEqual(source.asked, 0)
        self.ready = True
        self.assertIsNotNone(self.repeats.find(GET, (False, False)))

    def test_forget(self) -> None:
        """After a change of the rules nothing is left."""
        self.keep()
        self.repeats.forget()
        self.assertIsNone(self.repeats.find(GET, (False, False)))

    def test_bounded(self) -> None:
        """The least recently used ones make room."""
        for number in range(REMEMBERED):
            self.keep(b"%d" % number)
        self.repeats.find(b"0", (False, False))
        self.keep(b"new")
        self.assertEqual(len(self.repeats), REMEMBERED)
        self.assertIsNotNone(self.repeats.find(b"0", (False, False)))
        self.assertIsNone(self.repeats.find(b"1", (False, False)))


class ConnectionTests(SynchronousTestCase):
    """The lane on a connection."""

    def setUp(self) -> None:
        self.source = Content()
        self.status = 200
        self.repeats = Repeats()

    def connect(self, **site: Any) -> Plain:
        """Connect to a site that answers from the source, and says so."""
        self.logged: list[Any] = []

        def handle(request: StreamingRequest) -> None:
            request.setHeader(b"x-request-id", request.request_id.encode())
            request.source = self.source
            answer(request, b"" if self.status == 304 else b"fine", self.status)

        plain = Plain(handle, repeats=self.repeats, log=lambda one: self.logged.append(one.code), **site)
        return plain

    def handled(self, plain: Plain) -> int:
        """How many requests reached the handler."""
        return len(plain.requests)

    def test_given_again(self) -> None:
        """The same request has the same answer but for date and id, without reaching the handler."""
        plain = self.connect()
        heads = []
        for _ in range(3):
            plain.wire.clear()
            plain.send(GET)
            lines = plain.received().split(b"\r\n")
            heads.append([line for line in lines if not line.startswith((b"Date:", b"X-Request-Id:"))])
            heads[-1].sort()
            self.assertEqual(len(heads[-1]), len(lines) - 2)
        self.assertEqual(heads[1:], heads[:1] * 2)
        self.assertEqual((self.handled(plain), self.logged, plain.site.sent), (1, [200] * 3, 12))

    def test_ids_differ(self) -> None:
        """Each answer has an id of its own."""
        plain = self.connect()
        for _ in range(5):
            plain.send(GET)
        lines = [line for line in plain.received().split(b"\r\n") if line.startswith(b"X-Request-Id:")]
        self.assertEqual(len(set(lines)), 5)

    def test_another_connection(self) -> None:
        """What one connection asked is given to another."""
        plain = self.connect()
        plain.send(GET)
        plain.wire = Wire()
        plain.connect()
        plain.send(GET)
        self.assertTrue(plain.received().endswith(b"\r\n\r\nfine"))
        self.assertEqual(self.handled(plain), 1)

    def test_not_modified(self) -> None:
        """An answer without content is given again too."""
        self.status, self.source.now = 304, b""
        plain = self.connect()
        plain.send(GET)
        first = len(plain.received())
        plain.send(GET)
        self.assertEqual((self.handled(plain), len(plain.received())), (1, 2 * first))

    def test_ordinary_way(self) -> None:
        """Whatever isn't the very same packet goes the ordinary way, and so does all of it without the lane."""
        for pieces in (
            [GET + GET],
            [GET[:9], GET[9:]],
            [GET.replace(b"a\r", b"b\r")],
            [GET.replace(b"GET", b"HEAD")],
            [GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
        ):
            plain = self.connect()
            plain.send(GET)
            for piece in pieces:
                plain.send(piece)
            self.assertEqual(self.handled(plain), 1 + b"".join(pieces).count(b" /f "), pieces)
            self.repeats.forget()
        plain = self.connect(lanes=False)
        plain.send(GET)
        plain.send(GET)
        self.assertEqual(self.handled(plain), 2)

    def test_in_turn(self) -> None:
        """A request that comes while another is answered waits for its turn."""
        plain = self.connect()
        plain.send(GET)
        plain.resource.handle = lambda request: None
        plain.send(GET.replace(b"/f", b"/slow"))
        plain.wire.clear()
        plain.send(GET)
        self.assertEqual(plain.received(), b"")
        answer(plain.requests[1], b"slow")
        plain.resource.handle = answer
        self.assertLess(plain.received().index(b"slow"), plain.received().index(b"fine"))

    def test_in_the_middle_of_a_head(self) -> None:
        """What comes when a head has begun belongs to that head, though the request before it has been answered."""
        plain = self.connect()
        plain.send(GET)
        plain.send(GET.replace(b"/f", b"/other") + b"PUT /evil HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n")
        before = len(plain.received())
        plain.send(GET)
        plain.send(b"\r\nhi")
        self.assertTrue(plain.received()[before:].startswith(b"HTTP/1.1 400 "))
        self.assertEqual(plain.received()[before:].count(b"HTTP/1.1 "), 1)

    def test_behind_what_is_unsent(self) -> None:
        """Nothing passes what the transport still holds."""
        plain = self.connect()
        plain.send(GET)
        plain.wire._tempDataLen = 1
        plain.send(GET)
        self.assertEqual(self.handled(plain), 2)

    def test_partly_taken(self) -> None:
        """What the kernel doesn't take at once follows by the transport, also where it says that all is lost."""
        plain = self.connect()
        plain.send(GET)
        for taken in (5, 0, -1, ConnectionLost()):
            plain.wire.clear()
            with mock.patch.object(plain.wire, "writeSomeData", return_value=taken):
                plain.send(GET)
            self.assertTrue(plain.received().endswith(b"\r\n\r\nfine"))
            self.assertEqual(plain.received().startswith(b"HTTP/1.1 200 OK"), taken != 5)

    def test_not_kept(self) -> None:
        """An answer that closes, sets a cookie, fails, or follows a body is not given again."""

        def closing(request: StreamingRequest) -> None:
            request.channel.persistent = False

        def cookie(request: StreamingRequest) -> None:
            request.addCookie("a", "b")

        def missing(request: StreamingRequest) -> None:
            self.status = 404

        for spoil in (closing, cookie, missing):
            self.status = 200
            plain = self.connect()
            handle = plain.resource.handle

            def spoilt(request: StreamingRequest, spoil: Any = spoil, handle: Any = handle) -> None:
                spoil(request)
                handle(request)

            plain.resource.handle = spoilt
            plain.send(GET)
            self.assertEqual(len(self.repeats), 0)
        plain = self.connect()
        self.status = 200
        plain.send(GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n"))
        plain.send(b"x")
        self.assertEqual(len(self.repeats), 0)

    def test_idle(self) -> None:
        """A connection whose requests are all answered so is idle in between, and closed after the same time."""
        plain = self.connect()
        for _ in range(3):
            plain.send(GET)
        plain.clock.advance(plain.site.timeouts.idle - 1)
        self.assertFalse(plain.closing)
        plain.send(GET)
        for _ in range(int(plain.site.timeouts.idle) - 1):
            plain.clock.advance(1)
        self.assertFalse(plain.closing)
        plain.clock.advance(2)
        self.assertTrue(plain.closing)

    def test_over_tls(self) -> None:
        """Over TLS everything goes the ordinary way where the transport doesn't tell what it holds."""
        secure = Secure(lambda request: answer(request), repeats=self.repeats)
        secure.send(GET)
        secure.send(GET)
        self.assertEqual(len(secure.requests), 2)
