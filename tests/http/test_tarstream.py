"""Rules of tar archives as a stream."""

import io
import os
import tarfile

from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.members import Member
from peerstor.http.tarstream import tar_stream
from tests.http.test_zipstream import NOON, file, folder


def framed(*members: Member) -> bytes:
    return b"".join(tar_stream(members))


def read(*members: Member) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(framed(*members)), encoding="utf-8")


class Framing(SynchronousTestCase):
    def test_content(self) -> None:
        """What goes in comes out; an archive of nothing is one. Its length is a multiple of 10 KiB, as tar's is."""
        for size in (0, 1, 511, 512, 513, 300_000):
            content = os.urandom(size)
            archive = read(folder(b"d"), file(b"d", b"x", content=content))
            self.assertEqual([(one.name, one.isdir()) for one in archive], [("d", True), ("d/x", False)])
            found = archive.extractfile("d/x")
            assert found is not None
            self.assertEqual(found.read(), content)
            self.assertEqual(len(framed(file(b"x", content=content))) % 10240, 0)
        self.assertEqual((read().getnames(), len(framed())), ([], 10240))

    def test_names(self) -> None:
        """Any bytes are kept, however many of them there are."""
        names = [b"caf\xe9", "Grüße 🎉".encode(), b"a\nb\\c", b"-rf", b"x" * 255, b"\xff" * 255]
        archive = read(*(file(name) for name in names), file(*names))
        self.assertEqual([os.fsencode(one.name) for one in archive], [*names, b"/".join(names)])

    def test_numbers(self) -> None:
        """Any size and any time are kept, beyond what the old format had room for."""
        head = next(tar_stream([Member((b"x",), False, 2**40, -(2**33), False, iter(()))]))
        with tarfile.open(fileobj=io.BytesIO(head)) as archive:
            info = archive.next()
        assert info is not None
        self.assertEqual((info.size, info.mtime), (2**40, -(2**33)))

    def test_length(self) -> None:
        """A content of another length than was said ends the stream without an end."""
        for said in (4, 6):
            pieces = tar_stream([Member((b"x",), False, said, NOON, False, iter((b"hello",)))])
            self.assertRaises(ValueError, b"".join, pieces)

    def test_whose(self) -> None:
        """Files have the permissions that are usual for them, and nothing tells whose they were."""
        for one in read(folder(b"d"), file(b"f"), file(b"r", runnable=True)):
            self.assertEqual((one.uid, one.gid, one.uname, one.gname), (0, 0, "", ""))
            self.assertEqual(one.mode, 0o644 if one.name == "f" else 0o755)
            self.assertEqual(one.mtime, NOON)
