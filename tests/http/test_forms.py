"""Reading forms: every split, every refusal, and back-pressure to the socket."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerstor.http.body import BodyCut, BodyStream
from peerstor.http.forms import (
    DeliveryStopped,
    FilePart,
    FormBroken,
    FormReader,
    FormTooLarge,
    Limits,
    PartTaken,
)
from tests.http.streams import FillingTransport, PushedSource, SourceStopped

BOUNDARY = b"----WebKitFormBoundaryQqzUOkAbC"


def part(disposition: bytes, body: bytes, *headers: bytes) -> bytes:
    """One part, the delimiter before it included."""
    lines = [b"--" + BOUNDARY, b"Content-Disposition: form-data; " + disposition, *headers, b"", body, b""]
    return b"\r\n".join(lines)


def file(name: bytes, body: bytes) -> bytes:
    """A file part as a browser sends it."""
    return part(b'name="file"; filename="' + name + b'"', body, b"Content-Type: application/octet-stream")


def form(*parts: bytes) -> bytes:
    """The whole form."""
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


class Lost(Exception):
    """The connection of a test is lost."""


class Reading(SynchronousTestCase):
    """`FormReader.read`, fed by hand."""

    def setUp(self) -> None:
        """A reader that keeps every file whole, on a source."""
        self.files: list[tuple[str, bytes, str | None, bytes]] = []
        self.begin(self.keep)

    def begin(self, on_file: Callable[[FilePart], Any], limits: Limits | None = None) -> None:
        """Start anew."""
        self.files = []
        self.source = PushedSource()
        self.reader = FormReader(BOUNDARY, on_file, limits=limits)
        self.done: Deferred[Any] = Deferred.fromCoroutine(self.reader.read(self.source))

    async def keep(self, given: FilePart) -> None:
        """Take a file whole."""
        consumer = StringTransport()
        count = await given.deliver(consumer)
        self.assertEqual(count, len(consumer.value()))
        self.assertIsNone(consumer.producer)
        self.files.append((given.field, given.filename, given.content_type, consumer.value()))

    def read(self, body: bytes, size: int = 10**9) -> Any:
        """Push a body in pieces and return the outcome's Deferred."""
        for start in range(0, len(body), size):
            if self.source.stopped:
                return self.done
            self.source.push(body[start : start + size])
        if not self.source.stopped:
            self.source.end()
        return self.done

    # Well-formed forms.

    def test_fields_and_files(self) -> None:
        """Fields come back in order, files are offered with the names and types that were sent."""
        body = form(
            part(b'name="conflict"', b"rename"),
            file("ключ 🎉.txt".encode(), b"content"),
            part(b'name="note"', "naïve".encode()),
            part(b'name="note"', b""),
            file(b"empty", b""),
        )
        fields = self.successResultOf(self.read(body))
        self.assertEqual(fields, (("conflict", b"rename"), ("note", "naïve".encode()), ("note", b"")))
        self.assertEqual(
            self.files,
            [
                ("file", "ключ 🎉.txt".encode(), "application/octet-stream", b"content"),
                ("file", b"empty", "application/octet-stream", b""),
            ],
        )

    def test_split_at_every_byte(self) -> None:
        """Wherever the network cuts the form, even within a boundary or its like, the same comes out."""
        tricky = b"\r\n--" + BOUNDARY[:-1] + b"\r\n\r\n--\r" + b"\r\n-" + b"\r"
        body = form(file(b"a%22b", tricky), part(b'name="x"', tricky), file(b"c", b"\r\n"))
        for split in range(len(body) + 1):
            self.begin(self.keep)
            self.source.push(body[:split])
            self.source.push(body[split:])
            self.source.end()
            self.assertEqual(self.successResultOf(self.done), (("x", tricky),))
            self.assertEqual([each[3] for each in self.files], [tricky, b"\r\n"], split)

    def test_byte_by_byte(self) -> None:
        """Single bytes are pieces too, the line break behind the last boundary included."""
        body = form(file(b"a", b"12345"), part(b'name="x"', b"67"))
        self.assertEqual(self.successResultOf(self.read(body, 1)), (("x", b"67"),))
        self.assertEqual(self.files[0][3], b"12345")

    @given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 80))
    def test_any_content(self, contents: list[bytes], size: int) -> None:
        """Files of any bytes come out as they went in."""
        self.begin(self.keep)
        body = form(*(file(b"%d" % number, content) for number, content in enumerate(contents)))
        self.successResultOf(self.read(body, size))
        self.assertEqual([each[3] for each in self.files], contents)

    def test_many_parts(self) -> None:
        """Thousands of small files in one read cost no stack."""
        body = form(*(file(b"%d" % number, b"x") for number in range(3000)))
        self.successResultOf(self.read(body))
        self.assertEqual([each[1] for each in self.files], [b"%d" % number for number in range(3000)])

    def test_preamble_and_epilogue(self) -> None:
        """What stands before the first boundary and behind the last means nothing."""
        self.assertEqual(
            self.successResultOf(self.read(b"preamble\r\n" + form(part(b'name="x"', b"1")) + b"epilogue" * 9, 7)),
            (("x", b"1"),),
        )

    def test_boundary_within_the_preamble(self) -> None:
        """A boundary begins a line: one in the middle of the preamble is none, wherever the network cuts."""
        body = b"x--" + BOUNDARY + b"\r\n\r\nx\r\n" + form(part(b'name="x"', b"1"))
        for size in (1, 2, 3, 5, 40, 10**6):
            with self.subTest(size=size):
                self.begin(self.keep)
                self.assertEqual(self.successResultOf(self.read(body, size)), (("x", b"1"),))

    def test_no_parts(self) -> None:
        """A form without parts is one."""
        self.assertEqual(self.successResultOf(self.read(form())), ())

    def test_no_file_chosen(self) -> None:
        """The nameless empty file that a browser sends for an empty input is not offered; bytes without a name are
        somebody's bytes, and are."""
        self.successResultOf(self.read(form(file(b"", b""), file(b"", b"bytes"), file(b"b", b"more")), 5))
        self.assertEqual([each[1::2] for each in self.files], [(b"", b"bytes"), (b"b", b"more")])

    def test_content_type(self) -> None:
        """A part's type comes without parameters; a part without one has none."""
        body = form(
            part(b'name="f"; filename="a"', b"", b"Content-Type: Text/Plain; charset=x"),
            part(b'name="f"; filename="b"', b""),
        )
        self.successResultOf(self.read(body))
        self.assertEqual([each[2] for each in self.files], ["text/plain", None])

    # Handlers.

    def test_refused_file_is_dropped(self) -> None:
        """A handler that ends without taking its file lets it pass by; the other parts stand."""

        async def second_only(given: FilePart) -> None:
            if given.filename == b"b":
                await self.keep(given)

        self.begin(second_only)
        self.successResultOf(
            self.read(form(file(b"a", b"x" * 999), file(b"b", b"kept"), file(b"c", b"y" * 999)), 50)
        )
        self.assertEqual([each[1::2] for each in self.files], [(b"b", b"kept")])

    def test_one_file_at_a_time(self) -> None:
        """The next part is not begun before the handler of the last has come to its end; meanwhile the source is
        paused."""
        ends: list[Deferred[None]] = []

        async def slow(given: FilePart) -> None:
            await self.keep(given)
            ends.append(Deferred())
            await ends[-1]

        self.begin(slow)
        self.source.push(form(file(b"a", b"1"), file(b"b", b"2")))
        self.assertEqual([each[1] for each in self.files], [b"a"])
        self.assertTrue(self.source.paused)
        ends[0].callback(None)
        self.assertEqual([each[1] for each in self.files], [b"a", b"b"])
        self.source.end()
        self.assertNoResult(self.done)
        ends[1].callback(None)
        self.successResultOf(self.done)

    def test_taken_later(self) -> None:
        """Until a handler takes its file, the source is paused and no byte is lost."""
        asked: Deferred[None] = Deferred()

        async def later(given: FilePart) -> None:
            await asked
            await self.keep(given)

        self.begin(later)
        body = form(file(b"a", b"z" * 300))
        sent = self.source.push_while_wanted(body, 100)
        self.assertTrue(self.source.paused)
        asked.callback(None)
        self.assertFalse(self.source.paused)
        self.successResultOf(self.read(body[sent:]))
        self.assertEqual(self.files[0][3], b"z" * 300)

    def test_given_as_a_deferred(self) -> None:
        """A handler may return a Deferred instead of a coroutine."""
        consumer = StringTransport()
        self.begin(lambda given: given.deliver(consumer))
        self.successResultOf(self.read(form(file(b"a", b"content"))))
        self.assertEqual(consumer.value(), b"content")

    def test_taken_once(self) -> None:
        """A second taking of a part, and one after its time, fails by name."""
        parts: list[FilePart] = []

        async def twice(given: FilePart) -> None:
            first = given.deliver(StringTransport())
            self.failureResultOf(given.deliver(StringTransport()), PartTaken)
            await first

        async def pass_by(given: FilePart) -> None:
            parts.append(given)

        self.begin(twice)
        self.successResultOf(self.read(form(file(b"a", b"content"))))
        self.begin(pass_by)
        self.successResultOf(self.read(form(file(b"a", b"content"))))
        self.failureResultOf(parts[0].deliver(StringTransport()), PartTaken)

    def test_failing_handler_ends_the_form(self) -> None:
        """What a handler raises stops the source and is the outcome."""

        async def fail_at_b(given: FilePart) -> None:
            if given.filename == b"b":
                raise Lost
            await self.keep(given)

        self.begin(fail_at_b)
        self.failureResultOf(self.read(form(file(b"a", b"1"), file(b"b", b"2"), file(b"c", b"3")), 60), Lost)
        self.assertEqual([each[1] for each in self.files], [b"a"])
        self.assertTrue(self.source.stopped)

    def test_failing_behind_the_end(self) -> None:
        """Nor is that missed where the whole form is there by then: it has not gone well."""
        full: Deferred[None] = Deferred()

        async def stop_and_fail(given: FilePart) -> None:
            consumer = StringTransport()
            delivered = given.deliver(consumer)
            consumer.producer.stopProducing()
            with self.assertRaises(DeliveryStopped):
                await delivered
            await full

        self.begin(stop_and_fail)
        done = self.read(form(file(b"a.txt", b"aaa")))
        self.assertNoResult(done)
        full.errback(OSError("disk full"))
        self.failureResultOf(done, OSError)

    def test_handler_that_does_not_wait(self) -> None:
        """A delivery outlives its handler: the file still comes whole, and the form waits for it."""
        consumer = FillingTransport(mark=10)
        counts: list[int] = []

        async def begin_only(given: FilePart) -> None:
            given.deliver(consumer).addCallback(counts.append)

        self.begin(begin_only)
        done = self.read(form(file(b"a", b"x" * 10 + b"y" * 10), part(b'name="x"', b"1")), 10)
        while consumer.producer is not None:
            consumer.drain()
        self.assertEqual((counts, self.successResultOf(done)), ([20], (("x", b"1"),)))

    # Back-pressure.

    def test_interfaces(self) -> None:
        """The reader is a consumer, a file a push producer."""
        verifyObject(IConsumer, self.reader)
        verifyObject(IPushProducer, FilePart(field="f", filename=b"n", content_type=None, changed=lambda: None))

    def test_pause_reaches_the_source(self) -> None:
        """A consumer that fills pauses the source; what one read brought waits and is written after the resume,
        piece by piece as the consumer takes it."""
        consumer = FillingTransport(mark=100)
        self.begin(lambda given: given.deliver(consumer))
        body = form(file(b"a", b"x" * 1000), file(b"a", b"y"))
        sent = self.source.push_while_wanted(body, 120)
        self.assertLess(sent, 400)
        written = len(consumer.value())
        self.source.push(body[sent : sent + 100])  # the read that was under way
        self.source.push(body[sent + 100 : sent + 200])
        self.assertEqual(len(consumer.value()), written, "nothing is written during a pause")
        consumer.drain()
        self.assertEqual(len(consumer.value()), 100, "one piece, then full again")
        self.assertTrue(self.source.paused)
        consumer.drain()
        consumer.drain()
        self.assertFalse(self.source.paused)
        consumer.mark = 10**9
        self.successResultOf(self.read(body[sent + 200 :]))
        self.assertEqual(consumer.received + consumer.value(), b"x" * 1000 + b"y")

    def test_end_while_paused(self) -> None:
        """A body that ends while the consumer is full is not at its end for the form before all is written."""
        consumer = FillingTransport(mark=1)
        self.begin(lambda given: given.deliver(consumer))
        body = form(file(b"a", b"12345"), part(b'name="x"', b"1"))
        self.source.push(body)
        self.source.end()
        self.assertNoResult(self.done)
        consumer.drain()
        self.assertEqual(self.successResultOf(self.done), (("x", b"1"),))
        self.assertEqual(consumer.received, b"12345")

    def test_consumer_that_stops(self) -> None:
        """A consumer that wants no more is let go; the rest of its file is dropped, and the form goes on."""
        consumer = FillingTransport()
        outcomes: list[Any] = []

        async def give_up_at_a(given: FilePart) -> None:
            if given.filename != b"a":
                return await self.keep(given)
            try:
                await given.deliver(consumer)
            except DeliveryStopped as error:
                outcomes.append(error)

        self.begin(give_up_at_a)
        body = form(file(b"a", b"x" * 500), file(b"b", b"kept"))
        self.source.push(body[:300])
        before = consumer.value()
        consumer.producer.stopProducing()
        self.assertEqual(len(outcomes), 1)
        self.successResultOf(self.read(body[300:], 100))
        self.assertEqual((consumer.value(), consumer.unregistered), (before, 1))
        self.assertEqual([each[1::2] for each in self.files], [(b"b", b"kept")])

    def test_consumer_that_raises(self) -> None:
        """What a consumer's `write` raises is the outcome of its delivery, not of the reader's own source."""

        class Raising(FillingTransport):
            def write(self, data: bytes) -> None:
                raise Lost

        consumer = Raising()
        self.begin(lambda given: given.deliver(consumer))
        self.failureResultOf(self.read(form(file(b"a", b"x" * 500)), 100), Lost)
        self.assertEqual(consumer.unregistered, 1)

    def test_consumer_that_cannot_register(self) -> None:
        """A consumer that refuses the producer fails its handler; the form does not hang."""
        consumer = StringTransport()
        consumer.registerProducer(self.source, True)
        self.begin(lambda given: given.deliver(consumer))
        self.failureResultOf(self.read(form(file(b"a", b"x" * 500)), 100), RuntimeError)

    def test_consumer_gone_at_the_start(self) -> None:
        """A consumer that stops the producer in `registerProducer` gets nothing."""

        class Gone(FillingTransport):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                super().registerProducer(producer, streaming)
                producer.stopProducing()

        consumer = Gone()
        self.begin(lambda given: given.deliver(consumer))
        self.failureResultOf(self.read(form(file(b"a", b"x" * 500)), 100), DeliveryStopped)
        self.assertEqual((consumer.value(), consumer.unregistered), (b"", 1))

    def test_cancelled_delivery(self) -> None:
        """Cancelling a delivery frees its consumer and drops the rest of the file."""
        consumer = FillingTransport()
        deliveries: list[Deferred[int]] = []

        async def cancellable(given: FilePart) -> None:
            deliveries.append(given.deliver(consumer))

        self.begin(cancellable)
        body = form(file(b"a", b"x" * 500), part(b'name="x"', b"1"))
        self.source.push(body[:300])
        deliveries[0].cancel()
        self.failureResultOf(deliveries[0], DeliveryStopped)
        self.assertEqual(consumer.unregistered, 1)
        self.assertEqual(self.successResultOf(self.read(body[300:])), (("x", b"1"),))

    def test_memory_stays_flat(self) -> None:
        """A large file passes through in the memory of a few reads."""
        total = 0

        class Counting(StringTransport):
            def write(self, data: bytes) -> None:
                nonlocal total
                total += len(data)

        self.begin(lambda given: given.deliver(Counting()))
        head, tail = form(file(b"a", b"|")).split(b"|")
        block = bytes(64 * 1024)
        with peak() as used:
            self.source.push(head)
            for _ in range(1600):
                self.source.push(block)
        self.successResultOf(self.read(tail))
        self.assertEqual(total, 1600 * 64 * 1024)
        self.assertLess(used[0], 1024 * 1024)

    # Forms that are broken, cut or too large.

    def test_truncated_anywhere(self) -> None:
        """A form that ends before its last boundary is broken, and so is the delivery under way."""
        body = form(file(b"a", b"12345"), part(b'name="x"', b"67"))
        complete = len(body) - len(b"\r\n")
        for length in range(complete):
            outcomes: list[str] = []

            async def note(given: FilePart, outcomes: list[str] = outcomes) -> None:
                try:
                    await given.deliver(StringTransport())
                    outcomes.append("whole")
                except FormBroken:
                    outcomes.append("broken")
                    raise

            self.begin(note)
            self.failureResultOf(self.read(body[:length]), FormBroken)
            offered = length >= body.index(b"\r\n\r\n") + 4
            ended = length >= body.index(b"12345") + 5 + len(BOUNDARY) + 6
            self.assertEqual(outcomes, ["whole" if ended else "broken"] if offered else [], length)

    def test_cut(self) -> None:
        """A body that fails takes the delivery under way with it, by the same fault; what was written is a prefix,
        and the outcome waits for the handler."""
        consumer = FillingTransport()
        flushed: Deferred[None] = Deferred()
        outcomes: list[Exception] = []

        async def flush(given: FilePart) -> None:
            try:
                await given.deliver(consumer)
            except Lost as error:
                outcomes.append(error)
                await flushed

        self.begin(flush)
        body = form(file(b"a", b"x" * 500))
        self.source.push(body[:300])
        self.source.cut(Lost())
        self.assertEqual((len(outcomes), consumer.unregistered), (1, 1))
        self.assertTrue(consumer.value() and not consumer.value().strip(b"x"))
        self.assertNoResult(self.done)
        flushed.callback(None)
        self.failureResultOf(self.done, Lost)

    def test_cut_while_the_consumer_is_full(self) -> None:
        """A cut is heard at once, also by a consumer that has paused."""
        consumer = FillingTransport(mark=1)
        self.begin(lambda given: given.deliver(consumer))
        self.source.push(form(file(b"a", b"x" * 500))[:300])
        self.source.cut(Lost())
        self.failureResultOf(self.done, Lost)
        self.assertEqual(consumer.unregistered, 1)

    def test_malformed(self) -> None:
        """What is no multipart/form-data stops the source and is told by name, however it is split."""
        for name, body in {
            "no boundary": b"x" * 5000,
            "another boundary": form(part(b'name="x"', b"1")).replace(b"WebKit", b"Gecko "),
            "no disposition": b"--"
            + BOUNDARY
            + b"\r\nContent-Type: text/plain\r\n\r\nx\r\n--"
            + BOUNDARY
            + b"--\r\n",
            "not form-data": form(part(b'name="x"', b"1")).replace(b"form-data", b"attachment"),
            "no colon": form(part(b'name="x"', b"1", b"what is this")),
            "bad header name": form(part(b'name="x"', b"1", b"na me: x")),
            "bare line feeds": form(part(b'name="x"', b"1")).replace(b"\r\n", b"\n"),
            "line feed in a name": form(part(b'name="x"; filename="a\nb"', b"1")),
            "line feed between headers": form(part(b'name="x"', b"1", b"X: y\nZ: z")),
            "line feed before a header": form(part(b'name="x"', b"1", b"\nX: y")),
            "line feed before a colon": form(part(b'name="x"', b"1", b"X\n: y")),
            "line feed in a boundary": form(part(b'name="x"', b"1")).replace(BOUNDARY + b"\r", BOUNDARY, 1),
            "text before the only boundary": b"text" + form(),
            "text behind a boundary": form(part(b'name="x"', b"1")).replace(BOUNDARY, BOUNDARY + b"junk", 1),
            "length too small": form(part(b'name="x"', b"12345", b"Content-Length: 2")),
            "length too large": form(part(b'name="x"', b"12345", b"Content-Length: 99")),
        }.items():
            for size in (1, 2, 4, 10**6):
                with self.subTest(name=name, size=size):
                    self.begin(self.keep)
                    self.failureResultOf(self.read(body, size), FormBroken)

    def test_malformed_in_mid_file(self) -> None:
        """A defect stops the source where it stands, and the delivery under way fails with it."""
        consumer = FillingTransport()
        self.begin(lambda given: given.deliver(consumer))
        body = form(part(b'name="f"; filename="a"', b"x" * 500, b"Content-Length: 400"))
        self.source.push(body[:300])
        self.assertEqual(consumer.unregistered, 0)
        self.source.push(body[300:])
        self.assertTrue(self.source.stopped)
        self.failureResultOf(self.done, FormBroken)
        self.assertEqual(consumer.unregistered, 1)
        self.source.push(b"more of it")
        self.assertFalse(consumer.value().strip(b"x"))

    def test_limits(self) -> None:
        """A hundred fields of 64 KiB pass; one more, one longer, a header too long or too many do not."""
        many = [part(b'name="%d"' % number, b"x") for number in range(100)]
        self.assertEqual(len(self.successResultOf(self.read(form(*many), 1000))), 100)
        self.begin(self.keep)
        large = part(b'name="x"', b"x" * 65536)
        self.assertEqual(len(self.successResultOf(self.read(form(large), 1000))[0][1]), 65536)
        for name, body in {
            "fields": form(*many, part(b'name="one more"', b"")),
            "field": form(part(b'name="x"', b"x" * 65537)),
            "header": form(part(b'name="x"', b"", b"X-Long: " + b"x" * 5000)),
            "endless header": part(b'name="x"', b"")[:-4] + b"\r\nX-Endless: " + b"x" * 100_000,
            "headers": form(part(b'name="x"', b"", *[b"X-Many: 1"] * 8)),
        }.items():
            for size in (1000, 10**9):
                with self.subTest(name=name, size=size):
                    self.begin(self.keep)
                    self.failureResultOf(self.read(body, size), FormTooLarge)
                    self.assertTrue(self.source.stopped)

    def test_too_many_parts(self) -> None:
        """Files count too."""
        self.begin(self.keep, Limits(parts=3))
        self.failureResultOf(self.read(form(*[file(b"a", b"x")] * 4)), FormTooLarge)
        self.assertEqual(len(self.files), 3)

    def test_a_field_too_long_holds_no_memory(self) -> None:
        """A field without end is refused at its limit, not at its end."""
        head = part(b'name="x"', b"")[:-2]
        self.source.push(head)
        sent = self.source.push_while_wanted(b"x" * 10_000_000, 65536)
        self.assertLessEqual(sent, 3 * 65536)
        self.failureResultOf(self.done, FormTooLarge)

    @given(st.binary(max_size=300), st.integers(1, 50))
    def test_any_bytes(self, body: bytes, size: int) -> None:
        """Whatever is sent behind a boundary, the form ends well or is broken, and nothing else is raised."""
        self.begin(self.keep)
        done = self.read(b"--" + BOUNDARY + b"\r\n" + body, size)
        done.addErrback(lambda reason: reason.trap(FormBroken, SourceStopped))
        self.successResultOf(done)

    def test_cancelled(self) -> None:
        """Whoever waits for the form may give it up: the source is stopped, the delivery under way fails, and the
        outcome waits for the handler."""
        consumer = FillingTransport()
        ended: Deferred[None] = Deferred()

        async def stubborn(given: FilePart) -> None:
            try:
                await given.deliver(consumer)
            finally:
                await ended

        for at_end in (False, True):
            with self.subTest(at_end=at_end):
                ended, consumer = Deferred(), FillingTransport(mark=1)
                self.begin(stubborn)
                self.source.push(form(file(b"a", b"x" * 500))[: None if at_end else 300])
                if at_end:
                    self.source.end()
                self.done.cancel()
                self.assertEqual(consumer.unregistered, 1)
                self.assertNoResult(self.done)
                ended.callback(None)
                self.failureResultOf(self.done, CancelledError)
                self.assertIsNot(self.source.stopped, at_end)


class FromTheBody(SynchronousTestCase):
    """A form that comes as a request's body."""

    def setUp(self) -> None:
        """A body whose connection notes what is asked of it."""
        self.flow = mock.Mock()
        self.consumer = FillingTransport(mark=100)

    def begin(self, body: bytes, on_file: Callable[[FilePart], Any]) -> Deferred[Any]:
        """Begin to read a body of that length."""
        self.body = BodyStream(self.flow, length=len(body))
        return Deferred.fromCoroutine(FormReader(BOUNDARY, on_file).read(self.body))

    def test_a_full_consumer_holds_the_socket(self) -> None:
        """The pause of a file's consumer arrives at the connection, and so does its resume."""
        body = form(file(b"a", b"x" * 1000))
        done = self.begin(body, lambda given: given.deliver(self.consumer))
        self.assertFalse(self.body.held)
        self.body.data(body[:500])
        self.assertTrue(self.body.held)
        self.consumer.drain()
        self.assertFalse(self.body.held)
        self.body.data(body[500:])
        self.body.end()
        self.assertNoResult(done)
        while self.consumer.producer is not None:
            self.consumer.drain()
        self.successResultOf(done)
        self.assertEqual(self.consumer.received, b"x" * 1000)

    def test_a_broken_form_leaves_the_rest_unread(self) -> None:
        """A defect ends the delivery from within; the socket is held and what still arrives goes nowhere."""
        body = b"--" + BOUNDARY + b"\r\nnonsense\r\n\r\n" + b"x" * 1000
        done = self.begin(body, lambda given: given.deliver(self.consumer))
        self.body.data(body[:200])
        self.failureResultOf(done, FormBroken)
        self.assertTrue(self.body.held)
        self.body.data(body[200:])

    def test_a_lost_connection(self) -> None:
        """The body's fault is the delivery's and the form's."""
        body = form(file(b"a", b"x" * 1000))
        done = self.begin(body, lambda given: given.deliver(self.consumer))
        self.body.data(body[:300])
        self.body.fail(Failure(BodyCut()))
        self.failureResultOf(done, BodyCut)
        self.assertEqual(self.consumer.unregistered, 1)


@contextmanager
def peak() -> Iterator[list[int]]:
    """Measure the most memory in use inside, beyond what was in use before, bytes."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    result: list[int] = []
    try:
        yield result
    finally:
        result.append(tracemalloc.get_traced_memory()[1] - before)
        tracemalloc.stop()
