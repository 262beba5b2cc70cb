"""Reading the parameters of a query, strictly."""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from peerstor.errors import BadNumber, BadRequest
from peerstor.http.request import StreamingRequest
from peerstor.tree.publish import Conflict

LARGEST = 2**63 - 1

# Python's int() also takes +1, 1_0, blanks and other scripts' digits.
_DIGITS = re.compile(rb"[0-9]{1,19}")


def text(request: StreamingRequest, name: bytes) -> bytes | None:
    """Give the value of a parameter; None where it is absent.

    :raise BadRequest: it is there twice, and two readers might take two different ones.
    """
    values = [value for given, value in _pairs(_query(request)) if given == name]
    if len(values) > 1:
        raise BadRequest("{name} is given more than once.", name=name.decode("ascii"))
    return values[0] if values else None


def texts(request: StreamingRequest, name: bytes) -> tuple[bytes, ...]:
    """Give the values of a parameter that may be there several times."""
    return tuple(value for given, value in _pairs(_query(request)) if given == name)


def flag(request: StreamingRequest, name: bytes) -> bool:
    """Tell whether a parameter is there, with or without a value."""
    return b"?" in request.uri and any(field.partition(b"=")[0] == name for field in _query(request).split(b"&"))


def _query(request: StreamingRequest) -> bytes:
    return request.uri.partition(b"?")[2]


def pairs(content: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Read what has a value (WHATWG URL, section 5.1); twisted's `args` ends a value at a semicolon too."""
    fields = [field.partition(b"=") for field in content.split(b"&")]
    return tuple((_decoded(name), _decoded(value)) for name, equals, value in fields if equals)


_pairs = lru_cache(maxsize=16)(pairs)  # a handler asks for one parameter after the other


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def required(request: StreamingRequest, name: bytes) -> bytes:
    """Give the value of a parameter.

    :raise BadRequest: it is absent, or there twice.
    """
    value = text(request, name)
    if value is None:
        raise BadRequest("{name} is missing.", name=name.decode("ascii"))
    return value


def number(request: StreamingRequest, name: bytes) -> int | None:
    """Give a parameter as a whole number; None where it is absent.

    :raise BadNumber: it is anything but ASCII digits that count from 0 to 2^63-1.
    """
    value = text(request, name)
    if value is None:
        return None
    if not _DIGITS.fullmatch(value) or int(value) > LARGEST:
        raise BadNumber(name.decode("ascii"))
    return int(value)


def required_number(request: StreamingRequest, name: bytes) -> int:
    """Give a parameter as a whole number.

    :raise BadNumber: it is absent, or no such number.
    """
    value = number(request, name)
    if value is None:
        raise BadNumber(name.decode("ascii"))
    return value


def conflict(request: StreamingRequest, default: Conflict) -> Conflict:
    """Tell what shall happen where a name is taken.

    :raise BadRequest: the word isn't one of those known.
    """
    value = text(request, b"conflict")
    if value is None:
        return default
    try:
        return Conflict[value.decode("ascii", "replace").upper()] if value.islower() else Conflict[""]
    except KeyError:
        raise BadRequest("conflict must be rename, replace or refuse.") from None
