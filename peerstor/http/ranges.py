"""Byte ranges of a representation: what a `Range` header asks for."""

import re
from collections.abc import Iterable

from attrs import define, frozen

#: Parts of one answer. A player or a resumed download asks for a few; hundreds are an attack.
MOST_RANGES = 16

# Digits are bounded: int() of a long run of them takes time that grows with its square.
_SPEC = re.compile(rb"([0-9]{0,20})-([0-9]{0,20})")
_HEADER = re.compile(rb"bytes=([0-9, \t-]*)", re.IGNORECASE)


@define(eq=False)
class UnsatisfiableRange(Exception):
    """No byte of the wanted ranges exists (416, with `Content-Range: bytes */SIZE`).

    :param size: size of the representation, bytes.
    """

    size: int


@frozen
class ByteRange:
    """A run of bytes.

    :param start: offset of the first byte.
    :param length: bytes, at least one.
    """

    start: int
    length: int

    @property
    def stop(self) -> int:
        """Offset behind the last byte."""
        return self.start + self.length


def parse_range(header: bytes | None, size: int) -> tuple[ByteRange, ...] | None:
    """Understand a `Range` header (RFC 9110, section 14.2).

    Overlapping and adjacent ranges become one, at the place of the first of them (section 15.3.7.2).

    :param header: its value; None when there is none.
    :param size: size of the representation, bytes.
    :return: one range or more, each within the representation; or None where the whole is to be sent: no header,
        another unit, anything malformed, more than 16 ranges, or a sum, as asked for, larger than the whole.
    :raise UnsatisfiableRange: when it is well-formed and no byte of it exists.
    """
    specs = None if header is None else _specs(header)
    if specs is None:
        return None
    wanted = [found for first, last in specs if (found := _resolve(first, last, size))]
    if not wanted:
        if size == 0 and any(first is None and last for first, last in specs):
            return None  # the last n bytes of nothing are nothing, which no Content-Range can express
        raise UnsatisfiableRange(size)
    if sum(each.length for each in wanted) > size:
        return None
    ranges = _coalesce(wanted)
    return ranges if len(ranges) <= MOST_RANGES else None


def content_range(wanted: ByteRange, size: int) -> bytes:
    """Return the `Content-Range` of a part (RFC 9110, section 14.4)."""
    return b"bytes %d-%d/%d" % (wanted.start, wanted.stop - 1, size)


def unsatisfied_range(size: int) -> bytes:
    """Return the `Content-Range` of a 416: the size alone."""
    return b"bytes */%d" % size


def _specs(header: bytes) -> list[tuple[int | None, int | None]] | None:
    """Return (first, last) of each range as written, a blank as None; None when anything is malformed."""
    match = _HEADER.fullmatch(header.strip(b" \t"))
    if match is None:
        return None
    texts = [text for item in match[1].split(b",") if (text := item.strip(b" \t"))]
    specs = [_spec(text) for text in texts]
    if not specs or None in specs:
        return None
    return [spec for spec in specs if spec is not None]


def _spec(text: bytes) -> tuple[int | None, int | None] | None:
    match = _SPEC.fullmatch(text)
    if match is None:
        return None
    first, last = (int(digits) if digits else None for digits in match.groups())
    if first is None and last is None:
        return None
    if first is not None and last is not None and last < first:
        return None
    return first, last


def _resolve(first: int | None, last: int | None, size: int) -> ByteRange | None:
    """Return the bytes of the representation that a spec names, or None when there are none."""
    start = first if first is not None else max(0, size - (last or 0))
    stop = size if first is None or last is None else min(size, last + 1)
    return ByteRange(start, stop - start) if start < stop else None


def _coalesce(wanted: Iterable[ByteRange]) -> tuple[ByteRange, ...]:
    """Join what overlaps or touches; the order is that in which the joined ranges first appeared."""
    joined: list[tuple[int, ByteRange]] = []
    for place, each in sorted(enumerate(wanted), key=lambda item: item[1].start):
        if joined and each.start <= joined[-1][1].stop:
            before, last = joined[-1]
            stop = max(last.stop, each.stop)
            joined[-1] = min(before, place), ByteRange(last.start, stop - last.start)
        else:
            joined.append((place, each))
    return tuple(each for _, each in sorted(joined, key=lambda item: item[0]))
