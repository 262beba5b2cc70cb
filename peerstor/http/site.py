"""The factory of connections: who is let in, how many, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.http import datetimeToString
from twisted.web.resource import IResource
from twisted.web.server import Site

from peerstor.http.basin import Basin
from peerstor.http.channel import StreamingChannel
from peerstor.http.clients import LOCAL, UNKNOWN
from peerstor.http.departures import Departures
from peerstor.http.phrases import phrase
from peerstor.http.repeats import Repeats
from peerstor.http.request import StreamingRequest
from peerstor.http.seams import Guest
from peerstor.http.timeouts import Timeouts


def plain_refusal(status: int) -> tuple[bytes, bytes]:
    """Give the media type and the text of an answer to a request that could not be read."""
    return b"text/plain; charset=utf-8", b"%d %s\n" % (status, phrase(status))


class StreamingSite(Site):
    """Makes a `StreamingChannel` for each connection, keeps them within bounds, and closes them in good order.

    Only HTTP/1.1 is offered: twisted's HTTP/2 has other channel and body classes, which spool.

    :ivar per_address: see `__init__`; it may change, for those who come from then on.
    :ivar received: bytes of the content of requests since the start; not their heads, nor what TLS adds.
    :ivar sent: the same of answers.
    """

    requestFactory = StreamingRequest
    noisy = False

    def __init__(
        self,
        resource: IResource,
        *,
        reactor: IReactorTime,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - a frozen value
        refusal_body: Callable[[int], tuple[bytes, bytes]] = plain_refusal,
        log: Callable[[StreamingRequest], None] | None = None,
        per_address: int = 0,
        exempt: Callable[[str], bool] = lambda _: False,
        capacity: int = 0,
        full: Callable[[bool], None] | None = None,
        lanes: bool = True,
        repeats: Repeats | None = None,
    ) -> None:
        """Make a site.

        :param resource: the root of what is served.
        :param refusal_body: from a status to the media type and text of an answer to an unreadable request.
        :param log: called with each request that ended, answered or not.
        :param per_address: connections that one address may have open; 0 is no limit.
        :param exempt: tells the addresses that this doesn't hold for.
        :param capacity: connections after which `full(True)` is called (stop accepting); 0 is no limit.
        :param lanes: whether connections take the faster ways that this package has beside the ordinary ones.
        :param repeats: the answers that may be given again at once; None gives none so.
        :param full: called with True when capacity is reached, with False when there is room again.
        """
        super().__init__(
            resource, requestFactory=None, parsePOSTFormSubmission=False, timeout=None, reactor=reactor
        )
        self.timeouts = timeouts
        self.stopping = False
        self.received = 0
        self.sent = 0
        self.lanes = lanes
        self.basin = Basin()
        self.departures = Departures(reactor)
        self.repeats = repeats if lanes else None
        self._refusal_body = refusal_body
        self._log = log
        self.per_address = per_address
        self._exempt = exempt
        self._capacity = capacity
        self._full = full
        self._channels: set[Guest] = set()
        self._addresses: dict[str, int] = {}
        self._is_full = False

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._channels)

    @property
    def busy(self) -> int:
        """On how many of them a request is under way."""
        return sum(isinstance(channel, StreamingChannel) and channel.busy for channel in self._channels)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make the protocol of a new connection."""
        channel = StreamingChannel()
        channel.factory = self
        channel.site = self
        return channel

    def acceptableProtocols(self) -> list[bytes]:
        """Offer what our channel speaks (ALPN)."""
        return [b"http/1.1"]

    def admit(self, channel: Guest) -> bool:
        """Count a new connection; tell whether its address may have one more."""
        self._channels.add(channel)
        address = channel.address
        count = self._addresses[address] = self._addresses.get(address, 0) + 1
        if self._capacity and len(self._channels) >= self._capacity and not self._is_full:
            self._is_full = True
            if self._full is not None:
                self._full(True)
        return count <= self.per_address or not self._bounded(address)

    def swamped(self, channel: Guest) -> bool:
        """Tell whether an address has so many connections over its number that more aren't even told so.

        Each that is told takes room for as long as its client likes to take, which may be all that others have.
        """
        address = channel.address
        return self._addresses.get(address, 0) > 2 * self.per_address and self._bounded(address)

    def _bounded(self, address: str) -> bool:
        return bool(self.per_address) and address not in (UNKNOWN, LOCAL) and not self._exempt(address)

    def forget(self, channel: Guest) -> None:
        """Take a connection that has ended off the books."""
        if channel not in self._channels:
            return
        self._channels.discard(channel)
        address = channel.address
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if self._is_full and len(self._channels) < self._capacity:
            self._is_full = False
            if self._full is not None:
                self._full(False)

    def refusal(self, status: int, request_id: str, headers: dict[bytes, bytes]) -> bytes:
        """Write the whole answer to a request that could not be read."""
        media_type, text = self._refusal_body(status)
        fields = {
            b"Date": datetimeToString(),
            b"Content-Type": media_type,
            b"Content-Length": b"%d" % len(text),
            b"X-Content-Type-Options": b"nosniff",
            b"Cache-Control": b"no-cache",
            b"X-Request-ID": request_id.encode(),
            b"Connection": b"close",
            **headers,
        }
        head = b"".join(b"%s: %s\r\n" % field for field in fields.items())
        return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, phrase(status), head, text)

    def begin_stopping(self) -> None:
        """Close idle connections, and each other one after its present answer."""
        self.stopping = True
        for channel in list(self._channels):
            channel.finish_and_close()

    def cut_all(self) -> None:
        """Cut what is still open, without a word that could be taken for an end."""
        for channel in list(self._channels):
            channel.abort()

    def log(self, request: StreamingRequest) -> None:  # type: ignore[override]
        """Tell whoever keeps the access log."""
        if self._log is not None:
            self._log(request)

    def startFactory(self) -> None:
        """Do without twisted's own access log and its timer."""

    def stopFactory(self) -> None:
        """Have nothing to undo."""
