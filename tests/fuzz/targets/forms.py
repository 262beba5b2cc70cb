"""Forms: a line with the `Content-Type`, then the body."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterable
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from peerstor.http.formnames import boundary_of
from peerstor.http.forms import FilePart, FormBroken, FormReader, Limits
from tests.fuzz.failures import no_failure_logged
from tests.fuzz.splits import split
from tests.http.streams import PushedSource, SourceStopped

WORDS = (
    b"multipart/form-data; boundary=", b"multipart/mixed", b'"', b"\n", b"--b", b"\r\n--b\r\n", b"\r\n--b--\r\n", b"--",
    b"Content-Disposition: form-data; name=", b'"f"', b'; filename="x"', b"; filename*=UTF-8''%41", b"\r\n\r\n", b"\r\n",
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n', b"Content-Type: text/plain\r\n", b"%22",
    b"Content-Length: 5\r\n", b"Content-Transfer-Encoding: base64\r\n", b"\\", b'\\"', b"../", b"\0", b"\r", b": ",
)  # fmt: skip

LIMITS = Limits(fields=5, field_size=200, parts=8, headers=4, header_size=400)
"""Small ones, so that they are met."""

_FIELD = re.compile(rb'Content-Disposition: form-data; name="([\x20!#-~]*)"(?:; filename="([\x20!#-~]+)")?')


@define
class Taker:
    """A consumer that is full every now and then."""

    chance: random.Random
    data: bytes = b""
    producer: Any = None
    paused: bool = False

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take it."""
        self.producer = producer

    def unregisterProducer(self) -> None:
        """Let it go."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """Keep what comes, which must not be while paused."""
        assert not self.paused, "written to while paused"
        self.data += data
        if self.chance.random() < 0.3 and self.producer is not None:
            self.paused = True
            self.producer.pauseProducing()

    def go_on(self) -> None:
        """Have room again."""
        if self.paused:
            self.paused = False
            if self.producer is not None:
                self.producer.resumeProducing()


class Reading:
    """One form, read from pieces."""

    def __init__(self, boundary: bytes, chance: random.Random) -> None:
        self.files: list[tuple[str, bytes, bytes]] = []
        self.chance = chance
        self.taker: Taker | None = None
        self.reader = FormReader(boundary, self.take, limits=LIMITS)

    async def take(self, part: FilePart) -> None:
        self.taker = taker = Taker(self.chance)
        # How much of a file comes before a defect of the form is seen may differ: only whole ones are kept.
        await part.deliver(taker)
        self.files.append((part.field, part.filename, taker.data))

    def read(self, pieces: Iterable[bytes]) -> tuple[object, list[tuple[str, bytes, bytes]]]:
        """Read all; give the fields, or None where the form is broken, and the files."""
        source, results = PushedSource(), []
        Deferred.fromCoroutine(self.reader.read(source)).addBoth(results.append)
        for piece in pieces:
            while source.paused and not source.stopped:
                self.go_on()
            if source.stopped:
                break
            source.push(piece)
        if not source.done.called:
            source.end()
        for _ in range(10_000):
            if results:
                break
            self.go_on()
        (result,) = results
        if isinstance(result, Failure):
            assert result.check(FormBroken, SourceStopped), result
            return None, self.files
        return result, self.files

    def go_on(self) -> None:
        assert self.taker is not None, "paused, and nobody to resume"
        self.taker.go_on()


def check(data: bytes) -> None:
    """The same comes out however the body is cut and taken; a well-formed form is read as a plain reader does."""
    content_type, _, body = data.partition(b"\n")
    boundary = boundary_of(content_type)
    if boundary is None:
        assert not re.fullmatch(rb"multipart/form-data; boundary=[A-Za-z0-9]{1,70}", content_type), content_type
        return
    assert 0 < len(boundary) <= 70, content_type
    assert boundary.replace(b"\\", b"") in content_type.replace(b"\\", b""), (boundary, content_type)
    with no_failure_logged():
        whole = Reading(boundary, random.Random(0)).read([body])
        pieces = Reading(boundary, random.Random(zlib.crc32(body))).read(split(body))
    # The parser counts a CR that waits for its LF, so a header of just the limit passes or not.
    if all(len(line) != LIMITS.header_size for line in body.split(b"\r\n")):
        assert whole == pieces, (whole, pieces)
    right = _plain(boundary, body)
    assert right is None or right == whole, (right, whole)


def _plain(boundary: bytes, body: bytes) -> object:
    """Read a form as browsers send it, by splitting; None for any other."""
    mark = b"--" + boundary
    if (
        not body.startswith(mark + b"\r\n")
        or not body.endswith(b"\r\n" + mark + b"--\r\n")
        or boundary.endswith(b" ")
    ):
        return None
    parts = body[len(mark) + 2 : -len(mark) - 6].split(b"\r\n" + mark + b"\r\n")
    fields: list[tuple[str, bytes]] = []
    files: list[tuple[str, bytes, bytes]] = []
    for part in parts:
        head, end, content = part.partition(b"\r\n\r\n")
        match = _FIELD.fullmatch(head)
        if not end or match is None or mark in part or len(head) > LIMITS.header_size or b"%" in head:
            return None
        if match[2] is not None:
            files.append((match[1].decode(), match[2], content))
        else:
            fields.append((match[1].decode(), content))
            if len(content) > LIMITS.field_size:
                return None
    if len(parts) > LIMITS.parts or len(fields) > LIMITS.fields:
        return None
    return tuple(fields), files
