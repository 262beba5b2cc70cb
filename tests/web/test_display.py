"""Sizes, times and names as people read them."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.web.display import human_size, time_shown, visible


class Display(SynchronousTestCase):
    def test_sizes(self) -> None:
        """A size has three digits and a unit; a folder has none."""
        for size, shown in (
            (None, ""), (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1024, "1.02 kB"), (999_499, "999 kB"),
            (999_500, "1 MB"), (1_500_000, "1.5 MB"), (123_456_789, "123 MB"), (2**63, "9.22 EB"),
        ):  # fmt: skip
            self.assertEqual(human_size(size), shown)

    def test_times(self) -> None:
        """A time is in UTC; one that no calendar has is the epoch."""
        self.assertEqual(time_shown(1_700_000_000.9), ("2023-11-14T22:13:20Z", "2023-11-14 22:13"))
        self.assertEqual(time_shown(1e300), ("1970-01-01T00:00:00Z", "1970-01-01 00:00"))
        self.assertEqual(time_shown(-1.5)[0], "1969-12-31T23:59:59Z")

    def test_names(self) -> None:
        """Controls and what turns the direction of text are shown; emoji and scripts stay as they are."""
        for name, shown in (
            (b"plain.txt", "plain.txt"),
            (b"new\nline", "new\\u000aline"),
            ("a\u202egpj.exe".encode(), "a\\u202egpj.exe"),
            (b"\xff\xfe", "\ufffd\ufffd"),
            ("👩‍👩‍👧 ش".encode(), "👩‍👩‍👧 ش"),
            ("\u0085".encode(), "\\u0085"),
        ):
            self.assertEqual(visible(name), shown)

    @given(st.binary(max_size=60))
    def test_any_name(self, name: bytes) -> None:
        """Any bytes become one line of text that can be written down."""
        shown = visible(name)
        shown.encode()
        self.assertEqual(len(shown.splitlines()), 1 if name else 0)
