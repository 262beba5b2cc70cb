"""Sending at once what twisted would send at the next turn of its loop."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper

JOINED_AT_MOST = 32 * 1024
"""Bytes up to which joining costs less than telling the kernel of several pieces."""


def emptied(transport: Any) -> bool:
    """Tell whether all that was written to a transport is with the kernel, so that more may be sent past it.

    :param transport: a stream transport of twisted; of one that doesn't tell, nothing is assumed. Nor of what
        wraps another, as TLS does: it hands on each name that it lacks, and what goes by it leaves in plain text.
        Past one that is lent (`peerstor.http.lent`) nothing goes but what its borrower sends.
    """
    if isinstance(transport, ProtocolWrapper) or not hasattr(transport, "_tempDataLen") or transport.disconnecting:
        return False
    return not (transport._tempDataLen or transport.dataBuffer or "doWrite" in vars(transport))


def holdable(transport: Any) -> bool:
    """Tell whether a transport writes to a bare socket of TCP."""
    return getattr(type(transport), "writeSomeData", None) is Connection.writeSomeData


def hold(transport: Any, *pieces: bytes) -> int:
    """Put bytes into the transport's buffer without having it send them: `let_go` has to follow in this turn.

    Whatever is written behind them goes out behind them, and whoever closes the connection has them sent first.

    :param transport: one that is `emptied` and `holdable`.
    :return: how many bytes.
    """
    length = sum(map(len, pieces))
    transport._tempDataBuffer.extend(pieces)
    transport._tempDataLen += length
    return length


def let_go(transport: Any) -> None:
    """Send what is held, unless that is under way."""
    if not transport.connected or transport.dataBuffer or "doWrite" in vars(transport):
        return
    pieces, transport._tempDataBuffer, transport._tempDataLen = transport._tempDataBuffer, [], 0
    send(transport, *pieces)


def send(transport: Any, *pieces: bytes) -> None:
    """Send as much as the kernel takes, and have the transport send the rest.

    :param transport: one that is `emptied`.
    :param pieces: what to send; a large one isn't copied to join it with the others.
    """
    if not holdable(transport):
        joined = b"".join(pieces)
        sent = transport.writeSomeData(joined)
        _leave(transport, (joined,), 0 if isinstance(sent, Exception) else max(sent, 0))
        return
    joins = sum(map(len, pieces)) <= JOINED_AT_MOST
    if joins:
        pieces = (b"".join(pieces),)
    try:
        sent = transport.socket.send(pieces[0]) if joins else transport.socket.sendmsg(pieces)
    except OSError:  # where it failed, the transport will find out too, and knows what follows
        sent = 0
    if not joins or sent < len(pieces[0]):
        _leave(transport, pieces, sent)


def _leave(transport: Any, pieces: Sequence[bytes], sent: int) -> None:
    """Have the transport send what stands behind the first `sent` bytes."""
    for piece in pieces:
        if sent < len(piece):
            transport.write(piece[sent:])
        sent = max(0, sent - len(piece))
