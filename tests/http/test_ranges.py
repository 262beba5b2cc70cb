"""Byte ranges of a representation."""

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.ranges import (
    MOST_RANGES,
    ByteRange,
    UnsatisfiableRange,
    content_range,
    parse_range,
    unsatisfied_range,
)

numbers = st.integers(0, 40)
specs = st.one_of(
    st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair))),
    st.tuples(numbers, st.none()),
    st.tuples(st.none(), numbers),
)


def spelled(wanted: list[tuple[int | None, int | None]]) -> bytes:
    """Return the header for (first, last) pairs, a blank for None."""
    blank = [("" if first is None else first, "" if last is None else last) for first, last in wanted]
    return ("bytes=" + ",".join(f"{first}-{last}" for first, last in blank)).encode()


def selected(first: int | None, last: int | None, size: int) -> set[int]:
    """The plain model: which bytes of the representation a spec names (RFC 9110, section 14.1.2)."""
    everything = range(size)
    if first is None:
        return {i for i in everything if i >= size - (last or 0)}
    return {i for i in everything if i >= first and (last is None or i <= last)}


def run_count(places: set[int]) -> int:
    """How many runs of neighbours a set of numbers has."""
    return sum(1 for i in places if i - 1 not in places)


class AgainstModel(SynchronousTestCase):
    """Every well-formed header, against sets of byte positions."""

    @given(st.lists(specs, min_size=1, max_size=30), st.integers(0, 40))
    @example([(0, 9)], 0)
    @example([(None, 0)], 10)
    @example([(None, 5)], 0)
    def test_exactly_the_bytes_asked_for(self, wanted: list[tuple[int | None, int | None]], size: int) -> None:
        """The ranges name exactly the union of the bytes asked for, each byte once, at most 16 of them; where the
        sum exceeds the whole, the whole is sent; where nothing exists, it is unsatisfiable."""
        sets = [selected(first, last, size) for first, last in wanted]
        union = set().union(*sets)
        try:
            ranges = parse_range(spelled(wanted), size)
        except UnsatisfiableRange as error:
            self.assertEqual((union, error.size), (set(), size))
            return
        if ranges is None:
            empty_tail = size == 0 and any(first is None and last for first, last in wanted)
            self.assertTrue(sum(map(len, sets)) > size or run_count(union) > MOST_RANGES or empty_tail)
            return
        named = [i for each in ranges for i in range(each.start, each.stop)]
        self.assertTrue(ranges)
        self.assertEqual(sorted(named), sorted(union))
        self.assertEqual(len(ranges), run_count(union), "touching ranges are one")
        self.assertLessEqual(len(ranges), MOST_RANGES)
        self.assertLessEqual(sum(map(len, sets)), size)

    @given(st.lists(specs, min_size=1, max_size=6, unique=True), st.integers(1, 40))
    def test_in_the_order_asked_for(self, wanted: list[tuple[int | None, int | None]], size: int) -> None:
        """Parts come in the order in which their first member was asked for."""
        try:
            ranges = parse_range(spelled(wanted), size)
        except UnsatisfiableRange:
            return
        places = []
        for each in ranges or ():
            covered = set(range(each.start, each.stop))
            members = [i for i, spec in enumerate(wanted) if selected(*spec, size) & covered]
            places.append(min(members))
        self.assertEqual(places, sorted(places))

    @given(
        st.binary(max_size=60) | st.text("bytes=0123456789-, \t", max_size=40).map(str.encode), st.integers(0, 99)
    )
    def test_never_anything_else(self, header: bytes, size: int) -> None:
        """Whatever a client sends, there is one of the three outcomes."""
        try:
            ranges = parse_range(header, size)
        except UnsatisfiableRange:
            return
        for each in ranges or ():
            self.assertTrue(0 <= each.start < each.stop <= size)


class Examples(SynchronousTestCase):
    """What the model does not say."""

    def test_single_forms(self) -> None:
        """First and last, open end, and the last n bytes (RFC 9110, section 14.1.2)."""
        for header, expected in [
            (b"bytes=0-0", ByteRange(0, 1)),
            (b"bytes=0-499", ByteRange(0, 500)),
            (b"bytes=500-", ByteRange(500, 500)),
            (b"bytes=-500", ByteRange(500, 500)),
            (b"bytes=-5000", ByteRange(0, 1000)),
            (b"bytes=999-18446744073709551615", ByteRange(999, 1)),
            (b"Bytes=1-2", ByteRange(1, 2)),
            (b" bytes=1-2\t", ByteRange(1, 2)),
            (b"bytes= 1-2 ", ByteRange(1, 2)),
            (b"bytes=,1-2,, ,", ByteRange(1, 2)),
        ]:
            with self.subTest(header=header):
                self.assertEqual(parse_range(header, 1000), (expected,))

    def test_malformed_is_ignored(self) -> None:
        """Anything malformed in any place makes the whole header void, and nothing raises."""
        for header in [
            None, b"", b"bytes", b"bytes=", b"bytes=,", b"bytes=-", b"bytes=--1", b"bytes=1", b"bytes=2-1",
            b"items=0-1", b"bytes:0-1", b"bytes=0-1,x", b"bytes=0-1,5-2", b"bytes=+1-2", b"bytes=1_0-20",
            b"bytes=0x1-2", b"bytes=1-2;3-4", b"bytes=1 -2", b"bytes=\xd9\xa1-2", b"bytes=0-1\n", b"bytes =0-1",
            b"bytes=" + b"9" * 5000 + b"-", b"bytes=1.0-2", b"bytes=0-1,bytes=2-3",
        ]:  # fmt: skip
            with self.subTest(header=header):
                self.assertIsNone(parse_range(header, 1000))

    def test_sixteen_pass_seventeen_do_not(self) -> None:
        """More than 16 ranges after joining give the whole file; many that join to one are one."""
        sixteen = b",".join(b"%d-%d" % (i * 10, i * 10) for i in range(16))
        self.assertEqual(len(parse_range(b"bytes=" + sixteen, 1000) or ()), 16)
        self.assertIsNone(parse_range(b"bytes=" + sixteen + b",500-500", 1000))
        neighbours = b",".join(b"%d-%d" % (i, i) for i in range(200))
        self.assertEqual(parse_range(b"bytes=" + neighbours, 1000), (ByteRange(0, 200),))

    def test_range_bomb(self) -> None:
        """Two hundred overlapping ranges do not multiply a file."""
        self.assertIsNone(parse_range(b"bytes=" + b",".join([b"0-"] * 200), 10_000))

    def test_unsatisfiable(self) -> None:
        """Beyond the end, and the last no bytes, are unsatisfiable; one good range among bad ones is enough."""
        for header in (b"bytes=1000-", b"bytes=1000-2000,5000-", b"bytes=-0"):
            with self.subTest(header=header):
                error = self.assertRaises(UnsatisfiableRange, parse_range, header, 1000)
                self.assertEqual(error.size, 1000)
        self.assertEqual(parse_range(b"bytes=1000-,2-3,-0", 1000), (ByteRange(2, 2),))

    def test_empty_file(self) -> None:
        """Of an empty file no position exists; its last n bytes are the whole."""
        self.assertRaises(UnsatisfiableRange, parse_range, b"bytes=0-", 0)
        self.assertIsNone(parse_range(b"bytes=-1", 0))

    def test_content_range(self) -> None:
        """First, last (inclusive) and size, and for 416 the size alone."""
        self.assertEqual(content_range(ByteRange(10, 5), 1234), b"bytes 10-14/1234")
        self.assertEqual(unsatisfied_range(0), b"bytes */0")
