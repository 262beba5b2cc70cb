"""Rules of zip archives as a stream."""

import io
import os
import struct
import time
import zipfile
from collections.abc import Iterator

import zipstream
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.members import Member
from peerstor.http.zipnames import NAME_BYTES, ZipNames
from peerstor.http.zipstream import zip_stream

NOON = 1_700_000_001


def file(*parts: bytes, content: bytes = b"", mtime: int = NOON, runnable: bool = False) -> Member:
    return Member(parts, False, len(content), mtime, runnable, iter((content,) if content else ()))


def folder(*parts: bytes, mtime: int = NOON) -> Member:
    return Member(parts, True, 0, mtime, False, iter(()))


def read(*members: Member) -> zipfile.ZipFile:
    """Frame members, and read them as Python does."""
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_stream(members))))
    assert archive.testzip() is None
    return archive


class Framing(SynchronousTestCase):
    def test_content(self) -> None:
        """What goes in comes out, stored as it is; an archive of nothing is one."""
        content = os.urandom(300_000)
        archive = read(folder(b"d"), file(b"d", b"x", content=content), file(b"empty"))
        self.assertEqual(archive.namelist(), ["d/", "d/x", "empty"])
        self.assertEqual((archive.read("d/x"), archive.read("empty")), (content, b""))
        self.assertEqual({info.compress_type for info in archive.infolist()}, {zipfile.ZIP_STORED})
        self.assertEqual(read().namelist(), [])

    def test_streams(self) -> None:
        """A piece of a content is given before the next one is asked for, and the sum comes behind the last."""
        asked: list[int] = []

        def content() -> Iterator[bytes]:
            for number in range(3):
                asked.append(number)
                yield b"%d" % number * 10

        pieces = zip_stream([Member((b"x",), False, 30, NOON, False, content())])
        head = next(pieces)
        self.assertEqual((head[:4], asked), (b"PK\x03\x04", []))
        self.assertEqual(struct.unpack("<H", head[6:8])[0] & 0x08, 0x08)
        self.assertEqual((next(pieces), asked), (b"0" * 10, [0]))

    def test_length(self) -> None:
        """A content of another length than was said ends the stream without an end."""
        for said in (4, 6):
            pieces = zip_stream([Member((b"x",), False, said, NOON, False, iter((b"hello",)))])
            self.assertRaises(ValueError, b"".join, pieces)

    def test_times(self) -> None:
        """A file's time is exact, to the second, beside the local one; what has no place in the format is near it."""
        for mtime, year in (
            (NOON, 2023),
            (-(10**9), 1980),
            (0, 1980),
            (2**33, 2107),
            (2**60, 2107),
            (-(2**60), 1980),
        ):
            (info,) = read(file(b"x", mtime=mtime)).infolist()
            self.assertEqual(info.date_time[0], year)
            exact = struct.pack("<HHBi", 0x5455, 5, 1, mtime) if abs(mtime) < 2**31 else b""
            self.assertEqual(info.extra, exact)
        (info,) = read(folder(b"x")).infolist()
        self.assertEqual(info.date_time, (*time.localtime(NOON)[:5], time.localtime(NOON)[5] // 2 * 2))

    def test_modes(self) -> None:
        """Files and folders have the permissions that are usual for them."""
        members = (folder(b"d"), file(b"f"), file(b"r", runnable=True))
        modes = [info.external_attr >> 16 for info in read(*members).infolist()]
        self.assertEqual(modes, [0o040755, 0o100644, 0o100755])

    def test_many(self) -> None:
        """More than 65,535 files need the longer counts, and what is kept of each is some hundred bytes."""
        archive = read(*(file(b"%d" % number) for number in range(70_000)))
        self.assertEqual(len(archive.namelist()), 70_000)

    def test_private_names(self) -> None:
        """The library still has the parts that are used under names of its own."""
        for name in ("_track", "_gen_archive_footer"):
            self.assertTrue(hasattr(zipstream.ZipStream, name), name)
        for name in ("_pos", "_filelist"):
            self.assertTrue(hasattr(zipstream.ZipStream(), name), name)
        for name in ("_file_data", "_central_directory_header_data"):
            self.assertTrue(hasattr(zipstream.ZipStreamInfo, name), name)


class Names(SynchronousTestCase):
    def named(self, *members: tuple[bytes, ...]) -> list[str]:
        names = ZipNames()
        return [names.of(parts, is_folder=False) for parts in members]

    def test_text(self) -> None:
        """UTF-8 is kept as it is, and said to be that; nothing is normalised."""
        texts = ["plain.txt", "Grüße", "🎉.txt", "\u202egnp.exe", "a\nb", "-rf", "'\"", "e\u0301", "é", "x" * 255]
        self.assertEqual(self.named(*[(text.encode(),) for text in texts]), texts)
        flags = [info.flag_bits & 0x800 for info in read(*[file(text.encode()) for text in texts[:3]]).infolist()]
        self.assertEqual(flags, [0, 0x800, 0x800])

    def test_no_text(self) -> None:
        """What is no UTF-8 is replaced, run by run, and told apart by a number before the suffix."""
        given = [(b"caf\xe9.txt",), (b"caf\xe8.txt",), (b"caf\xe8\xe9.txt",), ("caf\ufffd.txt".encode(),)]
        wanted = ["caf\ufffd.txt", "caf\ufffd (2).txt", "caf\ufffd (3).txt", "caf\ufffd (4).txt"]
        self.assertEqual(self.named(*given), wanted)

    def test_backslash(self) -> None:
        """A backslash, which leads to other folders in some programs, is replaced."""
        self.assertEqual(self.named((b"..\\..\\x",)), ["..\ufffd..\ufffdx"])

    def test_length(self) -> None:
        """A replaced name is no longer than a file system takes, and keeps its suffix."""
        for name in (b"\xe9" * 255, b"\xe9x" * 127, b"\xe9x" * 125 + b".jpeg", b"x." + b"\xe9y" * 126):
            one, other = self.named((name,), (name[:-6] + b"\xff" + name[-5:],))
            self.assertNotEqual(one, other)
            for text in (one, other):
                self.assertLessEqual(len(text.encode()), NAME_BYTES)
                self.assertEqual(text.endswith(".jpeg"), name.endswith(b".jpeg"))

    def test_folders(self) -> None:
        """What lies in a replaced folder lies in it under its new name; each folder has its own names."""
        names = ZipNames()
        told = [
            names.of((b"\xe9",), is_folder=True),
            names.of((b"\xe9", b"a"), is_folder=False),
            names.of((b"\xff",), is_folder=True),
            names.of((b"\xff", b"\xff"), is_folder=True),
            names.of((b"\xff", b"\xff", b"a"), is_folder=False),
            names.of((b"\xff", b"b"), is_folder=False),
            names.of((b"z",), is_folder=False),
        ]
        second = "\ufffd (2)"
        self.assertEqual(
            told,
            ["\ufffd/", "\ufffd/a", f"{second}/", f"{second}/\ufffd/", f"{second}/\ufffd/a", f"{second}/b", "z"],
        )
