"""`Range`: a line with the size of the representation, then the header's value."""

from __future__ import annotations

from peerstor.http.ranges import MOST_RANGES, UnsatisfiableRange, parse_range

WORDS = (
    b"bytes=", b"0-", b"-1", b"0-0", b"5-9", b"-0", b",", b", ", b"\t", b"18446744073709551616-", b"items=", b"--",
    b"bytes=0-1,3-4", b"+1-2", b"1_0-", b"\xd9\xa1-",
)  # fmt: skip

LARGEST = 300
"""Bytes of a representation: few enough to write each position down."""


def check(data: bytes) -> None:
    """Compare with the positions written out one by one."""
    first, _, header = data.partition(b"\n")
    size = int(first) % (LARGEST + 1) if first.isdigit() and len(first) < 10 else LARGEST
    right = expected(header, size)
    try:
        found = parse_range(header, size)
    except UnsatisfiableRange as error:
        assert error.size == size
        assert right == [], (header, size, right)
        return
    assert (None if found is None else [list(range(each.start, each.stop)) for each in found]) == right, (
        header,
        size,
        found,
        right,
    )


def expected(header: bytes, size: int) -> list[list[int]] | None:
    """Give the positions of each part; None for the whole, an empty list for 416."""
    wanted = _positions(header, size)
    if wanted is None:
        return None
    real = [each for each in wanted if each]
    if not real:
        # The last bytes of nothing: there is no way to say so, and the whole is as good.
        return None if size == 0 and b"-" in _suffixes(header) else []
    if sum(map(len, real)) > size:
        return None
    parts = _joined(real)
    return parts if len(parts) <= MOST_RANGES else None


def _items(header: bytes) -> list[bytes]:
    unit, _, rest = header.strip(b" \t").partition(b"=")
    if unit.lower() != b"bytes":
        return []
    return [item.strip(b" \t") for item in rest.split(b",") if item.strip(b" \t")]


def _suffixes(header: bytes) -> list[bytes]:
    """Give `-` for each item that asks for the last n bytes, n not 0."""
    return [b"-" for item in _items(header) if item.startswith(b"-") and int(item[1:])]


def _positions(header: bytes, size: int) -> list[list[int]] | None:
    items = _items(header)
    every = range(size)
    wanted = []
    for item in items:
        first, dash, last = item.partition(b"-")
        digits = [each for each in (first, last) if each]
        if not dash or not digits or not all(_is_number(each) for each in digits):
            return None
        if not first:
            wanted.append(list(every[max(0, size - int(last)) :]))
        elif last and int(last) < int(first):
            return None
        else:
            wanted.append([place for place in every if int(first) <= place and (not last or place <= int(last))])
    return wanted or None


def _is_number(digits: bytes) -> bool:
    # More than twenty digits name no position of any file; they count as malformed.
    return len(digits) <= 20 and all(digit in b"0123456789" for digit in digits)


def _joined(wanted: list[list[int]]) -> list[list[int]]:
    """Join what overlaps or touches, at the place of the first of them."""
    groups: list[set[int]] = []
    places: list[int] = []
    for place, each in enumerate(wanted):
        group, first = set(each), place
        for other in [known for known in groups if known & group or _touch(known, group)]:
            index = groups.index(other)
            first = min(first, places.pop(index))
            group |= groups.pop(index)
        # Joining two may have closed the gap to a third, so what touches is looked for again.
        changed = True
        while changed:
            changed = False
            for other in [known for known in groups if known & group or _touch(known, group)]:
                index = groups.index(other)
                first = min(first, places.pop(index))
                group |= groups.pop(index)
                changed = True
        groups.append(group)
        places.append(first)
    return [sorted(group) for _, group in sorted(zip(places, groups, strict=True), key=lambda item: item[0])]


def _touch(one: set[int], other: set[int]) -> bool:
    return max(one) + 1 == min(other) or max(other) + 1 == min(one)
