"""What the parts of a connection ask of each other, so that none has to import the one above it."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from peerstor.http.basin import Basin
from peerstor.http.departures import Departures
from peerstor.http.repeats import Repeats
from peerstor.http.timeouts import Timeouts


class Guest(Protocol):
    """What a site asks of each open connection."""

    @property
    def address(self) -> str:
        """The client's address in words; `-` where it has none."""

    def finish_and_close(self) -> None:
        """Close as soon as the request that is under way has been answered; at once where there is none."""

    def abort(self) -> None:
        """Close at once and drop what was not yet sent."""


class House(Protocol):
    """What a connection asks of the site that made it."""

    reactor: IReactorTime
    timeouts: Timeouts
    stopping: bool
    received: int
    sent: int
    lanes: bool
    basin: Basin
    departures: Departures
    repeats: Repeats | None

    @property
    def connections(self) -> int:
        """How many connections are open."""

    def admit(self, channel: Guest) -> bool:
        """Count a new connection; tell whether its address may have one more."""

    def swamped(self, channel: Guest) -> bool:
        """Tell whether its address has so many connections that one more isn't even told so."""

    def forget(self, channel: Guest) -> None:
        """Take a connection that has ended off the books."""

    def refusal(self, status: int, request_id: str, headers: dict[bytes, bytes]) -> bytes:
        """Write the whole answer to a request that could not be read."""

    def getResourceFor(self, request: Any) -> Any:
        """Find who answers a request."""

    def log(self, request: Any) -> None:
        """Tell whoever keeps the access log of a request that ended."""


class Connection(Protocol):
    """What a request asks of its connection (and what its body does: `peerstor.http.body.Flow`)."""

    site: House
    persistent: bool
    continue_sent: bool
    transport: Any

    @property
    def address(self) -> str:
        """The client's address in words; `-` where it has none."""

    def isSecure(self) -> bool:
        """Tell whether it is encrypted."""

    def sent_aside(self, count: int) -> None:
        """Count bytes of an answer that go to the socket in another way than through `write`."""

    def gathering(self) -> AbstractContextManager[None]:
        """Send the head of an answer and what is written with it in one go."""

    def answered_early(self, request: Any) -> None:
        """Decide what becomes of the rest of a body that nobody wants."""

    def abort(self) -> None:
        """Close at once and drop what was not yet sent."""

    def body_wanted(self) -> None:
        """See `Flow`."""

    def body_held(self) -> None:
        """See `Flow`."""

    def body_released(self) -> None:
        """See `Flow`."""
