"""The file that a backup is: a compressed tar archive with a manifest, every byte of which is checked."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import secrets
import stat
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any

from attrs import frozen

from peerstor.errors import StartupError
from peerstor.tree.syncing import sync_folder_at

FORMAT = 1
"""Of the archive; the manifest says it."""

MANIFEST = "manifest.json"

MEMBERS: Mapping[str, int] = {
    "uploads.sqlite": 4 * 2**30,
    "access.sqlite": 4 * 2**30,
    "access.key": 64 * 2**10,
    "tls.pem": 64 * 2**10,
}
"""What may be in it, in this order, and bytes that each may have."""

_INSTANCE = re.compile("[0-9a-f]{32}", re.ASCII)
_SMALL = 64 * 2**10
_BLOCK = tarfile.BLOCKSIZE


@frozen(kw_only=True)
class Manifest:
    """What an archive says of itself.

    :param peerstor: version of the program that made it.
    :param made: seconds since the epoch.
    :param instance_id: of the storage, 32 hex digits.
    :param schemas: versions of the databases' schemas, by the member.
    :param members: (size in bytes, SHA-256 in hex) by the member.
    """

    peerstor: str
    made: float
    instance_id: str
    schemas: Mapping[str, int]
    members: Mapping[str, tuple[int, str]]

    def to_json(self) -> bytes:
        """Write it."""
        return json.dumps(
            {
                "format": FORMAT,
                "peerstor": self.peerstor,
                "made": self.made,
                "instance": self.instance_id,
                "schemas": dict(self.schemas),
                "members": {name: {"size": size, "sha256": sha} for name, (size, sha) in self.members.items()},
            },
            indent=2,
        ).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Read it.

        :raise ValueError, KeyError, TypeError: it is none.
        :raise StartupError: of an archive that only a newer PeerStor knows.
        """
        found: dict[str, Any] = json.loads(text)
        if int(found["format"]) > FORMAT:
            raise StartupError(
                f"It was made by a newer PeerStor ({str(found.get('peerstor'))[:40]!r}). Restore it with that one."
            )
        members = {str(name): (int(one["size"]), str(one["sha256"])) for name, one in found["members"].items()}
        if not set(members) <= set(MEMBERS):
            raise ValueError("strange members")
        if not _INSTANCE.fullmatch(found["instance"]):
            raise ValueError("strange instance")
        return cls(
            peerstor=str(found["peerstor"]),
            made=float(found["made"]),
            instance_id=found["instance"],
            schemas={str(name): int(version) for name, version in found["schemas"].items()},
            members=members,
        )


# Writing


@contextlib.contextmanager
def new_file(path: bytes) -> Iterator[IO[bytes]]:
    """Give a file of mode 0600 to write, which takes its name, synced, when the context is left without an error.

    :raise StartupError: it can't be made, or others could read it.
    :raise OSError: it can't be finished; nothing of it is left.
    """
    folder, name = os.path.split(path)
    new = os.path.join(folder, b".%s.%s.new" % (name[:200], secrets.token_hex(8).encode()))
    shown = path.decode("utf-8", "backslashreplace")
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise StartupError(f"{shown} is there already, and no file. Name another.")
    try:
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartupError(f"{shown} can't be written: {error.strerror}.") from None
    try:
        with open(fd, "w+b") as file:
            if os.fstat(fd).st_mode & 0o077:
                raise StartupError(
                    f"{shown} would hold secrets, and its file system doesn't keep permissions: others could read"
                    " it. Write it elsewhere, and copy it encrypted."
                )
            yield file
            file.flush()
            os.fsync(fd)
        os.rename(new, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    sync_folder_at(folder or b".")


def write_archive(file: IO[bytes], manifest: Manifest, paths: Mapping[str, bytes]) -> None:
    """Write an archive.

    :param paths: of the members, as the manifest has them.
    """
    text = manifest.to_json()
    with (
        gzip.GzipFile(fileobj=file, mode="wb", mtime=int(manifest.made), filename="") as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT) as archive,
    ):
        archive.addfile(_head(MANIFEST, len(text), manifest.made), io.BytesIO(text))
        for name, path in paths.items():
            with open(path, "rb") as member:
                archive.addfile(_head(name, manifest.members[name][0], manifest.made), member)


def measured(path: bytes) -> tuple[int, str]:
    """Tell the size and the SHA-256, in hex, of a file."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _head(name: str, size: int, made: float) -> tarfile.TarInfo:
    head = tarfile.TarInfo(name)
    head.size, head.mode, head.mtime = size, 0o600, int(made)
    return head


# Reading


class BadArchive(Exception):
    """It is no backup, or a damaged one; the text says what is wrong."""


def unpack(file: IO[bytes], folder: bytes) -> Manifest:
    """Unpack an archive into an empty folder, and check every byte of it.

    Names, sizes and kinds are held against what a backup of ours has before anything is written: no path, no link,
    nothing larger than it may be, whatever the archive says. Files have mode 0600.

    :raise BadArchive: it isn't what it should be.
    :raise StartupError: only a newer PeerStor knows it.
    :raise OSError: it can't be read or written.
    """
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as packed:
            return _unpack(packed, folder)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BadArchive("it is cut off, damaged, or no backup at all") from None


def _unpack(packed: gzip.GzipFile, folder: bytes) -> Manifest:
    name, size = _next(packed) or ("", 0)
    if name != MANIFEST or size > _SMALL:
        raise BadArchive("it has no manifest")
    try:
        manifest = Manifest.from_json(b"".join(_pieces(packed, size)))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise BadArchive("its manifest can't be read") from None
    left = dict(manifest.members)
    while (head := _next(packed)) is not None:
        name, size = head
        if name not in left:
            raise BadArchive("it has a member that its manifest doesn't")
        if size != left[name][0] or size > MEMBERS[name]:
            raise BadArchive(f"{name} has another size than it should have")
        if _extract(packed, size, os.path.join(folder, name.encode())) != left.pop(name)[1]:
            raise BadArchive(f"{name} isn't what was backed up (SHA-256)")
    if left:
        raise BadArchive(f"{min(left)} is missing")
    _end(packed)
    return manifest


def _next(packed: gzip.GzipFile) -> tuple[str, int] | None:
    """Read the head of the next member, and give its name and size; None at the end.

    Only plain members in the plainest form are known: `tarfile` would also take links, devices, sparse files, and
    heads of any length.
    """
    block = _exactly(packed, _BLOCK)
    if not block.strip(b"\0"):
        return None
    try:
        head = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.TarError, ValueError):
        raise BadArchive("it is damaged, or no backup of PeerStor's") from None
    if head.type != tarfile.REGTYPE or head.size < 0 or head.name not in (MANIFEST, *MEMBERS):
        raise BadArchive("it holds something that no backup of PeerStor's has")
    return head.name, head.size


def _end(packed: gzip.GzipFile) -> None:
    """Read the rest of the last record: what is compressed is checked (CRC-32, length) only where it ends."""
    rest = packed.read(tarfile.RECORDSIZE)
    if rest.strip(b"\0") or packed.read(1):
        raise BadArchive("there is something behind its end")


def _extract(packed: gzip.GzipFile, size: int, path: bytes) -> str:
    digest = hashlib.sha256()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        for piece in _pieces(packed, size):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(fd)
    return digest.hexdigest()


def _pieces(packed: gzip.GzipFile, size: int) -> Iterator[bytes]:
    """Give a member's bytes in pieces, and go to the end of its last block."""
    left = size
    while left:
        piece = _exactly(packed, min(left, 2**20))
        left -= len(piece)
        yield piece
    _exactly(packed, -size % _BLOCK)


def _exactly(packed: gzip.GzipFile, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = packed.read(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)
