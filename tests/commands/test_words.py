"""Rights and times as people type them."""

import os
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import EVERY, Right
from peerstor.access.tokens import spelled
from peerstor.commands.words import end_of, rights_of, spelled_time
from peerstor.errors import StartupError

NOW = 1_700_000_000.0


class RightsTests(SynchronousTestCase):
    @given(st.sets(st.sampled_from(list(EVERY)), min_size=1))
    def test_spelled_and_read(self, some: set[Right]) -> None:
        """What is spelled out is read as the same rights."""
        rights = Right(sum(right.value for right in some))
        self.assertEqual(rights_of(spelled(rights)), rights)

    def test_loosely(self) -> None:
        """Blanks, case and repetition don't matter."""
        self.assertEqual(rights_of(" Read, CREATE,read"), Right.READ | Right.CREATE)

    def test_unknown(self) -> None:
        """What is no right is refused, naming the nearest that is, or all of them; nothing is refused too."""
        for text, words in (
            ("raed", "did you mean read?"),
            ("read,chnage", "'chnage' is no right; did you mean change?"),
            ("read,xyz", "there are read, create, change, share, admin."),
            ("", "there are read"),
            ("read,", "there are read"),
            ("none", "is no right"),
        ):
            with self.subTest(text=text):
                with self.assertRaises(StartupError) as caught:
                    rights_of(text)
                self.assertIn(words, str(caught.exception))


class EndTests(SynchronousTestCase):
    def setUp(self) -> None:
        before = os.environ.get("TZ")
        self.addCleanup(time.tzset)
        self.addCleanup(os.environ.pop, "TZ") if before is None else self.addCleanup(
            os.environ.update, {"TZ": before}
        )
        os.environ["TZ"] = "Europe/Berlin"
        time.tzset()

    def test_spans(self) -> None:
        """Minutes, hours, days and weeks are counted from now."""
        for text, seconds in {
            "90m": 5400,
            "12h": 43200,
            "30d": 2592000,
            "2w": 1209600,
            "999999d": 86399913600,
        }.items():
            self.assertEqual(end_of(text, NOW), NOW + seconds)

    def test_a_day_counts_in_full(self) -> None:
        """A date is the last day, by this machine's clock, also where that day is of another length."""
        for text, end in (
            ("2027-01-31", "2027-02-01 00:00"),
            ("2028-02-29", "2028-03-01 00:00"),
            ("2027-12-31", "2028-01-01 00:00"),
            ("2027-03-28", "2027-03-29 00:00"),
            ("2027-10-31", "2027-11-01 00:00"),
        ):
            self.assertEqual(spelled_time(end_of(text, NOW)), end)

    def test_refused(self) -> None:
        """Anything else is refused in a line that says what is meant, and so is what has passed."""
        for text in (
            "",
            "30",
            "d",
            "1.5d",
            "-1d",
            "30 d",
            "1y",
            "٣d",
            "2027-1-3",
            "2027-02-30",
            "tomorrow",
            "9999999d",
        ):
            with self.subTest(text=text):
                with self.assertRaises(StartupError) as caught:
                    end_of(text, NOW)
                self.assertIn("--expires must be as 90m", str(caught.exception))
        for text in ("0d", "2001-01-01"):
            with self.assertRaises(StartupError) as caught:
                end_of(text, NOW)
            self.assertIn("in the future", str(caught.exception))

    def test_last_day_of_the_calendar(self) -> None:
        """A date at the calendar's end is refused or taken, never a crash."""
        self.assertGreater(end_of("9999-12-30", NOW), NOW)
