"""Listings: order, pages, cursors, and what is left out."""

import base64
import errno
import os
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerstor.errors import BadRequest, Forbidden, NotFound, StorageUnavailable
from peerstor.tree import entries, pace
from peerstor.tree.entries import Page, Sort, list_page
from peerstor.tree.paths import TreePath
from tests.tree.scaffold import StorageCase, path

ROOT = TreePath(parts=(), slash=True)


class ListingCase(StorageCase):
    """Short ways to list."""

    def page(self, **options: Any) -> Page:
        """One page of the root."""
        return list_page(self.sandbox, ROOT, **options)

    def names(self, **options: Any) -> list[bytes]:
        """Names on one page of the root."""
        return [entry.name for entry in self.page(**options).entries]

    def all_names(self, **options: Any) -> list[bytes]:
        """Names of all pages, following the cursors."""
        page = self.page(**options)
        names = [entry.name for entry in page.entries]
        while page.next is not None:
            page = self.page(cursor=page.next, **options)
            self.assertTrue(page.entries)
            names += [entry.name for entry in page.entries]
        return names


class EntryTests(ListingCase):
    """What is told of each."""

    def test_file_and_folder(self) -> None:
        """A file has a size, a folder has none; both have the time of their last change."""
        self.write(b"a", b"12345")
        os.mkdir(self.at(b"b"))
        for name in (b"a", b"b"):
            os.utime(self.at(name), ns=(0, 1_700_000_000_123_456_789))
        first, second = self.page().entries
        self.assertEqual((first.name, first.is_folder, first.size), (b"a", False, 5))
        self.assertEqual((second.name, second.is_folder, second.size), (b"b", True, None))
        self.assertEqual(first.mtime_ns, 1_700_000_000_123_456_789)
        self.assertEqual(second.mtime_ns, 1_700_000_000_123_456_789)

    def test_links_are_what_they_lead_to(self) -> None:
        """A link inside tells the size of its target, under its own name."""
        self.write(b"folder/file", b"12345")
        os.symlink(b"folder/file", self.at(b"link"))
        os.symlink(b"folder", self.at(b"way"))
        found = {entry.name: (entry.is_folder, entry.size) for entry in self.page().entries}
        self.assertEqual(found, {b"folder": (True, None), b"link": (False, 5), b"way": (True, None)})

    def test_hidden(self) -> None:
        """Private names, special files and links that leave, circle or dangle are in no listing by any order."""
        self.write(b"seen")
        self.write(b".peerstor-1.part")
        self.write(b".dotted")
        os.mkfifo(self.at(b"fifo"))
        for name, target in ((b"out", b"/etc"), (b"loop", b"loop"), (b"dangling", b"x"), (b"in", b".peerstor")):
            os.symlink(target, self.at(name))
        for sort in ("name", "size", "mtime"):
            for descending in (False, True):
                self.assertEqual(set(self.names(sort=sort, descending=descending)), {b"seen", b".dotted"})

    def test_odd_names(self) -> None:
        """Newlines and broken UTF-8 are listed with their exact bytes and paged over."""
        names = [b"\xff", b"a\nb", b"100%", "ä".encode(), "\udcff".encode("utf-8", "surrogatepass"), b"\xc3"]
        for name in names:
            self.write(name)
        self.assertCountEqual(self.all_names(limit=1), names)

    def test_by_a_link_to_the_folder(self) -> None:
        """Listed through a link, a folder's own links still mean where they lie."""
        self.write(b"a/b/file")
        self.write(b"a/other")
        os.symlink(b"../other", self.at(b"a/b/link"))
        os.symlink(b"a/b", self.at(b"short"))
        page = list_page(self.sandbox, path("/short/"))
        self.assertEqual([entry.name for entry in page.entries], [b"file", b"link"])


class OrderTests(ListingCase):
    """Which comes first."""

    def test_by_name(self) -> None:
        """Case does not matter until nothing else does; then bytes decide."""
        for name in (b"b", b"A", b"a", b"B", b"a1", "Ä".encode(), "ä".encode()):
            self.write(name)
        expected = [b"A", b"a", b"a1", b"B", b"b", "Ä".encode(), "ä".encode()]
        self.assertEqual(self.names(), expected)
        self.assertEqual(self.names(descending=True), expected[::-1])

    def test_by_size(self) -> None:
        """Folders are smaller than any file; equal sizes go by name."""
        for name, size in ((b"x", 0), (b"big", 300), (b"b", 20), (b"a", 20), (b"nine", 9)):
            self.write(name, b"." * size)
        os.mkdir(self.at(b"folder"))
        expected = [b"folder", b"x", b"nine", b"a", b"b", b"big"]
        self.assertEqual(self.names(sort="size"), expected)
        self.assertEqual(self.names(sort="size", descending=True), expected[::-1])

    def test_by_time(self) -> None:
        """The times are compared to the nanosecond, before 1970 too."""
        for name, ns in ((b"b", 5), (b"a", -1_000_000_000), (b"c", 6), (b"d", 10**18)):
            self.write(name)
            os.utime(self.at(name), ns=(0, ns))
        self.assertEqual(self.names(sort="mtime"), [b"a", b"b", b"c", b"d"])
        self.assertEqual(self.all_names(sort="mtime", limit=1, descending=True), [b"d", b"c", b"b", b"a"])


class PageTests(ListingCase):
    """Pages and cursors."""

    @settings(max_examples=150, deadline=None)
    @given(
        st.dictionaries(
            st.binary(min_size=1, max_size=3).filter(lambda name: not set(name) & set(b"/\0."))
            | st.sampled_from([b"A", b"a", b"B", b"b"]),
            st.integers(min_value=0, max_value=3),
            max_size=12,
        ),
        st.sampled_from(["name", "size", "mtime"]),
        st.booleans(),
        st.integers(min_value=1, max_value=5),
    )
    def test_pages_together_are_the_folder(
        self, files: dict[bytes, int], sort: Sort, descending: bool, limit: int
    ) -> None:
        """In any order and by any page size, each entry comes exactly once, as one sorted list."""
        # Choosing throws out the worst candidates as early as in a folder of thousands.
        self.patch(entries, "SLACK", 1)
        self.patch(pace, "SLICE", 2)
        for name in os.listdir(self.root):
            if name != b".peerstor":
                os.unlink(self.at(name))
        for name, number in files.items():
            self.write(name, b"." * number)
            os.utime(self.at(name), ns=(0, number))

        def key(name: bytes) -> tuple[int, str, bytes]:
            value = 0 if sort == "name" else files[name]
            return value, name.decode("utf-8", "surrogateescape").casefold(), name

        expected = sorted(files, key=key, reverse=descending)
        self.assertEqual(self.all_names(sort=sort, descending=descending, limit=limit), expected)

    def test_empty(self) -> None:
        """An empty folder is one empty page."""
        self.assertEqual(self.page(), Page(entries=(), next=None))

    def test_exactly_full(self) -> None:
        """A page that holds the rest exactly has none behind it."""
        for name in (b"a", b"b"):
            self.write(name)
        self.assertIsNone(self.page(limit=2).next)
        self.assertIsNotNone(self.page(limit=1).next)

    def test_cursor_outlives_its_entry(self) -> None:
        """What was gone through stays so when entries come before the cursor, go, and the last one itself goes."""
        for name in (b"b", b"d", b"f", b"h"):
            self.write(name)
        first = self.page(limit=2)
        os.unlink(self.at(b"d"))
        os.unlink(self.at(b"f"))
        self.write(b"a")
        self.write(b"e")
        self.assertEqual(self.names(cursor=first.next), [b"e", b"h"])

    def test_cursor_is_safe_in_a_url(self) -> None:
        """It is made of unreserved characters alone, whatever the name."""
        self.write(b"\xff\xfe?/ &+".replace(b"/", b"_"))
        self.write(b"\xff\xff")
        cursor = self.page(limit=1).next
        assert cursor is not None
        self.assertRegex(cursor, r"\A[A-Za-z0-9_-]+\Z")

    def test_bad_cursors(self) -> None:
        """Forged, torn, foreign and other orders' cursors are refused as such."""
        self.write(b"a")
        self.write(b"b")
        other = self.page(limit=1, sort="size").next
        forged = [b"", b"name", b"name:0", b"name:0:", b"name:x:a", b"mode:0:a", b"name:" + b"9" * 5000 + b":a"]
        texts = [base64.urlsafe_b64encode(text).decode() for text in forged]
        for cursor in [other, "", "!", "a", "ä", "\0", "a b", *texts]:
            self.assertRaises(BadRequest, self.page, cursor=cursor)

    def test_filled_in_spite_of_hidden_entries(self) -> None:
        """Entries that nobody sees take no place on a page."""
        for number in range(20):
            os.symlink(b"/etc", self.at(b"a%02d" % number))
        for name in (b"b", b"c", b"d"):
            self.write(name)
        page = self.page(limit=2)
        self.assertEqual([entry.name for entry in page.entries], [b"b", b"c"])
        self.assertEqual(self.names(limit=2, cursor=page.next), [b"d"])

    def test_filled_when_entries_vanish_meanwhile(self) -> None:
        """An entry that goes between being chosen and being looked at is replaced by the next."""
        for name in (b"a", b"b", b"c", b"d"):
            self.write(name)
        real = self.sandbox.lookup

        def lookup(sandbox: object, folder: Any, name: bytes) -> os.stat_result | None:
            if name == b"a" and os.path.exists(self.at(b"a")):
                os.unlink(self.at(b"a"))
                os.unlink(self.at(b"b"))
            return real(folder, name)

        self.patch(type(self.sandbox), "lookup", lookup)
        page = self.page(limit=1)
        self.assertEqual([entry.name for entry in page.entries], [b"c"])
        self.assertIsNotNone(page.next)

    def test_vanish_while_ordered_by_size(self) -> None:
        """An entry that is gone before its size is known is left out."""
        for name in (b"a", b"b"):
            self.write(name)
        real = self.sandbox.lookup
        self.patch(
            type(self.sandbox), "lookup", lambda _, folder, name: None if name == b"a" else real(folder, name)
        )
        self.assertEqual(self.names(sort="size"), [b"b"])


class FaultTests(ListingCase):
    """Folders that cannot be listed."""

    def test_no_folder(self) -> None:
        """A file, an absent name and the private folder have no listing."""
        self.write(b"file")
        for url in ("/file", "/x/", "/.peerstor/"):
            self.assertRaises(NotFound, list_page, self.sandbox, path(url))

    def test_failing_disk(self) -> None:
        """An error in the midst is told, never an incomplete listing."""
        self.fail_os("scandir", errno.EIO)
        self.assertRaises(StorageUnavailable, self.page)
        self.fail_os("scandir", errno.EACCES)
        self.assertRaises(Forbidden, self.page)


@pytest.mark.slow
class HugeTests(ListingCase):
    """A folder of 100,000 entries."""

    COUNT = 100_000

    def test_pages(self) -> None:
        """All entries come once and in order; one page takes little memory, and the thread gives way often."""
        for number in range(self.COUNT):
            # In an order that is none, so that choosing has to work.
            os.mknod(b"file-%06d" % (number * 7919 % self.COUNT), dir_fd=self.root_fd)
        names = self.all_names(limit=25_000)
        self.assertEqual(names, [b"file-%06d" % number for number in range(self.COUNT)])
        last = self.names(limit=3, descending=True, sort="size")
        self.assertEqual(last, [b"file-099999", b"file-099998", b"file-099997"])
        self.lets_others_run()
        self.takes_little_memory()

    def lets_others_run(self) -> None:
        pauses = []
        self.patch(time, "sleep", pauses.append)
        self.page(limit=10)
        self.assertEqual(len(pauses), (self.COUNT + 1) // pace.SLICE)
        self.assertGreater(min(pauses), 0)

    def takes_little_memory(self) -> None:
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.page(limit=1000)
        self.assertLess(tracemalloc.get_traced_memory()[1], 2 << 20)
