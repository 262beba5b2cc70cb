"""Several ranges in one answer: the framing of `multipart/byteranges`."""

import secrets
from collections.abc import Sequence

from attrs import frozen

from peerstor.http.ranges import ByteRange, content_range
from peerstor.http.spans import Span


@frozen
class Framed:
    """An answer of several parts, its length known before the first byte.

    :param content_type: value of the answer's own `Content-Type`.
    :param length: value of its `Content-Length`, bytes.
    :param parts: what to send, for `peerstor.http.sender.send_spans`.
    """

    content_type: bytes
    length: int
    parts: tuple[bytes | Span, ...]


def frame(
    ranges: Sequence[ByteRange], *, fd: int, size: int, media_type: str, boundary: bytes | None = None
) -> Framed:
    """Frame `ranges` of an open file as `multipart/byteranges` (RFC 9110, section 14.6).

    :param fd: the file.
    :param size: size of the whole representation, bytes.
    :param media_type: that of the representation; each part repeats it.
    :param boundary: what parts the parts; by default random, so that no file can hold it on purpose.
    """
    boundary = boundary or secrets.token_hex(16).encode("ascii")
    parts: list[bytes | Span] = []
    opening = b""
    for each in ranges:
        parts.append(opening + _head(each, size=size, media_type=media_type, boundary=boundary))
        parts.append(Span(fd, each.start, each.length))
        opening = b"\r\n"
    parts.append(b"\r\n--" + boundary + b"--\r\n")
    length = sum(part.length if isinstance(part, Span) else len(part) for part in parts)
    return Framed(b"multipart/byteranges; boundary=" + boundary, length, tuple(parts))


def _head(wanted: ByteRange, *, size: int, media_type: str, boundary: bytes) -> bytes:
    return b"--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n" % (
        boundary,
        media_type.encode("ascii"),
        content_range(wanted, size),
    )
