"""A tar archive as a stream, in the format of POSIX.1-2001 (pax): any name, size and time.

Importing tarfile takes memory that a server which never makes an archive does without: do so where one is made.
"""

from collections.abc import Iterable, Iterator
from tarfile import BLOCKSIZE, DIRTYPE, NUL, PAX_FORMAT, RECORDSIZE, TarInfo

from peerstor.http.members import Member


def tar_stream(members: Iterable[Member]) -> Iterator[bytes]:
    """Frame members as a tar archive. Blocks as far as their content does.

    Names are kept to the byte, UTF-8 or not.

    :raise ValueError: a content has another length than was said.
    """
    length = 0
    for member in members:
        for piece in _framed(member):
            length += len(piece)
            yield piece
    yield NUL * (BLOCKSIZE * 2)
    length += BLOCKSIZE * 2
    yield NUL * (-length % RECORDSIZE)


def _framed(member: Member) -> Iterator[bytes]:
    yield _head(member)
    length = 0
    for piece in member.content:
        length += len(piece)
        yield piece
    if length != member.size:
        raise ValueError("a file of an archive has another length than was said")
    yield NUL * (-length % BLOCKSIZE)


def _head(member: Member) -> bytes:
    # The header beside which the exact name stands takes ASCII only; a name that isn't UTF-8 is told to be bytes.
    info = TarInfo(b"/".join(member.parts).decode("utf-8", "surrogateescape"))
    if member.is_folder:
        info.type = DIRTYPE
    info.size = member.size
    info.mtime = member.mtime
    info.mode = member.mode
    return info.tobuf(PAX_FORMAT, "utf-8", "surrogateescape")
