"""Rules of the log as text: to the character what twisted writes."""

import io
import os
import time
from typing import Any

from twisted.logger import (
    LogEvent,
    Logger,
    LogLevel,
    extractField,
    formatEventAsClassicLogText,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.python import log as legacy
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.textlog import TextLog, line_of


class Odd:
    """A value that can be looked into, called, and not written."""

    inner = "within"
    items = ("first",)

    def __call__(self) -> str:
        return "called"

    def __str__(self) -> str:
        raise ValueError("not to be written")

    def __repr__(self) -> str:
        return "<odd>"


class SameTests(SynchronousTestCase):
    """The same events, by twisted and by us."""

    def same(self, **event: Any) -> None:
        event = {"log_time": 1_764_440_000.9, "log_level": LogLevel.warn, "log_namespace": "here", **event}
        self.assertEqual(line_of(event), formatEventAsClassicLogText(event))

    def test_events(self) -> None:
        """Whatever an event holds: values of any kind, line ends, calls, failures, systems, nothing."""
        self.same(log_format="{a} and {b!r}, {c:05.1f}", a="é\udc80", b="x", c=1.25)
        self.same(log_format="two\nlines {a}\n", a="\nmore")
        self.same(log_format="braces {{}} and {a}", a=1)
        self.same(log_format="{odd!r} {odd.inner} {odd.items[0]}", odd=Odd())
        self.same(log_format="{odd}", odd=Odd())
        self.same(log_format="{odd()}", odd=Odd())
        self.same(log_format="a call (), not made")
        self.same(log_format="{missing}")
        self.same(log_format="{0}")
        self.same(log_format="{a", a=1)
        self.same(log_format=b"bytes {a}", a=1)
        self.same(log_format=7)
        self.same(log_format="")
        self.same(log_format=None)
        self.same(log_format="x", log_system="sys")
        self.same(log_format="x", log_level=None)
        self.same(log_format="x", log_time=None)
        self.same(log_format="x", log_time=-0.5)
        self.same(log_format="x", log_namespace=None)
        try:
            raise KeyError("deep")
        except KeyError:
            self.same(log_format="failed {a}", a=1, log_failure=Failure())
        self.assertEqual(line_of({"log_format": "x"}), formatEventAsClassicLogText({"log_format": "x"}))
        self.assertIsNone(line_of({}))

    def test_flattened(self) -> None:
        """Events that were stored and read again."""
        event: LogEvent = {"log_format": "{odd.inner}", "odd": Odd()}
        extractField("odd.inner", event)
        self.same(**event)

    def test_written(self) -> None:
        """Through the loggers, the new one and the old one."""
        ours, theirs = io.StringIO(), io.StringIO()
        for observer in (TextLog(ours), textFileLogObserver(theirs)):
            globalLogPublisher.addObserver(observer)
            self.addCleanup(globalLogPublisher.removeObserver, observer)
        Logger().info("stored {path} ({size} bytes)", path="/a", size=3)
        Logger().info("")
        legacy.msg("said the old way", system="old")
        legacy.err(ValueError("told the old way"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(ours.getvalue(), theirs.getvalue())
        self.assertIn("stored /a (3 bytes)\n", ours.getvalue())

    def test_zone(self) -> None:
        """Times stand in the zone that the machine has when they are written."""
        self.addCleanup(time.tzset)
        self.addCleanup(os.environ.__setitem__, "TZ", os.environ.get("TZ", "UTC"))
        for number, zone in enumerate(("Europe/Berlin", "Asia/Kolkata", "America/New_York")):
            os.environ["TZ"] = zone
            time.tzset()
            for moment in (1_764_450_000 + number, 1_750_000_000 + number):
                self.same(log_format="x", log_time=float(moment))
