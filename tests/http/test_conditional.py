"""Conditional requests."""

import itertools
import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from werkzeug.http import http_date

from peerstor.http.conditional import (
    Verdict,
    coded,
    entity_tag,
    evaluate,
    if_range_holds,
    last_modified,
    write_allowed,
)

TAG = '"abc"'
MTIME = 1_000_000_000.75
BEFORE, SAME, AFTER = (http_date(int(MTIME) + delta) for delta in (-1, 0, 1))
DATES = [None, BEFORE, SAME, AFTER, "garbage"]
DATE = "Mon, 01 Jan 99999999999999 00:00:00 GMT"


def headers(**values: str | None) -> Headers:
    """Headers by name, `_` for `-`; None is absent."""
    return Headers(
        {name.replace("_", "-").encode(): [value.encode()] for name, value in values.items() if value is not None}
    )


def judged(method: bytes = b"GET", **values: str | None) -> Verdict:
    """The verdict on a request for the one representation of these tests."""
    return evaluate(method, headers(**values), tag=TAG, mtime=MTIME)


class Precedence(SynchronousTestCase):
    """All combinations, against the steps of RFC 9110, section 13.2.2, written out."""

    def expected(
        self, method: bytes, match: str | None, unmodified: str | None, none: str | None, modified: str | None
    ) -> Verdict:
        """The steps, on what the values used here are known to mean."""
        if match is not None:
            if match not in ("*", TAG, '"x", "abc"'):
                return Verdict.FAILED
        elif unmodified == BEFORE:
            return Verdict.FAILED
        if none is not None:
            if none in ("*", TAG, 'W/"abc"', '"x", "abc"'):
                return Verdict.NOT_MODIFIED if method in (b"GET", b"HEAD") else Verdict.FAILED
        elif modified in (SAME, AFTER) and method in (b"GET", b"HEAD"):
            return Verdict.NOT_MODIFIED
        return Verdict.PROCEED

    def test_table(self) -> None:
        """Each field counts exactly where the precedence lets it."""
        tags = [None, "*", TAG, 'W/"abc"', '"x"', '"x", "abc"']
        methods = [b"GET", b"HEAD", b"PUT"]
        count = 0
        for method, match, unmodified, none, modified in itertools.product(methods, tags, DATES, tags, DATES):
            verdict = judged(
                method,
                if_match=match,
                if_unmodified_since=unmodified,
                if_none_match=none,
                if_modified_since=modified,
            )
            expected = self.expected(method, match, unmodified, none, modified)
            self.assertIs(verdict, expected, (method, match, unmodified, none, modified))
            count += 1
        self.assertEqual(count, 3 * 6 * 5 * 6 * 5)


class Reading(SynchronousTestCase):
    """What the table leaves out."""

    def test_dates_that_are_none(self) -> None:
        """A date that is none, or beyond every calendar, counts as absent (sections 13.1.3 and 13.1.4)."""
        for value in (
            "",
            "yesterday",
            DATE,
            f"{AFTER}, {AFTER}x",
            "0",
            "\u00e9",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 999 08:49:37 GMT",
            "Sun, 06 Nov 0094 08:49:37 GMT",
            "Sun Nov  6 08:49:37 0094",
            "Sun, 06-Nov-2094 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
        ):
            with self.subTest(value=value):
                self.assertIs(judged(if_modified_since=value), Verdict.PROCEED)
                self.assertIs(judged(if_unmodified_since=value), Verdict.PROCEED)

    def test_old_formats_of_dates(self) -> None:
        """The two obsolete formats are understood (section 5.6.7)."""
        for value in ("Sunday, 09-Sep-01 01:46:40 GMT", "Sun Sep  9 01:46:40 2001"):
            with self.subTest(value=value):
                self.assertIs(judged(if_modified_since=value), Verdict.NOT_MODIFIED)

    def test_tags_in_several_lines(self) -> None:
        """Lines of one field are one list."""
        lines = Headers({b"If-None-Match": [b'"x"', b'"abc"']})
        self.assertIs(evaluate(b"GET", lines, tag=TAG, mtime=MTIME), Verdict.NOT_MODIFIED)

    def test_tags_with_commas(self) -> None:
        """A comma within quotes parts nothing."""
        self.assertIs(judged(if_none_match='"x,\\"abc", "y"'), Verdict.PROCEED)

    def test_empty_lists(self) -> None:
        """A list without tags matches nothing."""
        self.assertIs(judged(if_match=""), Verdict.FAILED)
        self.assertIs(judged(if_none_match=""), Verdict.PROCEED)

    def test_without_validators(self) -> None:
        """A representation without tag and time, such as a listing, has only its existence to compare."""
        for values, expected in [
            ({"if_match": "*"}, Verdict.PROCEED),
            ({"if_match": TAG}, Verdict.FAILED),
            ({"if_none_match": TAG}, Verdict.PROCEED),
            ({"if_none_match": "*"}, Verdict.NOT_MODIFIED),
            ({"if_modified_since": AFTER}, Verdict.PROCEED),
            ({"if_unmodified_since": BEFORE}, Verdict.PROCEED),
        ]:
            with self.subTest(values=values):
                self.assertIs(evaluate(b"GET", headers(**values), tag=None, mtime=None), expected)

    def test_each_coding_is_its_own_representation(self) -> None:
        """The tag of the gzip coding does not vouch for the identity coding."""
        gzip = coded(TAG, "gzip")
        self.assertNotEqual(gzip, TAG)
        values = headers(if_none_match=gzip)
        self.assertIs(evaluate(b"GET", values, tag=TAG, mtime=MTIME), Verdict.PROCEED)
        self.assertIs(evaluate(b"GET", values, tag=gzip, mtime=MTIME), Verdict.NOT_MODIFIED)

    @given(
        st.sampled_from([b"If-Match", b"If-None-Match", b"If-Modified-Since", b"If-Range"]), st.binary(max_size=40)
    )
    def test_hostile_values(self, name: bytes, value: bytes) -> None:
        """Whatever stands in a condition, there is a verdict."""
        values = Headers({name: [value]})
        self.assertIsInstance(evaluate(b"GET", values, tag=TAG, mtime=MTIME), Verdict)
        self.assertIsInstance(if_range_holds(values, tag=TAG, mtime=MTIME), bool)
        self.assertIsInstance(write_allowed(values, TAG, mtime=MTIME), bool)


class Ranges(SynchronousTestCase):
    """`If-Range` (section 13.1.5)."""

    def test_table(self) -> None:
        """Only the very tag, compared strongly, or the very date lets a range through."""
        for value, expected in [
            (None, True),
            (TAG, True),
            (SAME, True),
            ('W/"abc"', False),
            ('"x"', False),
            (coded(TAG, "gzip"), False),
            (f"{TAG}, {TAG}", False),
            (BEFORE, False),
            (AFTER, False),
            ("*", False),
            ("", False),
            ("garbage", False),
            (DATE, False),
        ]:
            with self.subTest(value=value):
                self.assertIs(if_range_holds(headers(if_range=value), tag=TAG, mtime=MTIME), expected)


class Writing(SynchronousTestCase):
    """`write_allowed`."""

    def test_table(self) -> None:
        """Tags of any coding of the present content count as the present one; nothing else does."""
        gzip = coded(TAG, "gzip")
        for values, present, absent in [
            ({}, True, True),
            ({"if_match": "*"}, True, False),
            ({"if_match": TAG}, True, False),
            ({"if_match": gzip}, True, False),
            ({"if_match": f'"x", {gzip}'}, True, False),
            ({"if_match": coded(TAG, "br")}, False, False),
            ({"if_match": 'W/"abc"'}, False, False),
            ({"if_match": '"x"'}, False, False),
            ({"if_none_match": "*"}, False, True),
            ({"if_none_match": TAG}, False, True),
            ({"if_none_match": gzip}, False, True),
            ({"if_none_match": 'W/"abc"'}, False, True),
            ({"if_none_match": '"x"'}, True, True),
            ({"if_match": TAG, "if_none_match": "*"}, False, False),
            ({"if_unmodified_since": BEFORE}, False, True),
            ({"if_unmodified_since": SAME}, True, True),
            ({"if_unmodified_since": AFTER}, True, True),
            ({"if_unmodified_since": "garbage"}, True, True),
            ({"if_match": TAG, "if_unmodified_since": BEFORE}, True, False),
            ({"if_modified_since": AFTER}, True, True),
        ]:
            with self.subTest(values=values):
                self.assertIs(write_allowed(headers(**values), TAG, mtime=MTIME), present)
                self.assertIs(write_allowed(headers(**values), None), absent)


class Validators(SynchronousTestCase):
    """Tags and dates of files."""

    def test_tag_of_a_file(self) -> None:
        """A tag is strong and quoted; it stays while the file does, and changes with bytes, time and inode."""
        with tempfile.NamedTemporaryFile() as one, tempfile.NamedTemporaryFile() as other:
            for file in (one, other):
                os.utime(file.name, ns=(5, 5))
            first = entity_tag(os.stat(one.name))
            self.assertRegex(first, r'\A"[!#-~]+"\Z')
            self.assertEqual(first, entity_tag(os.stat(one.name)))
            self.assertNotEqual(first, entity_tag(os.stat(other.name)))
            os.utime(one.name, ns=(5, 6))
            second = entity_tag(os.stat(one.name))
            os.truncate(one.name, 1)
            os.utime(one.name, ns=(5, 6))
            self.assertEqual(len({first, second, entity_tag(os.stat(one.name))}), 3)

    def test_own_dates_hold(self) -> None:
        """What was sent as `Last-Modified` makes a conditional request hold, whatever the time of a file."""
        for mtime in (0.0, 0.999, -5.5, MTIME, 2.0**40, 1e18):
            with self.subTest(mtime=mtime):
                sent = last_modified(mtime).decode()
                since = headers(if_modified_since=sent)
                self.assertIs(evaluate(b"GET", since, tag=TAG, mtime=mtime), Verdict.NOT_MODIFIED)
                self.assertTrue(if_range_holds(headers(if_range=sent), tag=TAG, mtime=mtime))
        self.assertEqual(last_modified(784111777.9), b"Sun, 06 Nov 1994 08:49:37 GMT")
