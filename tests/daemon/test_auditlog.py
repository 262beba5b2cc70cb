"""Rules of the audit log."""

import errno
import json
import os
import stat
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import auditfile, auditlog
from peerstor.daemon.auditedchanges import AuditedChanges
from peerstor.daemon.auditfile import AuditFile
from peerstor.daemon.auditlines import MOST_TEXT, audit_line
from peerstor.daemon.auditlog import GATHER, MOST_WAITING, RETRY, AuditLog
from tests.fakes import HeldThreads, ImmediateThreads, KeptAudit
from tests.scratch import scratch_folder


def line(
    event: str = "upload", principal: Any = "guest", address: str | None = "192.0.2.7", **details: Any
) -> Any:
    return json.loads(audit_line(1_700_000_000.0419, event, principal, address, details))


class LineTests(SynchronousTestCase):
    def test_fields(self) -> None:
        """Time in UTC with milliseconds, event, principal, address and outcome come first, then the details."""
        written = audit_line(1_700_000_000.0419, "upload", "guest", "::1", {"path": b"/a b", "size": 5})
        self.assertEqual(
            written,
            b'{"time": "2023-11-14T22:13:20.041Z", "event": "upload", "principal": "guest", "address": "::1",'
            b' "outcome": "ok", "path": "/a b", "size": 5}\n',
        )

    def test_lists(self) -> None:
        """Several names are a list, no longer than one text may be."""
        found = line(files=["a'b", b"c\xff", 3])
        self.assertEqual(found["files"], ["a'b", "c\udcff", 3])
        found = line(files=["x" * 3000] * 10)
        self.assertEqual(found["files"], [*["x" * 3000] * 3, "…"])

    def test_outcome(self) -> None:
        """What failed was refused, unless whoever notes it says something else."""
        self.assertEqual(line("login")["outcome"], "ok")
        self.assertEqual(line("login_failed")["outcome"], "refused")
        self.assertEqual(line("login_failed", outcome="too_many")["outcome"], "too_many")

    def test_unknown_address(self) -> None:
        """An address that isn't known is null."""
        self.assertIsNone(line(address=None)["address"])
        self.assertIsNone(line(address="-")["address"])

    def test_names_are_readable(self) -> None:
        """A name in any writing stands as it is; what a terminal would not just print is escaped."""
        self.assertIn(
            "größe 文件 😀".encode(), audit_line(0, "upload", "guest", None, {"path": "größe 文件 😀".encode()})
        )
        odd = audit_line(
            0,
            "upload",
            "guest",
            None,
            {"path": "\x1b\x7f\x9b\u202e\u2028\ud800\U000e0001".encode("utf-8", "surrogatepass")},
        )
        for raw in (
            b"\x1b",
            b"\x7f",
            "\x9b".encode(),
            "\u202e".encode(),
            "\u2028".encode(),
            "\U000e0001".encode(),
        ):
            self.assertNotIn(raw, odd)

    @given(st.binary(max_size=60))
    def test_bytes_come_back(self, path: bytes) -> None:
        """Whatever bytes a name has, they are had back from the line."""
        self.assertEqual(line(path=path)["path"].encode("utf-8", "surrogateescape"), path)

    @given(
        st.text(),
        st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["time", "event", "address"]),
            st.text()
            | st.binary()
            | st.integers()
            | st.floats()
            | st.none()
            | st.booleans()
            | st.lists(st.text()),
            max_size=4,
        ),
    )
    def test_nothing_is_forged(self, text: str, details: dict[str, Any]) -> None:
        """Whatever a client sends, an event is one line of printable text, and says what was noted."""
        written = audit_line(0, "login_failed", text, text, details)
        self.assertEqual((written.count(b"\n"), written[-1:]), (1, b"\n"))
        self.assertTrue(written[:-1].decode().isprintable())
        self.assertTrue(written.startswith(auditfile.BEGINNING))
        told = json.loads(written)
        self.assertEqual((told["time"], told["event"]), ("1970-01-01T00:00:00.000Z", "login_failed"))
        if details.keys().isdisjoint(("outcome",)):
            self.assertEqual(told["outcome"], "refused")

    def test_long_text(self) -> None:
        """One value doesn't fill the file."""
        self.assertEqual(len(line(note="x" * 1_000_000)["note"]), MOST_TEXT + 1)


class FileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))
        self.path = self.folder + b"/audit.log"
        self.file = AuditFile(self.path)

    def content(self, name: bytes = b"audit.log") -> bytes:
        with open(self.folder + b"/" + name, "rb") as file:
            return file.read()

    def put(self, content: bytes, name: bytes = b"audit.log") -> None:
        with open(self.folder + b"/" + name, "wb") as file:
            file.write(content)

    def names(self) -> list[bytes]:
        return sorted(os.listdir(self.folder))

    def own(self, text: str) -> bytes:
        return auditfile.BEGINNING + text.encode() + b"\n"


class FileTests(FileCase):
    def test_one_write(self) -> None:
        """The lines of a round are one write to a file opened for appending, which its owner alone may read."""
        seen, real, opened = [], os.write, os.open
        flags = []
        self.patch(os, "write", lambda fd, data: (seen.append(bytes(data)), real(fd, data))[1])
        self.patch(os, "open", lambda path, flag, mode=0o777: (flags.append(flag), opened(path, flag, mode))[1])
        self.assertEqual(self.file.append([b"a\n", b"b\n"]), 2)
        self.assertEqual(self.file.append([b"c\n"]), 1)
        self.assertEqual(seen, [b"a\nb\n", b"c\n"])
        self.assertTrue(all(flag & os.O_APPEND for flag in flags))
        self.assertEqual(self.content(), b"a\nb\nc\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_wider_rights(self) -> None:
        """A file that others may read is closed to them."""
        self.put(b"")
        os.chmod(self.path, 0o644)
        self.file.append([b"a\n"])
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_no_file(self) -> None:
        """Neither a link nor anything but a file is written."""
        os.symlink("elsewhere", self.path)
        with self.assertRaises(OSError):
            self.file.append([b"a\n"])
        os.unlink(self.path)
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        with self.assertRaises(OSError):
            self.file.append([b"a\n"])
        self.assertEqual(self.names(), [b"audit.log"])

    def test_half_a_line(self) -> None:
        """Half a line that a crash left goes; what somebody else wrote is only ended."""
        half = self.own("x" * 9000)[:-1]
        for before, after in (
            (b"", b""), (b"a\n", b"a\n"), (b"a\n" + half, b"a\n"), (half, b""), (b"a\n" + half[:3], b"a\n"),
            (b"a\nother", b"a\nother\n"), (b"other", b"other\n"), (b"\n", b"\n"),
        ):  # fmt: skip
            self.put(before)
            self.file.append([b"new\n"])
            self.assertEqual(self.content(), after + b"new\n", before[:20])

    def test_read_only_where_changed(self) -> None:
        """The end is looked for where somebody else has changed the file, or it is another one; not else."""
        read: list[int] = []
        real = os.pread
        self.patch(os, "pread", lambda fd, count, at: (read.append(count), real(fd, count, at))[1])

        def reads(line: bytes) -> bool:
            read.clear()
            self.file.append([line])
            return bool(read)

        self.put(b"before\n")
        self.assertTrue(reads(b"a\n"))
        self.assertFalse(reads(b"b\n"))
        with open(self.path, "ab") as file:
            file.write(b"other")
        self.assertTrue(reads(b"c\n"))
        self.assertEqual(self.content(), b"before\na\nb\nother\nc\n")
        os.rename(self.path, self.path + b".moved")
        self.put(b"x" * len(b"before\na\nb\nother\nc\n"))
        self.assertTrue(reads(b"d\n"))
        self.assertTrue(self.content().endswith(b"x\nd\n"))

    def test_full_disk(self) -> None:
        """A line for which there is no room leaves nothing of itself, and those before it stand."""
        room, real = [25], os.write

        def write(fd: int, data: bytes) -> int:
            if not room[0]:
                raise OSError(errno.ENOSPC, "full")
            taken = real(fd, data[: room[0]])
            room[0] -= taken
            return taken

        self.patch(os, "write", write)
        self.assertEqual(self.file.append([b"0123456789\n", b"0123456789\n", b"0123456789\n"]), 2)
        self.assertEqual(self.content(), b"0123456789\n" * 2)
        with self.assertRaises(OSError):
            self.file.append([b"0123456789\n"])
        self.assertEqual(self.content(), b"0123456789\n" * 2)


class TurningTests(FileCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(auditfile, "LARGEST", 10)

    def number(self, count: int) -> bytes:
        return b"%08d\n" % count

    def all(self) -> bytes:
        """Everything that is left, the oldest first."""
        return b"".join(
            self.content(name)
            for name in sorted(self.names(), key=lambda name: -int(name.partition(b".log.")[2] or 0))
        )

    def test_turn(self) -> None:
        """A file that is full is put aside; five of them are kept, the oldest goes."""
        for count in range(9):
            self.file.append([self.number(count)])
        self.assertEqual(self.names(), [b"audit.log", *(b"audit.log.%d" % place for place in range(1, 6))])
        self.assertEqual(self.all(), b"".join(map(self.number, range(3, 9))))

    def test_within_a_round(self) -> None:
        """It also turns between two lines that are written together; a line alone may be larger than a file."""
        self.file.append([self.number(count) for count in range(3)] + [b"x" * 100 + b"\n", self.number(3)])
        self.assertEqual(len(self.names()), 5)
        self.assertEqual(self.content(b"audit.log.1"), b"x" * 100 + b"\n")

    def test_killed_in_a_turn(self) -> None:
        """Wherever a turn is cut off, no line is lost but the oldest file's, and none is out of order."""
        for steps in range(7):
            for name in self.names():
                os.unlink(self.folder + b"/" + name)
            for count in range(6):
                self.file.append([self.number(count)])
            real, left = os.rename, [steps]

            def rename(before: bytes, after: bytes, left: list[int] = left, real: Any = real) -> None:
                if not left[0]:
                    raise KeyboardInterrupt  # as good as killed
                left[0] -= 1
                real(before, after)

            self.patch(os, "rename", rename)
            try:
                self.file.append([self.number(6)])
                last = 7
            except KeyboardInterrupt:
                last = 6
            self.patch(os, "rename", real)
            self.file.append([self.number(count) for count in range(last, 8)])
            left_over = self.all()
            self.assertTrue(b"".join(map(self.number, range(8))).endswith(left_over), (steps, left_over))
            self.assertIn(self.number(3), left_over)

    def test_folder_that_takes_no_new_name(self) -> None:
        """Where the folder doesn't let a file be put aside, the file grows."""

        def refuse(*_: object) -> None:
            raise PermissionError(errno.EACCES, "no")

        self.patch(os, "rename", refuse)
        for count in range(3):
            self.file.append([self.number(count)])
        self.assertEqual((self.names(), self.content()), ([b"audit.log"], b"".join(map(self.number, range(3)))))


class LogTests(FileCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def open(self, threads: Any, *, start: bool = True) -> AuditLog:
        log = AuditLog(path=self.path, threads=threads, clock=self.clock, wall=lambda: 0.0)
        if start:
            log.start()
        return log

    def note(self, log: AuditLog, *numbers: int) -> None:
        for number in numbers:
            log.note("upload", principal="guest", address=None, number=number)

    def written(self) -> list[int]:
        try:
            return [json.loads(line)["number"] for line in self.content().splitlines()]
        except FileNotFoundError:
            return []

    def said(self) -> list[str]:
        return [event["log_format"] for event in self.events if event.get("log_namespace") == auditlog.__name__]

    def test_at_once(self) -> None:
        """An event is given to a thread as soon as it is noted; for a moment from then on, others gather."""
        threads = HeldThreads()
        log = self.open(threads)
        self.assertEqual(threads.waiting, [])
        self.note(log, 1)
        self.assertEqual(len(threads.waiting), 1)
        self.note(log, 2, 3)
        self.assertEqual(len(threads.waiting), 1)
        threads.release()
        self.assertEqual((self.written(), threads.waiting), ([1], []))
        self.note(log, 4)
        self.clock.advance(GATHER)
        self.assertEqual(len(threads.waiting), 1)
        threads.release()
        self.assertEqual(self.written(), [1, 2, 3, 4])
        self.clock.advance(GATHER)
        self.assertEqual((threads.waiting, self.clock.getDelayedCalls()), ([], []))
        self.note(log, 5)
        threads.release()
        self.assertEqual(self.written(), [1, 2, 3, 4, 5])

    def test_before_the_start(self) -> None:
        """What is noted before the start is written after it."""
        log = self.open(ImmediateThreads(), start=False)
        self.note(log, 1)
        self.assertEqual(self.written(), [])
        log.start()
        self.assertEqual(self.written(), [1])

    def test_stop(self) -> None:
        """Stopping writes what is left, and what is noted after that goes nowhere."""
        threads = HeldThreads()
        log = self.open(threads)
        self.note(log, 1, 2, 3)
        stopped = Deferred.fromCoroutine(log.stop())
        self.assertNoResult(stopped)
        threads.release_all()
        self.successResultOf(stopped)
        self.assertEqual(self.written(), [1, 2, 3])
        self.note(log, 4)
        self.assertEqual((threads.waiting, self.clock.getDelayedCalls()), ([], []))

    def test_unwritable(self) -> None:
        """A file that can't be written is said once; events wait, and are written when that is possible again."""
        os.mkdir(self.path)
        log = self.open(ImmediateThreads())
        for number in range(3):
            self.note(log, number)
            self.clock.advance(RETRY)
        self.assertEqual(len(self.said()), 1)
        self.assertIn("Can't write the audit log", self.said()[0])
        os.rmdir(self.path)
        self.clock.advance(RETRY)
        self.assertEqual((self.written(), len(self.said())), ([0, 1, 2], 2))
        self.clock.advance(GATHER)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_other_file(self) -> None:
        """Told of another file, it writes there, at once also what the old one didn't take; told of none, it ends."""
        os.mkdir(self.path)
        log = self.open(ImmediateThreads())
        self.note(log, 1)
        other = self.path + b".other"
        log.write_to(other)
        self.note(log, 2)
        log.write_to(None)
        self.note(log, 3)
        log.write_to(other)
        self.note(log, 4)
        self.clock.advance(GATHER)
        with open(other, "rb") as file:
            self.assertEqual([json.loads(line)["number"] for line in file], [1, 2, 4])
        self.clock.advance(GATHER)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_none(self) -> None:
        """Where none is wanted, nothing is kept or written."""
        log = AuditLog(path=None, threads=HeldThreads(), clock=self.clock)
        log.start()
        self.note(log, 1)
        self.successResultOf(Deferred.fromCoroutine(log.stop()))

    def test_stop_while_unwritable(self) -> None:
        """A log that can't be written doesn't keep the server from stopping."""
        os.mkdir(self.path)
        log = self.open(ImmediateThreads())
        self.note(log, 1)
        self.successResultOf(Deferred.fromCoroutine(log.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bounded(self) -> None:
        """Events that wait are bounded; those above are counted, and the count is written with the next ones."""
        threads = HeldThreads()
        log = self.open(threads)
        self.note(log, *range(MOST_WAITING + 7))
        threads.release_all()
        self.clock.advance(GATHER)
        threads.release_all()
        lines = [json.loads(line) for line in self.content().splitlines()]
        self.assertEqual([line["number"] for line in lines[:-1]], list(range(MOST_WAITING)))
        self.assertEqual(
            (lines[-1]["event"], lines[-1]["outcome"], lines[-1]["count"]), ("events_lost", "lost", 7)
        )

    def test_defect(self) -> None:
        """What can't be written at all is our own mistake: it is logged, and keeps nobody from anything."""
        log = self.open(ImmediateThreads())

        class Odd:
            def __str__(self) -> str:
                raise ValueError("no text")

        log.note("upload", principal="guest", address=None, odd=Odd())
        self.note(log, 1)
        self.assertEqual(self.written(), [1])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_path(self) -> None:
        """It lies in the private folder, or under the storage's own name in a folder that several may share."""
        self.assertEqual(AuditLog.path_in(None, b"/s/.peerstor", "0" * 32), b"/s/.peerstor/audit.log")
        self.assertEqual(AuditLog.path_in(b"/var", b"/s/.peerstor", "0" * 32), b"/var/audit-0000000000000000.log")


class ChangesTests(SynchronousTestCase):
    def test_events(self) -> None:
        """A new file, one in another's place and whatever was deleted are three events, with what is known of each."""
        audit = KeptAudit()
        changes = AuditedChanges(audit)
        changes.published(b"a/\xff", 5, "ann", False, "::1")
        changes.published(b"a/b", 6, "bob", True, None)
        changes.removed(b"a", "cid", "192.0.2.7")
        self.assertEqual(
            audit.noted,
            [
                {"event": "upload", "principal": "ann", "address": "::1", "path": b"/a/\xff", "size": 5},
                {"event": "replace", "principal": "bob", "address": None, "path": b"/a/b", "size": 6},
                {"event": "delete", "principal": "cid", "address": "192.0.2.7", "path": b"/a"},
            ],
        )
