"""The most careful reading of a connection's bytes (RFC 9112): what PeerStor takes for a request, this must too."""

from __future__ import annotations

import re

from attrs import frozen

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) HTTP/1\.([01])")
# Control characters but NUL, CR and LF may be kept in a value (RFC 9110, section 5.5).
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\0\r\n]*)", re.DOTALL)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)(?:;[\t -~\x80-\xff]*)?")
_ABSOLUTE = re.compile(rb"https?://[^/?#]*(.*)", re.IGNORECASE | re.DOTALL)


@frozen
class Read:
    """One request.

    :ivar path: its target in origin-form.
    :ivar body: as much of it as there is.
    :ivar whole: whether that is all of it.
    :ivar last: whether no other may follow on the connection.
    """

    method: bytes
    path: bytes
    body: bytes
    whole: bool
    last: bool


@frozen
class Reading:
    """All requests of a stream.

    :ivar sound: whether the stream ends at the end of a request, or in the middle of one, and not in nonsense.
    """

    requests: tuple[Read, ...]
    sound: bool


class _Broken(Exception):
    """What follows can't be read."""


class _Short(Exception):
    """The stream ends in the middle of something."""


def read(stream: bytes) -> Reading:
    """Take a stream apart."""
    requests: list[Read] = []
    rest = stream
    try:
        while rest:
            request, rest = _request(rest)
            requests.append(request)
            if request.last or not request.whole:
                break
    except _Short:
        return Reading(tuple(requests), True)
    except _Broken:
        return Reading(tuple(requests), False)
    return Reading(tuple(requests), True)


def _request(stream: bytes) -> tuple[Read, bytes]:
    stream = stream.removeprefix(b"\r\n")
    head, end, rest = stream.partition(b"\r\n\r\n")
    if not end:
        raise _Short
    line, *fields = head.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise _Broken
    method, path, minor = match.groups()
    headers = _headers(fields)
    if absolute := _ABSOLUTE.fullmatch(path):
        path = absolute[1] if absolute[1].startswith(b"/") else b"/" + absolute[1]
    if not path.startswith(b"/") and (method, path) != (b"OPTIONS", b"*"):
        raise _Broken
    hosts = headers.get(b"host", [])
    if len(hosts) > 1 or (minor == b"1" and not hosts):
        raise _Broken
    options = {option.strip().lower() for value in headers.get(b"connection", []) for option in value.split(b",")}
    body, whole, rest = _body(headers, minor, rest)
    return Read(method, path, body, whole, minor == b"0" or b"close" in options), rest


def _headers(fields: list[bytes]) -> dict[bytes, list[bytes]]:
    headers: dict[bytes, list[bytes]] = {}
    for field in fields:
        match = _FIELD.fullmatch(field)
        if match is None:
            raise _Broken
        headers.setdefault(match[1].lower(), []).append(match[2].rstrip(b" \t"))
    return headers


def _body(headers: dict[bytes, list[bytes]], minor: bytes, rest: bytes) -> tuple[bytes, bool, bytes]:
    lengths, codings = headers.get(b"content-length", []), headers.get(b"transfer-encoding", [])
    if len(lengths) + len(codings) > 1:
        raise _Broken
    if codings:
        if codings[0].lower() != b"chunked" or minor != b"1":
            raise _Broken
        return _chunked(rest)
    if not lengths:
        return b"", True, rest
    if not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):  # no file needs more; what does is meant to confuse somebody
        raise _Broken
    length = int(lengths[0])
    return rest[:length], len(rest) >= length, rest[length:]


def _chunked(rest: bytes) -> tuple[bytes, bool, bytes]:
    """Read as far as it goes; what breaks off or makes no sense is no whole body."""
    body = b""
    while True:
        line, end, rest = rest.partition(b"\r\n")
        match = _CHUNK_LINE.fullmatch(line)
        size = int(match[1], 16) if match else 2**63
        if not end or size >= 2**63:
            return body, False, b""
        if size == 0:
            break
        body += rest[:size]
        if rest[size : size + 2] != b"\r\n":
            return body, False, b""
        rest = rest[size + 2 :]
    if rest.startswith(b"\r\n"):
        return body, True, rest[2:]
    _, end, rest = rest.partition(b"\r\n\r\n")
    return body, bool(end), rest
