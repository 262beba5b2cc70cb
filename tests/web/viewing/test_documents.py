"""Rendered documents are remembered."""

import os
from unittest.mock import patch

from markupsafe import Markup

from peerstor.tree.paths import TreePath
from peerstor.web.links import Links
from peerstor.web.viewing import documents as module
from peerstor.web.viewing.documents import Documents
from tests.tree.scaffold import StorageCase

ROOT = TreePath((), slash=True)


class DocumentsTest(StorageCase):
    def setUp(self) -> None:
        super().setUp()
        self.documents = Documents()
        self.write(b"a.md", b"# Title\n\n[x](y.txt)")

    def shown(self, name: bytes = b"a.md", folder: TreePath = ROOT, links: Links | None = None) -> Markup | None:
        with self.sandbox.open(TreePath((name,), slash=False)) as opened:
            content = self.read(name)
            return self.documents.shown(opened, content, folder=folder, links=links or Links(), seconds=5.0)

    def test_once(self) -> None:
        """A file that is as it was isn't rendered again; one that has changed is."""
        first = self.shown()
        with patch.object(module, "render", side_effect=AssertionError):
            self.assertIs(self.shown(), first)
        path = self.write(b"a.md", b"# Other\n")
        os.utime(path, ns=(0, 1))
        self.assertIn("Other", self.shown() or "")

    def test_place(self) -> None:
        """The same file reached in another folder, or under another base, has other links."""
        self.assertIn('href="/y.txt"', self.shown() or "")
        self.assertIn('href="/d/y.txt"', self.shown(folder=TreePath((b"d",), slash=True)) or "")
        self.assertIn('href="/sub/y.txt"', self.shown(links=Links("/sub")) or "")

    def test_unfit(self) -> None:
        """That a document can't be shown is remembered too."""
        self.write(b"deep.md", b">" * 5_000 + b"a " * 40_000)
        self.assertIsNone(self.shown(b"deep.md"))
        with patch.object(module, "render", side_effect=AssertionError):
            self.assertIsNone(self.shown(b"deep.md"))

    def test_bytes(self) -> None:
        """A byte order mark is no part of it, and what is no UTF-8 is shown as such."""
        self.write(b"b.md", b"\xef\xbb\xbf# A\xff")
        self.assertIn("A\ufffd</h2>", self.shown(b"b.md") or "")

    def test_room(self) -> None:
        """The least recently used go when there are too many."""
        with patch.object(module, "ROOM", 2_000):
            for number in range(5):
                self.write(b"%d.md" % number, b"# %d" % number)
                self.shown(b"%d.md" % number)
        with patch.object(module, "render", return_value="anew"):
            self.assertNotEqual(self.shown(b"4.md"), "anew")
            self.assertEqual(self.shown(b"0.md"), "anew")
