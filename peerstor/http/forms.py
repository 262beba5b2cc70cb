"""Reading `multipart/form-data` as it arrives, in constant memory, as fast as each file's consumer takes it."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

from attrs import define, field, frozen
from multipart import MultipartError, MultipartSegment, ParserError, ParserLimitReached, PushMultipartParser
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IProducer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.http.body import DeliveryStopped
from peerstor.http.formnames import boundary_of, part_names
from peerstor.http.formparts import FilePart, PartTaken
from peerstor.http.latch import Latch
from peerstor.http.preamble import Preamble

__all__ = [
    "DeliveryStopped",
    "FilePart",
    "FormBroken",
    "FormReader",
    "FormTooLarge",
    "Limits",
    "PartTaken",
    "boundary_of",
]


class ByteSource(Protocol):
    """Bytes that arrive over time and can be taken once: a request's body."""

    def deliver(self, consumer: IConsumer) -> Deferred[int]:
        """Push the bytes into `consumer`; the Deferred has their count at a true end, and fails otherwise."""


@define(eq=False)
class FormBroken(Exception):
    """The form is no well-formed `multipart/form-data`, or ended before its end.

    :param reason: what is wrong with it.
    """

    reason: str


@define(eq=False)
class FormTooLarge(FormBroken):
    """The form has too many parts, or a field or header too long."""


@frozen
class Limits:
    """What one form may hold. Files are not limited in size: their consumers see to that.

    :param fields: plain fields.
    :param field_size: bytes of one field. Times `fields` it is the memory that a form can take.
    :param parts: fields and files.
    :param headers: header lines of one part.
    :param header_size: bytes of one header line; a name of 255 bytes is far below it in any escaping.
    """

    fields: int = 100
    field_size: int = 64 * 1024
    parts: int = 10_000
    headers: int = 8
    header_size: int = 4096


class _Parser(PushMultipartParser):  # type: ignore[misc]  # it has no annotations
    """The library's parser, which minds a bare line feed in a header only where the network cuts behind it."""

    def _on_segment_headerline(self, line: bytes) -> None:
        if b"\n" in line:
            raise ParserError("Invalid line break in segment header")
        super()._on_segment_headerline(line)


@define
class _Field:
    """A plain field as it arrives."""

    name: str
    value: bytearray = field(factory=bytearray)


@implementer(IConsumer)
class FormReader:
    """Reads one form: collects its fields and offers its files, one after the other.

    A file's bytes are parsed only as fast as its consumer takes them, and the next part only when `on_file` has
    come to its end; until then the source is paused.

    :param boundary: see `boundary_of`.
    :param on_file: called with each file. It may deliver the file (`FilePart.deliver`), at once or later; a file
        that it has not begun to take when it ends is dropped. What it raises ends the form: a file that is
        merely refused is its own affair.
    """

    def __init__(
        self,
        boundary: bytes,
        on_file: Callable[[FilePart], Awaitable[Any]],
        *,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._parser = _Parser(
            boundary,
            max_header_size=self._limits.header_size,
            max_header_count=self._limits.headers,
            max_segment_count=self._limits.parts,
            header_charset="latin-1",  # one character a byte: names come out exactly as they were sent
        )
        self._preamble = Preamble(boundary)
        self._on_file = on_file
        self._fields: list[tuple[str, bytes]] = []
        self._field: _Field | None = None
        self._part: FilePart | None = None
        self._nameless: FilePart | None = None
        self._handling = False
        self._events: Iterator[Any] = iter(())
        self._waiting: deque[bytes] = deque()
        self._producer: IPushProducer | None = None
        self._paused = False
        self._pumping = False
        self._through = False
        self._ended = False
        self._failure: Failure | None = None
        self._settled = Latch()

    @property
    def fields(self) -> tuple[tuple[str, bytes], ...]:
        """The plain fields read so far, in order: each name and value."""
        return tuple(self._fields)

    async def read(self, source: ByteSource) -> tuple[tuple[str, bytes], ...]:
        """Read the form from `source` to its end.

        :return: its plain fields, in order.
        :raise FormBroken: when it is malformed, truncated or (`FormTooLarge`) beyond the limits. The source was
            stopped where it stood; what to do with the rest of the body is the caller's affair.
        :raise Exception: whatever the source failed with, or `on_file` raised, whichever came first. A delivery
            under way fails alike, and `on_file` has come to its end.
        """
        try:
            await source.deliver(self)
        except Exception:
            self._break(Failure())
        self._ended = True
        self._pump()
        await self._settled.wait(lambda: self._break(Failure(CancelledError())))
        if self._failure is not None:
            self._failure.raiseException()
        return self.fields

    # What the source sees.

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Take the source's push producer."""
        self._producer = IPushProducer(producer)
        self._regulate()

    def unregisterProducer(self) -> None:
        """The source has no more to give."""
        self._producer = None

    def write(self, data: bytes) -> None:
        """Take bytes of the form. After a pause at most one read still comes, and waits here."""
        if self._failure is None:
            self._waiting.append(data)
            self._pump()

    @property
    def direct(self) -> bool:
        """Whether views are welcome (see `ViewConsumer`): the next bytes would be parsed at once."""
        return self._ready and not self._waiting

    def write_through(self, data: memoryview) -> None:
        """Take bytes of the form. The parser needs an object of them; whoever takes a file can do with a view."""
        self._through = True
        self.write(bytes(data))

    # The flow. One event of the parser at a time; between two of them anything may pause us.

    def _pump(self) -> None:
        """Handle events until one has to wait; calls from within do nothing, the loop sees what they changed."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._ready and self._advance():
                pass
        except MultipartError as error:
            self._break(Failure(_broken(error)))
        except FormBroken:
            self._break(Failure())
        finally:
            self._pumping = False
        self._regulate()
        if (self._failure is not None or self._ended) and self._idle:
            self._settled.open()

    @property
    def _idle(self) -> bool:
        """Whether the form has come to an end, good or bad, and no handler runs any more."""
        return not self._handling and (self._failure is not None or self._parser.closed)

    @property
    def _ready(self) -> bool:
        """Whether the next event, whatever it is, could be handled now."""
        if self._failure is not None:
            return False
        return self._part.ready if self._part is not None else not self._handling

    def _advance(self) -> bool:
        """Handle one event, parse the next bytes, or see that the form is complete; False when all is done."""
        for event in self._events:
            self._handle(event)
            return True
        if self._waiting:
            data = self._preamble.behind(self._waiting.popleft())
            # Bytes behind the last boundary mean nothing (RFC 2046, section 5.1.1: the epilogue).
            self._events = iter(()) if self._parser.closed or not data else self._parser.parse(data)
            return True
        if self._ended and not self._parser.closed:
            self._parser.close()
        return False

    def _regulate(self) -> None:
        """Pause the source while its bytes could not be handled, and let it go on when they can."""
        producer = self._producer
        wanted = self._ready and not self._waiting
        if producer is None or self._failure is not None or wanted is not self._paused:
            return
        self._paused = not wanted
        if wanted:
            producer.resumeProducing()
        else:
            producer.pauseProducing()

    def _break(self, failure: Failure) -> None:
        """Give the form up: the first failure counts, and everyone concerned hears of it."""
        if self._failure is not None:
            return
        self._failure = failure
        self._events = iter(())
        self._waiting.clear()
        part, self._part = self._part, None
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        if part is not None:
            part.fail(failure)
        self._pump()

    # The events.

    def _handle(self, event: MultipartSegment | bytes | None) -> None:
        if event is None:
            self._on_end()
        elif isinstance(event, MultipartSegment):
            self._on_begin(event)
        else:
            self._on_data(bytes(event))

    def _on_begin(self, segment: MultipartSegment) -> None:
        name, filename = part_names(segment.header("Content-Disposition", ""))
        if filename is None:
            if len(self._fields) >= self._limits.fields:
                raise FormTooLarge("too many fields")
            self._field = _Field(name)
            return
        part = FilePart(field=name, filename=filename, content_type=segment.content_type, changed=self._pump)
        if filename:
            self._offer(part)
        else:
            # A browser sends a nameless, empty file for an input in which none was chosen.
            self._nameless = part

    def _on_data(self, data: bytes) -> None:
        if self._nameless is not None:
            part, self._nameless = self._nameless, None
            # It has bytes, so somebody must hear of it; they come first once it is taken.
            self._events = _prepended(data, self._events)
            self._offer(part)
        elif self._part is not None:
            self._part.write(data, through=self._through)
        elif self._field is not None:
            if len(self._field.value) + len(data) > self._limits.field_size:
                raise FormTooLarge("a field is too long")
            self._field.value += data

    def _on_end(self) -> None:
        self._nameless = None
        if self._field is not None:
            self._fields.append((self._field.name, bytes(self._field.value)))
            self._field = None
        part, self._part = self._part, None
        if part is not None:
            part.finish()

    def _offer(self, part: FilePart) -> None:
        self._part = part
        self._handling = True
        Deferred.fromCoroutine(self._run(part)).addErrback(self._break)

    async def _run(self, part: FilePart) -> None:
        """Run the handler; whatever it leaves of the part is dropped."""
        failure = None
        try:
            await self._on_file(part)
        except Exception:
            failure = Failure()
        finally:
            part.discard()
            self._handling = False
            # Before anybody looks: a form that is all there by now would pass for one that went well.
            if failure is not None:
                self._break(failure)
            self._pump()


def _prepended(data: bytes, events: Iterator[Any]) -> Iterator[Any]:
    yield data
    yield from events


def _broken(error: MultipartError) -> FormBroken:
    kind = FormTooLarge if isinstance(error, ParserLimitReached) else FormBroken
    return kind(str(error))
