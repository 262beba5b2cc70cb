"""The id of a request: on every answer, in what it logs, and told to whoever meets an error of ours."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.requestcontext import REQUEST_ID
from peerstor.errors import NoSpace, StorageUnavailable
from tests.http.wire import Wire
from tests.web.house import Answer, House

OWN = r"\A[0-9a-f]{16}\Z"


class RequestIdCase(SynchronousTestCase):
    settings: dict[str, Any] = {}  # noqa: RUF012

    def setUp(self) -> None:
        self.house = House(**self.settings)
        self.addCleanup(self.house.close)
        self.events: list[LogEvent] = []
        self.contexts: list[str | None] = []
        globalLogPublisher.addObserver(self.hear)
        self.addCleanup(globalLogPublisher.removeObserver, self.hear)

    def hear(self, event: LogEvent) -> None:
        self.events.append(event)
        self.contexts.append(REQUEST_ID.get())

    def fail_reading(self, error: Exception) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        self.patch(type(self.house.sandbox), "open", fail)


class Answers(RequestIdCase):
    def test_every_answer(self) -> None:
        """Whatever is answered has an id, each another one."""
        self.house.put_file("a")
        answers = [
            self.house.get("/a"),
            self.house.get("/"),
            self.house.get("/nothing"),
            self.house.get("/a", Host="unknown.example.org"),
            self.house.ask("OPTIONS", "*"),
            self.house.ask("FOO", "/-/health"),
            self.house.ask("PUT", "/b", b"x"),
            self.house.get("/" + "x" * 9000),
            self.house.send(b"nonsense\r\n\r\n"),
        ]
        ids = [answer.headers["x-request-id"] for answer in answers]
        for one in ids:
            self.assertRegex(one, OWN)
        self.assertEqual(len(set(ids)), len(ids))

    def test_not_taken_from_anybody(self) -> None:
        """What a client calls its request is its own affair."""
        answer = self.house.get("/", X_Request_ID="mine")
        self.assertRegex(answer.headers["x-request-id"], OWN)

    def test_context(self) -> None:
        """What is logged on a request's behalf knows its id, deep down too; nothing afterwards does."""
        done = self.house.ask("PUT", "/b", b"x")
        self.assertIn(done.headers["x-request-id"], self.contexts)
        self.assertEqual(set(self.contexts), {done.headers["x-request-id"]})
        self.assertIsNone(REQUEST_ID.get())


class Errors(RequestIdCase):
    def check(self, answer: Answer, status: int) -> str:
        """An answer tells the id of its request, and a line in the log has it."""
        request_id = answer.headers["x-request-id"]
        self.assertEqual(answer.status, status)
        self.assertIn(request_id.encode(), answer.body)
        self.assertIn(request_id, [event.get("request") for event in self.events])
        self.assertIn(request_id, self.contexts)
        return request_id

    def test_defect(self) -> None:
        """A defect of ours tells it in every form, and once."""
        self.fail_reading(ZeroDivisionError())
        for kind in ("application/json", "text/html", "text/plain"):
            answer = self.house.get("/x", Accept=kind)
            request_id = self.check(answer, 500)
            self.assertIn(f"Something went wrong ({request_id}).".encode(), answer.body)
            if kind == "application/json":
                self.assertEqual(answer.json["id"], request_id)
            else:
                self.assertEqual(answer.body.count(request_id.encode()), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)

    def test_ours_but_no_defect(self) -> None:
        """What else is our fault tells it too: in a field of the JSON, and behind the sentence in words."""
        for error, status in ((StorageUnavailable("EIO"), 503), (NoSpace(5), 507)):
            self.fail_reading(error)
            for kind in ("text/html", "text/plain"):
                answer = self.house.get("/x", Accept=kind)
                self.assertIn(f". ({self.check(answer, status)})".encode(), answer.body)
            answer = self.house.get("/x", Accept="application/json")
            self.assertEqual(answer.json["id"], self.check(answer, status))
            self.assertNotIn(answer.json["id"], answer.json["message"])

    def test_clients_own(self) -> None:
        """What a client did wrong tells none: nobody has to be asked."""
        answer = self.house.get("/nothing", Accept="application/json")
        self.assertEqual(set(answer.json), {"error", "message"})

    def test_refused(self) -> None:
        """A refusal that is logged is so with the id that the client got."""
        answer = self.house.ask("DELETE", "/a", b"")
        self.assertEqual(answer.status, 403)
        [event] = [event for event in self.events if event.get("told") == "forbidden"]
        self.assertEqual(event["request"], answer.headers["x-request-id"])


class BehindAProxy(RequestIdCase):
    settings = {"trusted_proxy": ("192.0.2.7",)}  # noqa: RUF012 - where `Wire` comes from

    def test_taken_over(self) -> None:
        """A sane id of a trusted proxy is the request's own, here and in errors."""
        for sane in ("a", "x" * 64, "Ab.9_-", "7f3c2d1e-0000-4000-8000-123456789abc"):
            self.assertEqual(self.house.get("/", X_Request_ID=sane).headers["x-request-id"], sane)
        self.fail_reading(StorageUnavailable("EIO"))
        answer = self.house.get("/x", X_Request_ID="from-the-proxy", Accept="application/json")
        self.assertEqual(answer.json["id"], "from-the-proxy")
        self.assertIn("from-the-proxy", self.contexts)

    def test_odd(self) -> None:
        """An odd one isn't, nor is one of two."""
        for odd in ("", "x" * 65, "a b", "a;b", 'a"', "<b>", "a/b", "ä", "a\x01"):
            found = self.house.get("/", X_Request_ID=odd)
            self.assertRegex(found.headers["x-request-id"], OWN, odd)
        twice = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\r\nX-Request-ID: b\r\n\r\n"
        self.assertRegex(self.house.send(twice).headers["x-request-id"], OWN)

    def test_another_client(self) -> None:
        """A client beside the proxy is believed nothing."""
        self.patch(Wire, "getPeer", lambda _: type("Peer", (), {"host": "192.0.2.8", "type": "TCP"})())
        found = self.house.get("/", X_Request_ID="mine")
        self.assertRegex(found.headers["x-request-id"], OWN)
