"""Sending at once what twisted would send at the next turn of its loop."""

from typing import Any

from twisted.protocols.policies import ProtocolWrapper


def emptied(transport: Any) -> bool:
    """Tell whether all that was written to a transport is with the kernel, so that more may be sent past it.

    :param transport: a stream transport of twisted; of one that doesn't tell, nothing is assumed. Nor of what
        wraps another, as TLS does: it hands on each name that it lacks, and what goes by it leaves in plain text.
        Past one that is lent (`peerstor.http.lent`) nothing goes but what its borrower sends.
    """
    if isinstance(transport, ProtocolWrapper) or not hasattr(transport, "_tempDataLen") or transport.disconnecting:
        return False
    return not (transport._tempDataLen or transport.dataBuffer or "doWrite" in vars(transport))


def send(transport: Any, data: bytes) -> None:
    """Send as much as the kernel takes, and have the transport send the rest.

    :param transport: one that is `emptied`.
    """
    sent = transport.writeSomeData(data)
    if isinstance(sent, Exception) or sent < 0:
        sent = 0  # the transport will find out too, and knows what follows
    if sent < len(data):
        transport.write(data[sent:])
