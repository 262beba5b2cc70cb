"""The fast lane of routes: it does what Klein does, request by request."""

import os
import re
from collections.abc import Coroutine
from itertools import product
from typing import Any

from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.request import StreamingRequest
from peerstor.web.dispatch import REMEMBERED, Dispatch
from tests.http.wire import Plain
from tests.web.house import House
from tests.web.shares.scaffold import HTML, OWNER, SECRET, bearer
from tests.web.test_every_route import routes

ODD = (
    "/api/upload/offset/", "/api/upload//offset?dir=/&name=x", "//api/upload/offset", "/api/%75pload/offset",
    "/api/upload/offset%2f?name=x", "/api/upload/%FF", "/-/static/%ff/x", "/-/static/a%2Fb/c", "/-/static/a/b/c",
    "/-/health/", "/-/health%00", "/-/health%20", "/-/health?x=1", "//", "/%2e%2e/x", "/..", "/a//b", "/-", "/-/s",
    "/-/s/", "/-/s/..%2f", "/-/tree", "/-/tree/", "/-/tree//", "/-/tree/api", "/api", "/api/nothing", "/nothing",
    "/folder", "/folder/", "/file", "/file/", "*", "http://localhost/-/health", "http://elsewhere.org/file",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "TRACE", "get", "X")

TIMED = re.compile(rb"(?i)((?:x-request-id|date|etag|last-modified|set-cookie): )[^\r]*")
IDS = re.compile(rb'(?<=\()[0-9a-f]{16}(?=\))|(?<="mtime": )[0-9.]+|(?<=data-version=")[0-9a-f]+')


def _lasting(answer: bytes) -> bytes:
    """Take out of an answer what no two have in common."""
    answer = IDS.sub(b"ID", TIMED.sub(rb"\1-", answer))
    if b"text/plain; version=0.0.4" in answer:  # the figures, which change with every look
        answer = re.sub(rb"(?m)^(Content-Length: |[a-z_]+(?:\{.*\})? ).*$", rb"\1-", answer)
    return answer


class BothWays(SynchronousTestCase):
    """Two houses of one kind, of which one has lanes."""

    def setUp(self) -> None:
        self.houses = [House(token=SECRET, anonymous="read", fast_lanes=lanes) for lanes in (True, False)]
        for house in self.houses:
            self.addCleanup(house.close)
            os.utime(house.put_file("file", b"content"), (1, 1))
            house.put_file("folder/inner")
            os.utime(house.path("folder", "inner"), (1, 1))
            os.utime(house.path("folder"), (1, 1))

    def answers(self, raw: bytes) -> list[bytes]:
        """Send the same to both, and give what they answer but for what no two answers share."""
        received = []
        for house in self.houses:
            channel, wire = house.connect()
            channel.dataReceived(raw)
            house.clock.advance(5)
            channel.connectionLost(Failure(ConnectionError()))
            received.append(_lasting(wire.value()))
        return received

    def compare(self, method: str, target: str, headers: dict[str, str], version: str = "1.1") -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        raw = f"{method} {target} HTTP/{version}\r\n{lines}\r\n".encode()
        for _ in range(2):  # the second time it is known what the address means
            fast, ordinary = self.answers(raw)
            self.assertEqual(fast, ordinary, raw)
            self.assertTrue(fast.startswith(b"HTTP/1."), raw)

    def test_every_route(self) -> None:
        """Every route there is, with and without the right to it: every byte and header is the same."""
        for rule, method in routes():
            target = rule.replace("<digest>", "0").replace("<name>", "x").replace("<share>", "A" * 22)
            for who in ({}, OWNER, bearer("wrong")):
                self.compare(method, target, {"Host": "localhost", "Content-Length": "0", **who})

    def test_odd_addresses(self) -> None:
        """Whatever else may stand in a request's first line: what is refused is refused alike."""
        for method, target in product(METHODS, ODD):
            self.compare(method, target, {"Host": "localhost"})
        for target in ODD:
            self.compare("GET", target, {"Host": "localhost", **HTML})
            self.compare("GET", target, {}, "1.0")

    def test_lane_is_taken(self) -> None:
        """With lanes Klein's matching is not asked; without them it is."""
        for house, count in zip(self.houses, (0, 1), strict=True):
            resource, asked = house.root._tree, []
            self.patch(resource._app, "execute_endpoint", lambda *args, asked=asked: asked.append(args) or b"")
            house.get("/file")
            self.assertEqual(len(asked), count)


class Handling(SynchronousTestCase):
    """How handlers end, for one app served both ways."""

    def serve(self, lanes: bool) -> Plain:
        """Connect to an app whose handler waits before and after what the test gives it to do."""
        app = Klein()
        self.failures: list[BaseException] = []

        def failed(face: object, request: StreamingRequest, failure: Failure) -> bytes:
            assert failure.value is not None
            self.failures.append(failure.value)
            request.setHeader(b"content-length", b"6")
            return b"failed"

        async def handler(face: object, request: StreamingRequest, name: str = "") -> bytes:
            return await self.handle(request)

        app.handle_errors(Exception)(failed)
        app.route("/<name>")(handler)
        bound = app.__get__(self, type(self))
        resource = Dispatch(
            bound,
            face=self,
            endpoints={"handler": handler},
            failed=lambda request, failure: failed(self, request, failure),
        )
        plain = Plain(lambda request: None, lanes=lanes)
        plain.site.resource = self.resource = resource
        return plain

    def both(self) -> list[Plain]:
        return [self.serve(True), self.serve(False)]

    def handle(self, request: StreamingRequest) -> Coroutine[Any, Any, bytes]:
        return self.script(request)

    def get(self, plain: Plain, name: str = "x") -> None:
        plain.send(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % name.encode())

    def test_waiting(self) -> None:
        """A handler that waits, more than once, is gone on with where it was."""
        for plain in self.both():
            gates = [Deferred[bytes]() for _ in range(4)]
            turns = iter(gates)

            async def script(request: StreamingRequest, turns: Any = turns) -> bytes:
                body: bytes = await next(turns)
                body += await next(turns)
                request.setHeader(b"content-length", b"%d" % len(body))
                return body

            self.script = script
            self.get(plain)
            gates[0].callback(b"one")
            self.assertEqual(plain.received(), b"")
            gates[1].callback(b"two")
            self.assertTrue(plain.received().endswith(b"\r\n\r\nonetwo"))
            self.get(plain, "again")
            gates[3].callback(b"two")
            gates[2].callback(b"one")
            self.assertEqual(plain.received().count(b"onetwo"), 2)

    def test_failing(self) -> None:
        """What a handler raises is answered, whether it has waited before or not."""
        for plain, waits in product((True, False), (True, False)):
            gate = Deferred[None]()

            async def script(request: StreamingRequest, waits: bool = waits, gate: Any = gate) -> bytes:
                if waits:
                    await gate
                raise ValueError("x")

            self.script = script
            connection = self.serve(plain)
            self.get(connection)
            gate.callback(None)
            self.assertTrue(connection.received().endswith(b"failed"))
            self.assertEqual(list(map(type, self.failures)), [ValueError])

    def test_failed_wait(self) -> None:
        """What it waits for may fail, and it may go on all the same."""
        for plain in self.both():
            gate = Deferred[None]()

            async def script(request: StreamingRequest, gate: Any = gate) -> bytes:
                try:
                    await gate
                except KeyError:
                    return b"caught"
                return b""

            self.script = script
            self.get(plain)
            gate.errback(KeyError())
            self.assertIn(b"caught", plain.received())

    def test_cancelled(self) -> None:
        """A client that leaves cancels what the handler waits for, and nothing is written or answered."""
        for plain in self.both():
            cancelled, ended = [], []

            async def script(request: StreamingRequest, cancelled: Any = cancelled, ended: Any = ended) -> bytes:
                try:
                    await Deferred(cancelled.append)
                except CancelledError:
                    ended.append(request)
                    raise
                return b""

            self.script = script
            self.get(plain)
            self.assertEqual(cancelled, [])
            plain.lose()
            self.assertEqual((len(cancelled), len(ended), self.failures, plain.received()), (1, 1, [], b""))

    def test_failing_when_nobody_is_there(self) -> None:
        """What is raised after the client has left goes to the log, and to nobody else."""
        for plain in self.both():

            async def script(request: StreamingRequest) -> bytes:
                try:
                    await Deferred()
                except CancelledError:
                    raise ValueError("late") from None
                return b""

            self.script = script
            self.get(plain)
            plain.lose()
            self.assertEqual((self.failures, plain.received()), ([], b""))
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_lost_while_running(self) -> None:
        """A connection that is lost within the handler is nobody to write to."""
        for plain in self.both():

            async def script(request: StreamingRequest, plain: Plain = plain) -> bytes:
                plain.lose()
                return b"unheard"

            self.script = script
            self.get(plain)
            self.assertEqual(plain.received(), b"")
            self.flushLoggedErrors(RuntimeError)

    def test_begun_twice(self) -> None:
        """A Deferred that is awaited gives itself again when it is asked before it has fired.

        `Dispatch` stands on that: it begins a coroutine, and lets `Deferred.fromCoroutine` begin it once more.
        """
        gate = Deferred[int]()
        iterator = iter(gate)
        self.assertIs(next(iterator), gate)
        self.assertIs(next(iterator), gate)
        gate.callback(3)
        with self.assertRaises(StopIteration) as stopped:
            next(iterator)
        self.assertEqual(stopped.exception.value, 3)

    def test_bounded(self) -> None:
        """Of addresses that clients make up a bounded number is remembered, and of unknown ones none."""

        async def script(request: StreamingRequest) -> bytes:
            return b""

        self.script = script
        plain = self.serve(True)
        for number in range(REMEMBERED + 10):
            self.get(plain, f"{number}")
        self.assertLessEqual(len(self.resource._matches), REMEMBERED)
        known = len(self.resource._matches)
        self.get(plain, "unknown/below")
        self.assertEqual(len(self.resource._matches), known)
