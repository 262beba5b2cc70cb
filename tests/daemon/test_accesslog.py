"""Rules of the access log."""

import os
import re
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import accesslog
from peerstor.daemon.accesslog import AccessLog, escaped, timestamp, without_query, without_secrets
from tests.fakes import HeldThreads, ImmediateThreads
from tests.scratch import scratch_folder

COMBINED = re.compile(
    rb'[^ ]+ - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "[^"\n]*" \d{3} \d+ "[^"\n]*" "[^"\n]*"\n'
)


class AccessLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.path = os.fsencode(scratch_folder(self) + "/access.log")
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def open(self, threads: ImmediateThreads | HeldThreads) -> AccessLog:
        log = AccessLog(path=self.path, threads=threads, clock=self.clock, now=lambda: 971211336.0)
        log.start()
        return log

    def written(self) -> bytes:
        try:
            with open(self.path, "rb") as log:
                return log.read()
        except FileNotFoundError:
            return b""

    def said(self) -> list[str]:
        return [
            str(event["log_format"]) for event in self.events if event.get("log_namespace") == accesslog.__name__
        ]

    @staticmethod
    def note(log: AccessLog, uri: bytes = b"/") -> None:
        log.log("192.0.2.7", b"GET", uri, b"HTTP/1.1", 200, 2326, b"http://a/b?c=d", b"curl/8")

    def test_combined_format(self) -> None:
        """A line is the combined format: address, time, request, status, size, referer, agent."""
        log = self.open(ImmediateThreads())
        self.note(log, b"/a%20b?dir=/x&token=secret")
        log.log("::1", b"PUT", b"/p", b"HTTP/1.0", 201, 0, None, None)
        self.clock.advance(1)
        stamp = timestamp(971211336)
        self.assertEqual(
            self.written(),
            b'192.0.2.7 - - [%s] "GET /a%%20b?dir=/x&token=- HTTP/1.1" 200 2326 "http://a/b" "curl/8"\n'
            b'::1 - - [%s] "PUT /p HTTP/1.0" 201 0 "-" "-"\n' % (stamp, stamp),
        )

    def test_written_once_a_second(self) -> None:
        """Lines of one second are one write, and an idle log has no timer."""
        threads = HeldThreads()
        log = self.open(threads)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for _ in range(3):
            self.note(log)
        self.assertEqual(threads.waiting, [])
        self.clock.advance(1)
        self.assertEqual(len(threads.waiting), 1)
        threads.release()
        self.assertEqual(self.written().count(b"\n"), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_write_at_a_time(self) -> None:
        """While a write is slow, lines gather; they follow in their order."""
        threads = HeldThreads()
        log = self.open(threads)
        self.note(log, b"/1")
        self.clock.advance(1)
        self.note(log, b"/2")
        self.clock.advance(5)
        self.assertEqual(len(threads.waiting), 1)
        threads.release()
        self.clock.advance(1)
        threads.release()
        self.assertEqual(re.findall(rb"GET (\S+)", self.written()), [b"/1", b"/2"])

    def test_stop_writes_what_is_left(self) -> None:
        """Stopping waits for the write under way and writes the rest, even without a second's wait."""
        threads = HeldThreads()
        log = self.open(threads)
        self.note(log, b"/1")
        self.clock.advance(1)
        self.note(log, b"/2")
        stopped = log.stop()
        self.assertNoResult(stopped)
        threads.release()
        self.assertNoResult(stopped)
        threads.release()
        self.successResultOf(stopped)
        self.assertEqual(self.written().count(b"\n"), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lines_while_stopping(self) -> None:
        """What is logged while the last write runs is written too."""
        threads = HeldThreads()
        log = self.open(threads)
        self.note(log, b"/1")
        stopped = log.stop()
        self.note(log, b"/2")
        threads.release_all()
        self.successResultOf(stopped)
        self.assertEqual(self.written().count(b"\n"), 2)

    def test_lines_before_start(self) -> None:
        """Lines logged before the start are kept until then."""
        log = AccessLog(path=self.path, threads=ImmediateThreads(), clock=self.clock)
        self.note(log)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        log.start()
        self.clock.advance(1)
        self.assertEqual(self.written().count(b"\n"), 1)

    def test_rotation_by_rename(self) -> None:
        """When the file is renamed, the next lines go to a new one."""
        log = self.open(ImmediateThreads())
        self.note(log, b"/1")
        self.clock.advance(1)
        os.rename(self.path, self.path + b".1")
        self.note(log, b"/2")
        self.clock.advance(1)
        self.assertEqual(re.findall(rb"GET (\S+)", self.written()), [b"/2"])

    def test_trouble_is_said_once(self) -> None:
        """A file that can't be written is one line in the log until it could be written again."""
        log = self.open(ImmediateThreads())
        os.mkdir(self.path)
        for _ in range(3):
            self.note(log)
            self.clock.advance(1)
        self.assertEqual(len(self.said()), 1)
        os.rmdir(self.path)
        self.note(log, b"/after")
        self.clock.advance(1)
        self.assertEqual(re.findall(rb"GET (\S+)", self.written()), [b"/after"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_memory_is_bounded(self) -> None:
        """With a disk that doesn't write, lines above the bound are dropped and counted."""
        self.patch(accesslog, "MOST_WAITING", 2)
        log = self.open(ImmediateThreads())
        for _ in range(5):
            self.note(log)
        self.clock.advance(1)
        self.assertEqual(self.written().count(b"\n"), 2)
        self.assertEqual([event["dropped"] for event in self.events if "dropped" in event], [3])

    def test_other_file(self) -> None:
        """Told of a file, it begins to write there; told of another, it goes on in that one; told of none, it ends."""
        log = AccessLog(path=None, threads=ImmediateThreads(), clock=self.clock, now=lambda: 971211336.0)
        log.start()
        self.note(log, b"/0")
        log.write_to(self.path)
        self.note(log, b"/1")
        self.clock.advance(1)
        log.write_to(self.path + b".other")
        self.note(log, b"/2")
        log.write_to(None)
        self.assertFalse(log.wanted)
        self.note(log, b"/3")
        self.clock.advance(1)
        for path, target in ((self.path, b"/1"), (self.path + b".other", b"/2")):
            with open(path, "rb") as file:
                (line,) = file.readlines()
            self.assertIn(b"GET %s " % target, line)

    @given(*[st.binary(max_size=60)] * 5)
    def test_one_line_whatever_comes(
        self, method: bytes, uri: bytes, protocol: bytes, ref: bytes, agent: bytes
    ) -> None:
        """Whatever bytes a client sends, the log has one well-formed ASCII line more."""
        path = os.fsencode(scratch_folder(self) + "/access.log")
        log = AccessLog(path=path, threads=ImmediateThreads(), clock=self.clock)
        log.start()
        log.log("1.2.3.4", method, uri, protocol, 400, 0, ref, agent)
        self.clock.advance(1)
        with open(path, "rb") as file:
            line = file.read()
        self.assertTrue(COMBINED.fullmatch(line), line)
        self.assertTrue(line.isascii())


class SecretTests(SynchronousTestCase):
    def test_parameters(self) -> None:
        """Only parameters known to be harmless keep their values."""
        for uri, cut in {
            b"/": b"/",
            b"/a?": b"/a?",
            b"/a?dir=/x&name=y&offset=1&size=2&sort=s&order=o&limit=3&cursor=c": None,
            b"/a?fingerprint=f&session=s&x=": b"/a?fingerprint=-&session=-&x=-",
            b"/a?download": b"/a?-",
            b"/a?Dir=x&%64ir=y": b"/a?Dir=-&%64ir=-",
            b"/a?token=a?b=c&dir=d": b"/a?token=-&dir=d",
            b"/a?a=b=c;d=e": b"/a?a=-",
            b"http://user:pass@host/p?t=1": b"http://host/p?t=-",
            b"//user@host/": b"//host/",
            b"/mail@host": b"/mail@host",
        }.items():
            with self.subTest(uri=uri):
                self.assertEqual(without_secrets(uri), uri if cut is None else cut)

    @given(st.binary(max_size=40))
    def test_no_secret_stays(self, around: bytes) -> None:
        """No value of an unknown parameter gets through, whatever stands before it."""
        self.assertNotIn(b"s3cr3t", without_secrets(b"/p?" + around.replace(b"=", b"") + b"&k=s3cr3t"))

    def test_referer(self) -> None:
        """A Referer is cut before its query, its fragment and its user."""
        for referer, cut in {
            b"https://a/b?c#d": b"https://a/b",
            b"https://a/b#d?e": b"https://a/b",
            b"https://u:p@a/b": b"https://a/b",
            b"?x": b"",
        }.items():
            with self.subTest(referer=referer):
                self.assertEqual(without_query(referer), cut)


class EscapeTests(SynchronousTestCase):
    def test_escapes(self) -> None:
        r"""Controls, quotes, backslashes and all but ASCII become \xNN."""
        self.assertEqual(escaped(b'a\n\x1b[1m"\\\xff b'), b"a\\x0A\\x1B[1m\\x22\\x5C\\xFF b")

    def test_timestamp(self) -> None:
        """The time is the one that the system's own tools print for this place."""
        for second in (0, 971211336, 1751328000):
            expected = time.strftime("%d/%b/%Y:%H:%M:%S %z", time.localtime(second))
            self.assertEqual(timestamp(second).decode(), expected)
