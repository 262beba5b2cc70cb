"""The fast lane: answers that were given before, given again to the very same request without parsing it anew.

A request that is the same to the byte as one before gets the same answer, as long as nothing has changed that the
answer came from. So the ordinary way decides, once, with all its checks; whoever decided leaves word of how to
find out whether it would decide the same again, and where the content comes from. What is kept here is the head of
the answer, but for its date and id, and never the content. Whatever changes the rules (settings, tokens) empties
it all.

A second parser would have to agree with the first in every corner. This knows no request that the ordinary way has
not answered.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from twisted.web.http import datetimeToString

from peerstor.http.clients import Place
from peerstor.http.namerepeats import NameRepeats
from peerstor.http.rangerepeats import RangeRepeats

REQUEST_AT_MOST = 2048
"""Bytes of a request that is worth remembering: browsers send less than half of that."""

REMEMBERED = 2048
"""Requests that are remembered, some 4 MiB with their answers' heads; the least recently used ones go."""

LOGGED = (b"referer", b"user-agent")
"""Headers of requests that stand in the access log."""

_DATE, _ID = b"date", b"x-request-id"


class Source(Protocol):
    """What an answer came from."""

    def content(self) -> bytes | None:
        """Give the content of the answer; None where it may have changed, or can't be had without waiting."""


class Told:
    """A request that was answered here, as far as logs and counts ask.

    :ivar channel: the connection that it came by.
    """

    def __init__(self, request: Any) -> None:
        """Remember what the like of it have in common."""
        self.channel: Any = None
        self.route: str = request.route
        self.method: bytes = request.method
        self.uri: bytes = request.uri
        self.clientproto: bytes = request.clientproto
        self.code: int = request.code
        self.sentLength = 0
        self.request_id = ""
        # No more of them: taken apart, a head of many short ones weighs twenty times what it did as bytes.
        self._headers: dict[bytes, bytes | None] = {name: request.getHeader(name) for name in LOGGED}

    @property
    def remote(self) -> str:
        """The client's address."""
        address: str = self.channel.address
        return address

    def getHeader(self, name: bytes) -> bytes | None:
        """Give the last value of a header of the request, one of `LOGGED`."""
        return self._headers[name]


class Answer:
    """An answer that may be given again."""

    def __init__(
        self, request: Any, source: Source, status: bytes, headers: Iterable[tuple[bytes, Sequence[bytes]]]
    ) -> None:
        """Keep its head.

        :param status: the first line, without its end.
        :raise ValueError: it has no date or no id, or one of them twice.
        """
        self.told = Told(request)
        self.source = source
        self._pieces, self._date_first = _taken_apart(status, headers)
        self._second = -1
        self._dated = (b"", b"")

    def head(self, request_id: str) -> tuple[bytes, bytes, bytes]:
        """Write the head with another id, in pieces."""
        now = int(time.time())
        if now != self._second:
            first, second, third = self._pieces
            date = datetimeToString(now)
            self._dated = (first + date + second, third) if self._date_first else (first, second + date + third)
            self._second = now
        before, behind = self._dated
        return before, request_id.encode(), behind


def _taken_apart(
    status: bytes, headers: Iterable[tuple[bytes, Sequence[bytes]]]
) -> tuple[tuple[bytes, bytes, bytes], bool]:
    """Give what stands before, between and behind date and id, and whether the date is the first of them."""
    pieces, order, line = [], [], [status, b"\r\n"]
    for name, values in headers:
        for value in values:
            line += [name, b": "]
            if name.lower() in (_DATE, _ID):
                order.append(name.lower())
                pieces.append(b"".join(line))
                line = []
            else:
                line.append(value)
            line.append(b"\r\n")
    line.append(b"\r\n")
    pieces.append(b"".join(line))
    if sorted(order) != [_DATE, _ID]:
        raise ValueError("an answer has one date and one id")
    first, second, third = pieces
    return (first, second, third), order[0] == _DATE


class Repeats:
    """Remembers requests and their answers. Use it in the reactor's thread.

    :ivar ready: tells whether the rules by which answers were given are known to be the present ones.
    :ivar rules: stands for the present rules: no answer is kept that was decided on under others.
    :ivar ranges: the same for requests that differ in the range they ask for.
    :ivar names: the same for those that store files in one folder.
    """

    def __init__(self, ready: Callable[[], bool] = lambda: True) -> None:
        """Remember nothing yet."""
        self.ready = ready
        self.rules = object()
        self.ranges = RangeRepeats(ready=lambda: self.ready())
        self.names = NameRepeats(ready=lambda: self.ready())
        self._answers: OrderedDict[tuple[bytes, Place], Answer] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._answers)

    def keep(self, raw: bytes, place: Place, answer: Answer) -> None:
        """Remember the answer to a request.

        :param raw: the request as it came.
        :param place: where it came from.
        """
        self._answers[raw, place] = answer
        self._answers.move_to_end((raw, place))
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)

    def knows(self, raw: bytes, place: Place) -> bool:
        """Tell whether there is an answer to a request, whether or not it still holds."""
        return (raw, place) in self._answers

    def find(self, raw: bytes, place: Place) -> tuple[Answer, bytes] | None:
        """Give the answer to a request, and its content; None where the ordinary way has to answer it."""
        key = (raw, place)
        answer = self._answers.get(key)
        if answer is None or not self.ready():
            return None
        content = answer.source.content()
        if content is None:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        return answer, content

    def forget(self) -> None:
        """Forget them all: the rules have changed."""
        self.rules = object()
        self._answers.clear()
        self.ranges.forget()
        self.names.forget()


def repeatable(raw: bytes) -> bool:
    """Tell whether bytes are one whole head of a GET and nothing else, and not too long to be remembered."""
    return (
        len(raw) <= REQUEST_AT_MOST
        and raw.startswith(b"GET ")
        and raw.endswith(b"\r\n\r\n")
        and raw.find(b"\r\n\r\n") == len(raw) - 4
    )
