"""The fast lane for ranges: requests that came before, but for the numbers of the range that they ask for.

Players, resumed downloads and everything that reads a large file in pieces ask the same question again and again
with other numbers. What the ordinary way decided for one range of a file holds for every other that lies in it:
who may have it, which headers it gets, that it is one part. So only the numbers are read anew, and only in the one
spelling in which there is nothing to be understood about them; whatever else comes takes the ordinary way. As in
`peerstor.http.repeats`, whoever decided leaves word of how to find out whether it would decide the same again.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from twisted.web.http_headers import Headers

from peerstor.http.clients import Place
from peerstor.http.likeness import LINES_AT_MOST, Likeness
from peerstor.http.ranges import ByteRange, content_range

REMEMBERED = 128
"""Requests that are remembered, each as it came and taken apart, and the head of its answer: at most some 1.5 MiB.
The least recently used ones go."""

_RANGE = re.compile(rb"\r\nRange: bytes=([0-9]{1,18})-([0-9]{1,18})\r\n")


class RangeSource(Protocol):
    """A file of which a range was sent."""

    def open(self) -> int | None:
        """Open it again; None where it may have changed, or that can't be told without waiting."""

    def answer(self, request: Any, fd: int, wanted: ByteRange) -> None:
        """Send a range of it and end the answer, whose head is ready; then close the descriptor."""


class RangeAnswer:
    """An answer that may be given again with another range.

    :ivar size: of the file, bytes.
    """

    def __init__(self, request: Any, source: RangeSource, headers: Headers, size: int) -> None:
        """Keep its head, and what the requests for it have in common."""
        self.source = source
        self.size = size
        self._likeness = Likeness(request, headers)

    def describe(self, request: Any, wanted: ByteRange) -> None:
        """Make a new request one that asked for a range, and give its answer the head that this has."""
        self._likeness.describe(request)
        request.setResponseCode(206)
        request.setHeader(b"content-range", content_range(wanted, self.size))
        request.setHeader(b"content-length", b"%d" % wanted.length)


class RangeRepeats:
    """Remembers requests for ranges and the heads of their answers. Use it in the reactor's thread."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        """Remember nothing yet.

        :param ready: see `peerstor.http.repeats.Repeats`.
        """
        self._ready = ready
        self._answers: OrderedDict[tuple[bytes, Place], RangeAnswer] = OrderedDict()

    def keep(self, raw: bytes, place: Place, request: Any, headers: Headers) -> None:
        """Remember the answer to a request for one range, if others like it can be told by their numbers alone.

        :param raw: the request as it came: one whole head.
        :param headers: of its answer.
        """
        numbers, told = _RANGE.search(raw), headers.getRawHeaders(b"content-range", [])
        size = told[0].rpartition(b"/")[2] if len(told) == 1 else b""
        if numbers is None or not size.isdigit() or headers.hasHeader(b"set-cookie"):
            return
        if raw.count(b"\r\n") > LINES_AT_MOST:
            return
        key = (_without(raw, numbers), place)
        self._answers[key] = RangeAnswer(request, request.ranges, headers, int(size))
        self._answers.move_to_end(key)
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)

    def find(self, raw: bytes, place: Place) -> tuple[RangeAnswer, int, ByteRange] | None:
        """Give the answer to a request, the opened file, and the range; None where the ordinary way has to answer.

        :param raw: what came.
        """
        numbers = _RANGE.search(raw)
        if numbers is None:
            return None
        key = (_without(raw, numbers), place)
        answer = self._answers.get(key)
        if answer is None or not self._ready():
            return None
        first, last = int(numbers[1]), int(numbers[2])
        if not first <= last or first >= answer.size:
            return None
        fd = answer.source.open()
        if fd is None:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        return answer, fd, ByteRange(first, min(last + 1, answer.size) - first)

    def forget(self) -> None:
        """Forget them all: the rules have changed."""
        self._answers.clear()


def _without(raw: bytes, numbers: re.Match[bytes]) -> bytes:
    """Leave the numbers out. No request is so by itself: keys of this kind are compared among themselves alone."""
    return raw[: numbers.start(1)] + raw[numbers.end(2) :]
