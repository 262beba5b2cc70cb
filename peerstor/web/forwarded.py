"""What trusted proxies tell of the client behind them: `Forwarded` (RFC 7239) and the `X-Forwarded-` headers."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network
from itertools import zip_longest

from attrs import frozen
from twisted.web.http_headers import Headers

from peerstor.http.clients import LOCAL, UNKNOWN, unmapped

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rb'(%s)=(?:(%s)|"((?:[^"\\]|\\.)*+)")' % (_TOKEN, _TOKEN), re.DOTALL)
_BARE = re.sub(rb"\((?!\?)", rb"(?:", _PAIR.pattern)
# Possessive (`*+`), so that no mixture of blanks takes long.
_ELEMENT = re.compile(rb"[ \t]*+((?:%s)?(?:[ \t]*+;[ \t]*+(?:%s)?)*+)[ \t]*+" % (_BARE, _BARE), re.DOTALL)
_NODE = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?|([0-9A-Fa-f:.]+)")
_SECURE = {b"http": False, b"https": True}


@frozen
class Hop:
    """What one proxy told of the request that it got.

    :param address: whoever sent it; None where the proxy doesn't know or doesn't tell.
    :param secure: whether it came over TLS; None where that is not told.
    :param host: host and port that it asked for; None where that is not told.
    """

    address: str | None
    secure: bool | None = None
    host: bytes | None = None


def hops_of(headers: Headers) -> Iterator[Hop]:
    """Read what proxies told, beginning with the nearest, up to the first that can't be understood.

    Where both families are there, `Forwarded` is read alone.
    """
    standard = headers.getRawHeaders(b"forwarded")
    return _customary(headers) if standard is None else _standard(b",".join(standard))


class TrustedProxies:
    """Tells whose words are believed, and what they come to."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Remember them.

        :param networks: as `--trusted-proxy` has them; `unix` is whoever comes through a UNIX socket.
        """
        self.trust(networks)

    def trust(self, networks: Iterable[str]) -> None:
        """Trust others than before."""
        self._local = LOCAL in networks
        self._networks = [ip_network(network) for network in networks if network != LOCAL]
        # A proxy comes again with every request; a bounded number of addresses is remembered.
        self._trusted = lru_cache(maxsize=256)(self._trusts)

    def __contains__(self, address: str) -> bool:
        """Tell whether an address is one of theirs, as `StreamingRequest.remote` spells it."""
        if address in (LOCAL, UNKNOWN):
            return address == LOCAL and self._local
        return bool(self._networks) and self._trusted(address)

    def told(self, headers: Headers, sender: str) -> Hop:
        """Follow a request back to its client, as far as each that told of the one before is trusted.

        What the farthest trusted proxy told of scheme and host counts, or else what a nearer one did.

        :param sender: the other end of the connection.
        :return: whose address it is, and what is known of the request as they sent it.
        """
        client = Hop(sender)
        for hop in hops_of(headers) if sender in self else ():
            client = Hop(
                hop.address or client.address,
                client.secure if hop.secure is None else hop.secure,
                hop.host or client.host,
            )
            if hop.address is None or hop.address not in self:
                break
        return client

    def _trusts(self, address: str) -> bool:
        return any(ip_address(address) in network for network in self._networks)


def _standard(value: bytes) -> Iterator[Hop]:
    """Read the elements of `Forwarded`, the last one first."""
    for element in _elements(value):
        pairs = [
            (name.lower(), token or re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL))
            for name, token, quoted in _PAIR.findall(element)
        ]
        told = dict(pairs)
        if len(told) < len(pairs):  # section 4: no parameter twice
            return
        yield _hop(told.get(b"for"), told.get(b"proto"), told.get(b"host"))


def _elements(value: bytes) -> Iterator[bytes]:
    """Split a list from the right, up to what is no element.

    So nothing that a client has put before it changes how the words of a proxy are read, not even a quotation mark
    left open: the shortest piece behind a comma that is an element is the only one that is.
    """
    end = comma = len(value)
    while comma >= 0:
        comma = value.rfind(b",", 0, comma)
        if found := _ELEMENT.fullmatch(value, comma + 1, end):
            end = comma
            if found[1].strip(b"; \t"):  # empty elements of a list mean nothing (RFC 9110, section 5.6.1)
                yield found[1]


def _customary(headers: Headers) -> Iterator[Hop]:
    """Read the three lists of `X-Forwarded-`, each of which the proxies on the way may have added to."""
    lists = [_items(headers, name) for name in (b"for", b"proto", b"host")]
    for address, proto, host in zip_longest(*map(reversed, lists)):
        yield _hop(address, proto, host)


def _items(headers: Headers, name: bytes) -> list[bytes]:
    items = b",".join(headers.getRawHeaders(b"x-forwarded-" + name, [])).split(b",")
    return [stripped for item in items if (stripped := item.strip(b" \t"))]


def _hop(address: bytes | None, proto: bytes | None, host: bytes | None) -> Hop:
    return Hop(_address(address or b""), _SECURE.get((proto or b"").lower()), host or None)


def _address(node: bytes) -> str | None:
    """Read an address with or without a port; None for `unknown`, a name that hides one, and whatever else."""
    found = _NODE.fullmatch(node)
    if found is None:
        return None
    bracketed, plain, bare = found.groups()
    try:
        address = ip_address((bracketed or plain or bare).decode("ascii"))
    except ValueError:
        return None
    if (bracketed is not None) != (address.version == 6) and bare is None:
        return None
    return unmapped(str(address))
