"""The files before and behind a file of its folder."""

import os
from unittest.mock import patch

from peerstor.tree import neighbours as module
from peerstor.tree.entries import list_folder
from peerstor.tree.neighbours import NONE, Neighbours, neighbours
from peerstor.tree.paths import TreePath
from tests.tree.scaffold import StorageCase

ROOT = TreePath((), slash=True)


class NeighboursTest(StorageCase):
    def around(self, name: bytes) -> Neighbours:
        with self.sandbox.folder(ROOT) as folder:
            return neighbours(self.sandbox, folder, name)

    def test_order(self) -> None:
        """They are those that the listing has beside it, whatever the names are."""
        for name in (b"a", b"B", b"c", "Äpfel".encode(), b"\xff\xfe", b"z 2", b"z 10", "ß".encode(), b"-", b"a.b"):
            self.write(name)
        os.mkdir(self.at(b"between"))
        with self.sandbox.folder(ROOT) as folder:
            names = [entry.name for entry in list_folder(self.sandbox, folder).entries if not entry.is_folder]
        self.assertEqual(len(names), 10)
        for before, name, behind in zip([None, *names], names, [*names[1:], None], strict=False):
            self.assertEqual(self.around(name), Neighbours(before, behind), name)

    def test_nothing_that_no_reader_finds(self) -> None:
        """Folders, special files, private names and links that lead out or nowhere are no neighbours."""
        self.write(b"a")
        self.write(b"z")
        self.write(b"middle")
        os.mkdir(self.at(b"l"))
        os.mkfifo(self.at(b"lm"))
        os.symlink(b"/etc/passwd", self.at(b"ln"))
        os.symlink(b"nothing", self.at(b"n"))
        os.symlink(b"l", self.at(b"na"))
        self.write(b".peerstor-secret")
        self.assertEqual(self.around(b"middle"), Neighbours(b"a", b"z"))
        self.assertEqual(self.around(b"a").previous, None)
        os.symlink(b"z", self.at(b"n link"))
        self.assertEqual(self.around(b"middle"), Neighbours(b"a", b"n link"))

    def test_gone(self) -> None:
        """A file that was removed meanwhile still has a place among the others."""
        self.write(b"a")
        self.write(b"c")
        self.assertEqual(self.around(b"b"), Neighbours(b"a", b"c"))

    def test_large(self) -> None:
        """Of a folder with more entries than are looked at, nothing is told, and no more of them are read."""
        for number in range(20):  # and the private folder
            self.write(b"%02d" % number)
        with patch.object(module, "LOOK_AT_MOST", 21):
            self.assertEqual(self.around(b"10"), Neighbours(b"09", b"11"))
        with patch.object(module, "LOOK_AT_MOST", 20):
            self.assertIs(self.around(b"10"), NONE)
