"""What a connection sends: at once where it can, and without asking anybody where the same was asked before."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.web.http_headers import Headers

from peerstor.http.clients import Place
from peerstor.http.keen import Keenness
from peerstor.http.namerepeats import Named, NameRepeats, named
from peerstor.http.outright import emptied, send
from peerstor.http.repeats import Answer, repeatable
from peerstor.http.request import new_request_id
from peerstor.http.strict import StrictChannel

UNSENT_OF_KEEN = 2 * 1024 * 1024
"""Bytes that the kernel takes for a client that reads beyond what is on its way: some slices of `zerocopy`."""


class AnsweringChannel(StrictChannel):
    """The part of a connection that writes answers.

    :ivar address: the address at the other end; see `client_address`.
    """

    transport: Any  # twisted's interfaces name a part each of what a stream transport offers
    address: str
    _keenness: Keenness
    _place: Place

    def __init__(self) -> None:
        super().__init__()
        self._written = 0
        self._untouched = True
        self._raw: bytes | None = None
        self._asked: Named | None = None
        self._rules: object = None
        self._gathered: list[bytes] | None = None

    def _is_idle(self) -> bool:
        """Tell whether the last request has been answered and no other has begun."""
        raise NotImplementedError

    def _begin_idle(self) -> None:
        """Wait for the next request."""
        raise NotImplementedError

    def _begin_request(self) -> Any:
        """Be busy with a request that needn't be parsed, and give it."""
        raise NotImplementedError

    # The fast lane: see `peerstor.http.repeats`.

    def _answered_again(self, data: bytes) -> bool:
        """Answer a request that came before and whose answer still holds; else remember the request, if it may."""
        fresh, self._untouched = self._untouched or self._is_idle(), False
        repeats, self._raw, self._asked = self.site.repeats, None, None
        if repeats is None or not fresh or self._buffer or self._busyReceiving or "_command" in self.__dict__:
            return False  # the last: a head may have begun behind the request that was answered
        self._rules = repeats.rules
        if data.startswith(b"PUT "):
            return self._stored_again(data, repeats.names)
        if not repeats.knows(data, self._place):
            if self._range_answered(data):
                return True
            self._raw = data if repeatable(data) else None
            return False
        self._raw = data
        if self._waitingForTransport or not emptied(self.transport):
            return False
        found = repeats.find(data, self._place)
        if found is None:
            return False
        self._answer_again(*found)
        return True

    def _answer_again(self, answer: Answer, content: bytes) -> None:
        told = answer.told
        told.channel, told.sentLength, told.request_id = self, len(content), new_request_id()
        self.site.departures.send(self.transport, *answer.head(told.request_id), content)
        self._written += len(content)
        self.site.sent += len(content)
        self._begin_idle()
        self.site.log(told)
        told.channel = None

    def _range_answered(self, data: bytes) -> bool:
        """Answer a request that came before with another range."""
        found = None if self.site.repeats is None else self.site.repeats.ranges.find(data, self._place)
        if found is None:
            return False
        answer, fd, wanted = found
        request = self._begin_request()
        request.decided()
        answer.describe(request, wanted)
        answer.source.answer(request, fd, wanted)
        return True

    def _stored_again(self, data: bytes, names: NameRepeats) -> bool:
        """Answer a request that came before with another name."""
        self._asked = asked = named(data)
        if asked is None:
            return False
        found = names.find(asked, self._place)
        if found is None:
            return False
        request = self._begin_request()
        request.decided()
        found.describe(request, asked.folder, asked.name)
        content = data[asked.at :]
        self.site.received += len(content)
        found.source.store(request, asked.name, content)
        return True

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Write the head of an answer, and remember it where the same may be given again."""
        lines = [b"%s: %s\r\n" % (name, value) for name, values in headers.getAllRawHeaders() for value in values]
        self._pass_on(b"%s %s %s\r\n%s\r\n" % (version, code, reason, b"".join(lines)))
        request: Any = self.requests[0]
        raw, self._raw = self._raw, None
        asked, self._asked = self._asked, None
        repeats = self.site.repeats
        if repeats is None or not self.persistent or self._rules is not repeats.rules:
            return  # the last: it was decided on under rules that have changed since
        if asked is not None and request.names is not None:
            repeats.names.keep(asked, self._place, request, headers)
        if raw is None or not request.bodiless:
            return  # the last: the body of the next one like it would be read as a request
        if request.ranges is not None and code == b"206":
            repeats.ranges.keep(raw, self._place, request, headers)
        if request.source is None:
            return
        if code in (b"200", b"304") and not headers.hasHeader(b"set-cookie"):
            status = b" ".join((version, code, reason))
            answer = Answer(request, request.source, status, headers.getAllRawHeaders())
            repeats.keep(raw, self._place, answer)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Send the head of an answer and what is written with it in one go, and at once.

        Twisted would wait for the next turn of its loop, which costs as much as all of its sending does.
        """
        if not self.site.lanes or self._waitingForTransport or not emptied(self.transport):
            yield
            return
        self._gathered = []
        try:
            yield
        finally:
            gathered, self._gathered = self._gathered, None
            send(self.transport, *gathered)

    def _pass_on(self, data: bytes) -> None:
        if self._gathered is None:
            self.transport.write(data)
        else:
            self._gathered.append(data)

    def write(self, data: bytes) -> None:
        """Write, and count."""
        self._written += len(data)
        self.site.sent += len(data)
        self._pass_on(data)

    def writeSequence(self, iovec: list[bytes]) -> None:
        """Write, and count."""
        length = sum(map(len, iovec))
        self._written += length
        self.site.sent += length
        if self._gathered is None:
            super().writeSequence(iovec)
        else:
            self._gathered += iovec

    def sent_aside(self, count: int) -> None:
        """Count bytes of an answer that go to the socket in another way than through `write`."""
        self._written += count
        self.site.sent += count
        self._keenness.took(count, self.transport.socket)
