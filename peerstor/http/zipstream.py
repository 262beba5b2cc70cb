"""A zip archive as a stream: stored, with each file's checksum and length behind it.

The library behind this gives what has no path the time of now, and keeps a kilobyte for each file until the end.
So its parts are put together here; which of them have private names, `tests/http/test_zipstream.py` knows.

Importing it takes a megabyte that a server which never makes an archive does without: do so where one is made.
"""

import struct
import time
from collections.abc import Iterable, Iterator

from zipstream import ZipStream, ZipStreamInfo

from peerstor.http.members import Member
from peerstor.http.zipnames import ZipNames

_FOLDER, _FILE = 0o040000, 0o100000
_DOS_FOLDER = 0x10
_EARLIEST, _LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)


def zip_stream(members: Iterable[Member]) -> Iterator[bytes]:
    """Frame members as a zip archive. Blocks as far as their content does.

    What is kept until the end is what the end has to tell: some hundred bytes for each member, and its name.

    :param members: folder by folder (`ZipNames`).
    :raise ValueError: a content has another length than was said.
    """
    archive, names = _Archive(), ZipNames()
    for member in members:
        yield from archive.member(member, names.of(member.parts, is_folder=member.is_folder))
    yield from archive.finalize()


class _Written:
    """What the directory at the archive's end says of one member."""

    __slots__ = ("_said",)

    def __init__(self, said: bytes) -> None:
        self._said = said

    def _central_directory_header_data(self) -> bytes:
        return self._said


class _Archive(ZipStream):  # type: ignore[misc]
    """The library's archive, for members that come one by one."""

    def member(self, member: Member, name: str) -> Iterator[bytes]:
        """Frame one member."""
        info = ZipStreamInfo(name, _local_time(member.mtime))
        info.external_attr = ((_FOLDER if member.is_folder else _FILE) | member.mode) << 16
        if member.is_folder:
            info.external_attr |= _DOS_FOLDER
        info.extra = _exact_time(member.mtime)
        info.file_size = member.size
        info.header_offset = self._pos
        for piece in info._file_data(member.content):
            yield self._track(piece)
        if info.file_size != member.size:
            raise ValueError("a file of an archive has another length than was said")
        self._filelist.append(_Written(info._central_directory_header_data()))


def _local_time(mtime: int) -> tuple[int, ...]:
    """Give the nearest time that the format's own field has: local, from 1980 to 2107."""
    return min(max(_EARLIEST, time.localtime(min(max(mtime, 0), 2**33))[:6]), _LATEST)


def _exact_time(mtime: int) -> bytes:
    """Say when a file was changed, whichever zone it is unpacked in: the other field is local, in steps of 2 s.

    The "extended timestamp" of Info-ZIP's `proginfo/extrafld.txt`; nothing where it has no room for it.
    """
    return struct.pack("<HHBi", 0x5455, 5, 1, mtime) if -(2**31) <= mtime < 2**31 else b""
