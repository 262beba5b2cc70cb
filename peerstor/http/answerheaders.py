"""Setting a header of an answer at the cost of a look-up, where its value needs no cleaning."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from twisted.web.http_headers import Headers, _nameEncoder

_canonical = lru_cache(maxsize=256)(_nameEncoder.encode)
"""How a header's name is spelled in an answer. The names are ours: no client makes them up."""


def set_header(headers: Headers, name: bytes, value: bytes) -> None:
    """Have one header of this name, and this value.

    Twisted takes each value apart into lines and joins them by blanks, so that none can begin a header of its own;
    a value that is one line stays what it is.
    """
    if b"\n" in value or b"\r" in value:
        headers.setRawHeaders(name, [value])
    else:
        headers._rawHeaders[_canonical(name)] = [value]


def set_all(headers: Headers, kept: Mapping[bytes, Sequence[bytes]]) -> None:
    """Have the headers of another answer, and no others.

    :param kept: what `getAllRawHeaders` gave of it.
    """
    headers._rawHeaders = {name: [*values] for name, values in kept.items()}
