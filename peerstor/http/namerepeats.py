"""The fast lane for small uploads: requests that came before, but for a file's name and how many bytes it has.

Who stores a folder of small files sends the same head again and again, with another name at the end of its target
and another length. What the ordinary way decided for one of them holds for every other: which folder it is, who
may add something to it, which headers the answer gets. So only name and length are read anew, and only in the one
spelling in which there is nothing to be understood about them; whatever else comes takes the ordinary way. As in
`peerstor.http.repeats`, whoever decided leaves word of what is to be done with the next.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen
from twisted.web.http_headers import Headers

from peerstor.http.clients import Place
from peerstor.http.likeness import LINES_AT_MOST, Likeness

HEAD_AT_MOST = 2048
"""Bytes of a head that is worth remembering, as in `peerstor.http.repeats`."""

CONTENT_AT_MOST = 64 * 1024
"""Bytes of content: what comes in one read of a socket."""

REMEMBERED = 128
"""Heads that are remembered, each as it came and taken apart, and that of its answer: at most some 1.5 MiB. The
least recently used ones go."""

_TARGET = re.compile(rb"PUT (/(?:[^\s?#]*/)?)([0-9A-Za-z_-][0-9A-Za-z._-]{0,99}) HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\nContent-Length: ([1-9][0-9]{0,4})\r\n")

_OWN = frozenset((b"location", b"etag", b"content-length"))

_Key = tuple[bytes, bytes, bytes, Place]


class NameSource(Protocol):
    """A folder in which a file was stored."""

    @property
    def name(self) -> bytes:
        """The name of that file."""

    def takes(self, name: bytes) -> bool:
        """Tell whether another name means what this one means: a file in this folder."""

    def store(self, request: Any, name: bytes, content: bytes) -> None:
        """Store another file, and end the answer, whose head is ready."""


@frozen
class Named:
    """One whole request that may be like another.

    :param folder: its target, up to the name.
    :param rest: the head behind the target, without the digits of the length.
    :param at: where its content begins.
    """

    folder: bytes
    name: bytes
    rest: tuple[bytes, bytes]
    at: int

    def key(self, place: Place) -> _Key:
        """Give what the like of it have in common."""
        return (self.folder, *self.rest, place)


def named(raw: bytes) -> Named | None:
    """Take bytes apart that are one whole request to store a file, and nothing else.

    :return: None for anything that isn't to be understood at a glance.
    """
    target = _TARGET.match(raw, 0, HEAD_AT_MOST)
    if target is None:
        return None
    end = raw.find(b"\r\n\r\n", target.end() - 2, HEAD_AT_MOST)
    length = _LENGTH.search(raw, target.end() - 2, end + 2)
    if end < 0 or length is None or not int(length[1]) == len(raw) - end - 4 <= CONTENT_AT_MOST:
        return None
    if raw.count(b"\r\n", 0, end) > LINES_AT_MOST:
        return None
    rest = raw[target.end() : length.start(1)], raw[length.end(1) : end]
    return Named(target[1], target[2], rest, end + 4)


class NameAnswer:
    """How another name may be answered."""

    def __init__(self, request: Any, headers: Headers) -> None:
        """Keep what a request and its answer have in common with the next ones.

        :param request: one that was answered, with its `names`.
        """
        self.source: NameSource = request.names
        self._likeness = Likeness(request, headers, own=_OWN)
        self._leading = request.path.removesuffix(self.source.name)

    def describe(self, request: Any, folder: bytes, name: bytes) -> None:
        """Make a new request one for another name, with the head that all answers begin with."""
        self._likeness.describe(request)
        request.uri, request.path = folder + name, self._leading + name


class NameRepeats:
    """Remembers requests that stored files, and the heads of their answers. Use it in the reactor's thread."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        """Remember nothing yet.

        :param ready: see `peerstor.http.repeats.Repeats`.
        """
        self._ready = ready
        self._answers: OrderedDict[_Key, NameAnswer] = OrderedDict()

    def keep(self, asked: Named, place: Place, request: Any, headers: Headers) -> None:
        """Remember the answer to a request, if others like it can be told by name and length alone.

        :param asked: the request as it came.
        :param headers: of its answer.
        """
        if asked.name != request.names.name or headers.hasHeader(b"set-cookie"):
            return
        key = asked.key(place)
        self._answers[key] = NameAnswer(request, headers)
        self._answers.move_to_end(key)
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)

    def find(self, asked: Named, place: Place) -> NameAnswer | None:
        """Tell how a request is answered; None where the ordinary way has to answer it."""
        key = asked.key(place)
        answer = self._answers.get(key)
        if answer is None or not answer.source.takes(asked.name) or not self._ready():
            return None
        self._answers.move_to_end(key)
        return answer

    def forget(self) -> None:
        """Forget them all: the rules have changed."""
        self._answers.clear()
