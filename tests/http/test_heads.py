"""The fast lane of heads: what comes of a head doesn't depend on how it is cut into lines."""

import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.channel import StreamingChannel
from peerstor.http.heads import AT_MOST, lines_of
from peerstor.http.request import StreamingRequest
from tests.http.wire import Plain, answer

GET = b"GET /f HTTP/1.1\r\nHost: a\r\n\r\n"
PIECES = st.sampled_from([
    b"GET / HTTP/1.1", b"GET /f?x=1 HTTP/1.0", b"PUT /f HTTP/1.1", b"GET  /f HTTP/1.1", b"get", b"OPTIONS * HTTP/1.1",
    b"Host: a", b"Host: b", b"Host : a", b"host:\ta\t", b"Content-Length: 5", b"Content-Length: +5", b"CONTENT-LENGTH:0",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", b"Connection: close", b"Expect: 100-continue", b"X: y",
    b"X:", b":", b"no colon", b" folded", b"\tfolded", b"", b"X: a\nb", b"X: a\rb", b"X: \x00", b"X: \xff", b"\xff: x",
    b"hello", b"5\r\nhello\r\n0\r\n", b"Long: " + bytes([120]) * AT_MOST, b"/" * 9000, b"A: b\r\n" * 99 + b"A: b",
])  # fmt: skip


class LinesOf(SynchronousTestCase):
    def test_whole_heads(self) -> None:
        """The lines of the first head, whatever is behind it."""
        for behind in (b"", GET, b"\r\n", b"body"):
            self.assertEqual(lines_of(GET + behind), [b"GET /f HTTP/1.1", b"Host: a"])

    def test_others(self) -> None:
        """What isn't whole, is long, or may be read in more ways than one is left alone."""
        for data in (
            b"",
            GET[:-1],
            b"\r\n" + GET,
            b"\r\n\r\n",
            GET.replace(b"Host", b" Host"),
            GET.replace(b"Host", b"\tHost"),
            b" " + GET,
            GET[:-4] + b"x" * AT_MOST + GET[-4:],
        ):
            self.assertIsNone(lines_of(data), data[:40])

    def test_bounds(self) -> None:
        """It is shorter than any bound that the lane doesn't look at."""
        self.assertLess(AT_MOST, StreamingChannel.totalHeadersSize)
        self.assertLess(AT_MOST, StreamingChannel.MAX_LENGTH)


class BothWays(SynchronousTestCase):
    def outcome(self, pieces: list[bytes], **site: Any) -> Any:
        """Give what is answered, and what handlers see."""
        seen: list[Any] = []

        def handle(request: StreamingRequest) -> None:
            seen.append((request.method, request.uri, list(request.requestHeaders.getAllRawHeaders())))
            request.body.discard()
            answer(request)

        c = Plain(handle, **site)
        for piece in pieces:
            c.send(piece)
        return re.sub(rb"(?i)(date|x-request-id): [^\r]*", b"", c.received()), seen, c.closing

    def compare(self, data: bytes) -> None:
        ordinary = self.outcome([data], lanes=False)
        self.assertEqual(self.outcome([data]), ordinary, data[:200])
        self.assertEqual(self.outcome([data[:1], data[1:]]), ordinary, data[:200])

    @given(st.lists(PIECES, max_size=8))
    @example([b"GET / HTTP/1.1", b"Host: a", b"", b"GET / HTTP/1.1", b"Host: a", b"", b""])
    @example([b"GET / HTTP/1.1", b"Host: a", b"A: b\r\n" * 98 + b"A: b", b"", b""])
    @example([b"GET / HTTP/1.1", b"Host: a", b"A: b\r\n" * 99 + b"A: b", b" folded", b"", b""])
    def test_any_lines(self, lines: list[bytes]) -> None:
        """Whatever lines come, answers, requests and their headers are the same."""
        self.compare(b"\r\n".join(lines))
        self.compare(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + GET)

    def test_lane_is_taken(self) -> None:
        """With lanes only a head's first line and its end are looked for; without them each line is."""
        taken: list[bytes] = []
        received = StreamingChannel.lineReceived

        def note(channel: StreamingChannel, line: bytes) -> None:
            taken.append(line)
            received(channel, line)

        self.patch(StreamingChannel, "lineReceived", note)
        for lanes, count in ((True, 2), (False, 3)):
            c = Plain(answer, lanes=lanes)
            for _ in range(2):
                taken.clear()
                c.send(GET)
                self.assertEqual(len(taken), count)
