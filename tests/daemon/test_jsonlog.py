"""Rules of the log in JSON."""

import io
import json
from typing import Any

from twisted.logger import ILogObserver, Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.python.log import LogPublisher as OldPublisher
from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerstor.daemon.jsonlog import OBSERVER, JsonLog, line_of, observer
from peerstor.daemon.requestcontext import REQUEST_ID


class Unsayable:
    """Has no words for itself."""

    def __repr__(self) -> str:
        raise ZeroDivisionError()


class JsonLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.output = io.StringIO()
        self.publisher = LogPublisher(JsonLog(self.output))
        self.log = Logger(namespace="peerstor.some.place", observer=self.publisher)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    def line(self) -> dict[str, Any]:
        [line] = self.lines()
        return line

    def test_event(self) -> None:
        """An event is a line with its time, level, place, words and simple fields."""
        self.log.warn("{count} of {what}", count=3, what="these", share=0.5, none=None, good=True)
        line = self.line()
        self.assertRegex(line.pop("time"), r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        self.assertEqual(
            line,
            {
                "level": "warn",
                "namespace": "peerstor.some.place",
                "message": "3 of these",
                "fields": {"count": 3, "what": "these", "share": 0.5, "none": None, "good": True},
            },
        )

    def test_time(self) -> None:
        """The time is the event's own, in UTC."""
        event = {"log_time": 1_700_000_000.25, "log_level": LogLevel.info, "log_format": "x"}
        self.assertEqual(json.loads(line_of(event))["time"], "2023-11-14T22:13:20.250Z")

    def test_one_line(self) -> None:
        """Nothing that is logged makes a second line, or anything but printable ASCII."""
        odd = "a\nb\r\x1b[31m\x00\u2028é\udc80"
        self.log.info("{odd} " + odd.replace("{", ""), odd=odd)
        written = self.output.getvalue()
        self.assertTrue(written.endswith("\n"))
        self.assertRegex(written[:-1], r"\A[ -~]+\Z")
        self.assertEqual(self.line()["fields"]["odd"], odd)

    def test_failure(self) -> None:
        """A failure has its trace in one field."""
        try:
            raise ZeroDivisionError("why")
        except ZeroDivisionError:
            self.log.failure("it broke")
        line = self.line()
        self.assertEqual((line["level"], line["message"]), ("critical", "it broke"))
        self.assertIn("ZeroDivisionError: why", line["trace"])
        self.assertIn("test_failure", line["trace"])
        self.assertNotIn("fields", line)

    def test_request(self) -> None:
        """The request's id is the event's own, or that of the request that the program is busy with."""
        self.log.info("one")
        before = REQUEST_ID.set("abc")
        self.log.info("two")
        self.log.info("three", request="def")
        REQUEST_ID.reset(before)
        self.assertEqual([line.get("request") for line in self.lines()], [None, "abc", "def"])
        self.assertNotIn("fields", self.lines()[2])

    def test_secrets(self) -> None:
        """A field by the name of a secret isn't written, nor is what isn't simple."""
        self.log.info(
            "x", token="t0p", password="t0p", thing=Unsayable(), data=b"x", many=["t0p"], nan=float("nan")
        )
        self.assertNotIn("t0p", self.output.getvalue())
        self.assertNotIn("fields", self.line())

    def test_unsayable(self) -> None:
        """Whatever the event is, there is a line."""
        self.log.info("{thing}", thing=Unsayable())
        self.log.info("{thing!x", thing=1)
        self.log.info("{missing}")
        self.assertEqual(len(self.lines()), 3)
        for event in ({}, {"log_failure": "no failure"}, {"log_time": "odd"}, {"log_level": "odd"}):
            self.assertIn("message", json.loads(line_of(event)))

    def test_old_log(self) -> None:
        """Events of twisted's old log are lines like others, without its own fields."""
        old = OldPublisher(observerPublisher=self.publisher, publishPublisher=self.publisher)
        old.msg("hello", extra=1)
        line = self.line()
        self.assertEqual(line["message"], "hello")
        self.assertEqual(line["fields"], {"extra": 1})
        old.msg(failure=Failure(ValueError("v")), isError=1, why="why")
        self.assertIn("ValueError: v", self.lines()[1]["trace"])

    def test_named(self) -> None:
        """twistd finds it by its name."""
        self.assertIs(namedAny(OBSERVER), observer)
        verifyObject(ILogObserver, JsonLog(self.output))
