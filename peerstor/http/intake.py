"""Reading a request's body from its socket straight into a buffer that all connections share.

twisted's own way makes an object of every 64 KiB and hands it through the parser. While a body of known length
flows, nothing is left to parse: the reactor looks `doRead` up on the transport, so it can be lent to the body. It
is lent only where reading is what twisted makes of it on a plain socket; the names of twisted that this stands on
are listed in `tests/http/test_twisted_names.py`.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.tcp import Connection
from twisted.internet.unix import Server as UnixServer

from peerstor.http.basin import READ_AT_LEAST, READ_AT_MOST, Basin
from peerstor.http.body import BodyStream

_WAYS = (Connection.doRead, UnixServer.doRead)


class Intake:
    """The loan of one transport's `doRead` to one body.

    It never reads beyond the body's end, where the next request lies. Whenever the body's consumer takes no views,
    a read goes the ordinary way.
    """

    def __init__(
        self, *, transport: Any, basin: Basin, body: BodyStream, arrived: Callable[[memoryview], None]
    ) -> None:
        """Borrow; call it where `suits` says so.

        :param body: it has a length.
        :param arrived: told of the body's bytes; the view is good only during the call.
        """
        self._transport = transport
        self._basin = basin
        self._body = body
        self._arrived = arrived
        self._size = READ_AT_LEAST
        self._lent: Callable[[], ConnectionDone | ConnectionLost | None] | None = self._read
        transport.doRead = self._lent
        basin.bodies += 1

    @staticmethod
    def suits(transport: Any) -> bool:
        """Tell whether a transport is a plain socket that nobody else reads in a way of his own."""
        return (
            isinstance(transport, Connection)
            and not transport.TLS
            and type(transport).doRead in _WAYS
            and "doRead" not in vars(transport)
        )

    def give_back(self) -> None:
        """End the loan; once more does nothing."""
        if self._lent is None:
            return
        # A transport that was aborted has put something else there.
        if vars(self._transport).get("doRead") is self._lent:
            del self._transport.doRead
        self._lent = None
        self._basin.bodies -= 1

    def _read(self) -> ConnectionDone | ConnectionLost | None:
        """Read once; see `IReadDescriptor.doRead`."""
        if not self._body.direct:
            ordinary: ConnectionDone | ConnectionLost | None = type(self._transport).doRead(self._transport)
            return ordinary
        remaining = self._body.remaining
        assert remaining
        view = self._basin.room(min(remaining, self._size))
        try:
            count = self._transport.socket.recv_into(view)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not count:
            return CONNECTION_DONE
        self._size = min(READ_AT_MOST, 2 * self._size)
        self._arrived(view[:count])
        return None
