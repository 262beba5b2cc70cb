"""How the other end of a connection is spelled, in logs and wherever clients are told apart."""

from ipaddress import IPv6Address as Address
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

UNKNOWN = "-"
LOCAL = "unix"
"""Whoever comes through a UNIX socket: all of them are on this machine, and have no address."""

Place = tuple[bool, bool]
"""What answers may depend on of a connection: whether it is encrypted, and whether it is a UNIX socket's."""


def client_address(transport: Any) -> str:
    """Spell the address of a connection's other end: `-` where it is unknown, `unix` for a UNIX socket.

    :param transport: the connection, or whatever else has its `getPeer`.
    """
    peer = transport.getPeer()
    if isinstance(peer, IPv4Address | IPv6Address):
        return unmapped(str(peer.host))
    return LOCAL if isinstance(peer, UNIXAddress) else UNKNOWN


def unmapped(address: str) -> str:
    """Spell an IPv4 address that came through an IPv6 socket (RFC 4291, section 2.5.5.2) as IPv4."""
    if not address.lower().startswith("::ffff:"):
        return address
    mapped = Address(address).ipv4_mapped
    return address if mapped is None else str(mapped)
