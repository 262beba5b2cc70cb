"""Reading what a page shows of a file."""

import os
from unittest.mock import patch

from peerstor.errors import Forbidden, StorageUnavailable
from peerstor.tree.neighbours import NONE, Neighbours
from peerstor.tree.paths import TreePath
from peerstor.web.links import Links
from peerstor.web.viewing import content as module
from peerstor.web.viewing.content import Contents, read_whole
from peerstor.web.viewing.documents import Documents
from peerstor.web.viewing.kinds import TEXT_AT_MOST, Kind
from tests.tree.scaffold import StorageCase


def path(*parts: bytes) -> TreePath:
    return TreePath(parts, slash=False)


class ContentsTest(StorageCase):
    def setUp(self) -> None:
        super().setUp()
        self.contents = Contents(sandbox=self.sandbox, documents=Documents(), links=Links())
        self.write(b"d/a.txt", b"text")
        self.write(b"d/b.txt", b"more")

    def test_told(self) -> None:
        """Of a file are told its kind, size and time, its text, and what stands beside it; of a folder nothing."""
        os.utime(self.at(b"d/a.txt"), (5, 7))
        shown = self.contents.of(path(b"d", b"a.txt"), with_neighbours=True)
        assert shown is not None
        self.assertEqual((shown.kind, shown.size, shown.mtime, shown.text), (Kind.TEXT, 4, 7, "text"))
        self.assertEqual((shown.document, shown.beside), (None, Neighbours(None, b"b.txt")))
        self.assertIsNone(self.contents.of(path(b"d"), with_neighbours=True))

    def test_beside_only_where_seen(self) -> None:
        """What is beside a file isn't looked at for who may not see it, and isn't told where the folder can't be read."""
        with patch.object(module, "neighbours", side_effect=AssertionError):
            shown = self.contents.of(path(b"d", b"a.txt"), with_neighbours=False)
        assert shown is not None
        self.assertIs(shown.beside, NONE)
        with patch.object(self.sandbox, "folder", side_effect=Forbidden):
            shown = self.contents.of(path(b"d", b"a.txt"), with_neighbours=True)
        assert shown is not None
        self.assertIs(shown.beside, NONE)

    def test_unread(self) -> None:
        """What isn't shown as text, or is too long, is not read."""
        self.write(b"d/a.mp4")
        self.write(b"d/b.zip")
        self.write(b"d/c.txt", b"x" * (TEXT_AT_MOST + 1))
        with patch.object(module, "read_whole", side_effect=AssertionError):
            for name, kind in ((b"a.mp4", Kind.VIDEO), (b"b.zip", Kind.OTHER), (b"c.txt", Kind.OTHER)):
                shown = self.contents.of(path(b"d", name), with_neighbours=False)
                assert shown is not None
                self.assertEqual((shown.kind, shown.text), (kind, None))

    def test_changing(self) -> None:
        """A file that gets shorter or longer while it is read is shown as far as it was there."""
        for length, expected in ((2, b"te"), (9, b"text")):
            self.write(b"d/a.txt", b"text")
            with self.sandbox.open(path(b"d", b"a.txt")) as opened:
                os.truncate(self.at(b"d/a.txt"), length)
                self.assertEqual(read_whole(opened), expected)

    def test_broken_disk(self) -> None:
        """A disk that fails is a fault of the storage."""
        with (
            self.sandbox.open(path(b"d", b"a.txt")) as opened,
            patch.object(os, "pread", side_effect=OSError(5, "x")),
        ):
            self.assertRaises(StorageUnavailable, read_whole, opened)
