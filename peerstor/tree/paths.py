"""Names and paths inside the storage: bytes, split and checked once, before anything is opened.

Bytes are the identity of a name; nothing is normalised. Text is made of them only for people and for logs.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote_from_bytes, unquote_to_bytes

from attrs import field, frozen

from peerstor.errors import BadName, BadPath, BadRequest

# The limit of ext4, XFS, Btrfs, ZFS, APFS and tmpfs alike; a longer name could not be copied between them.
NAME_BYTES = 255
# Longer "suffixes" are sentences with a full stop in them, not file types.
SUFFIX_BYTES = 32
PRIVATE_PREFIX = ".peerstor"
DEEPEST = 200
"""Folders in one another that can be made here: each step of a path costs a look at the disk, and each level of a
copy two descriptors. Those of people are a tenth as deep."""

_MALFORMED_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]*")
_SUFFIX = re.compile(rb"(?:\.tar)?\.[^. ]+\Z", re.IGNORECASE)


@frozen
class TreePath:
    """Where something lies in the storage.

    :ivar parts: the names from the root down; none for the root.
    :ivar slash: whether a folder was named (by a trailing `/`); always so for the root.
    :ivar within: how many of the leading parts are a floor: no symbolic link may lead out of what they name, as
        it may not out of the storage. Whoever has rights below a folder has them only there. No part of what the
        path is: two that differ in it are equal.
    """

    parts: tuple[bytes, ...]
    slash: bool
    within: int = field(default=0, eq=False)

    @classmethod
    def from_url(cls, raw: bytes) -> "TreePath":
        """Take the path of a request target apart (`http.md`, section 1).

        :param raw: the percent-encoded path as it came, without query; begins with `/`.
        :raise BadPath: it does not begin with `/`, an escape is malformed, or a segment is empty, `.` or `..`
            or holds NUL or `/` when decoded (once).
        """
        if not raw.startswith(b"/") or _MALFORMED_ESCAPE.search(raw):
            raise BadPath()
        if raw == b"/":
            return cls(parts=(), slash=True)
        slash = raw.endswith(b"/")
        segments = raw[1:-1] if slash else raw[1:]
        return cls(parts=_checked(unquote_to_bytes(segment) for segment in segments.split(b"/")), slash=slash)

    @classmethod
    def from_parameter(cls, value: bytes) -> "TreePath":
        """Take the folder of a `dir=` parameter apart.

        :param value: the decoded value; a leading and a trailing `/` are optional, empty is the root.
        :raise BadPath: a segment is empty, `.` or `..`, or holds NUL.
        """
        if value in (b"", b"/"):
            return cls(parts=(), slash=True)
        return cls(parts=_checked(value.removeprefix(b"/").removesuffix(b"/").split(b"/")), slash=True)

    def child(self, name: bytes, *, slash: bool = False) -> "TreePath":
        """Name something in this folder.

        :param slash: whether it is named as a folder.
        """
        return TreePath(parts=(*self.parts, name), slash=slash, within=self.within)

    @property
    def parent(self) -> "TreePath":
        """The folder that holds it; the root's is the root."""
        above = self.parts[:-1]
        return TreePath(parts=above, slash=True, within=min(self.within, len(above)))

    def confined(self, within: int) -> "TreePath":
        """The same path with another floor."""
        return TreePath(parts=self.parts, slash=self.slash, within=within)

    @property
    def name(self) -> bytes:
        """The last part; empty for the root."""
        return self.parts[-1] if self.parts else b""

    @property
    def joined(self) -> bytes:
        """The parts joined by `/`, without a leading or trailing one."""
        return b"/".join(self.parts)

    @property
    def has_private(self) -> bool:
        """Whether any part is private (`is_private`)."""
        return any(map(is_private, self.parts))

    def display(self) -> str:
        """Spell it for people: from `/` on, U+FFFD where the bytes are no UTF-8."""
        return self._spelled(self.joined.decode("utf-8", "replace"))

    def __str__(self) -> str:
        """Spell it for logs: one line, whatever is no printable character as `\\xNN`."""
        joined = self.joined.decode("utf-8", "surrogateescape")
        if not joined.isprintable() or "\\" in joined:
            joined = "".join(map(_escaped, joined))
        return self._spelled(joined)

    def _spelled(self, joined: str) -> str:
        return f"/{joined}/" if self.slash and self.parts else f"/{joined}"


def is_private(name: bytes) -> bool:
    """Tell whether a name belongs to PeerStor itself (`http.md`, section 1): it casefolds to `.peerstor…`.

    Casefolded, because a file system that ignores case would open the private folder by any spelling.
    """
    # No character but the full stop itself casefolds to one, and most names end the question here.
    if not name.startswith(b"."):
        return False
    return name.decode("utf-8", "surrogateescape").casefold().startswith(PRIVATE_PREFIX)


def check_new_name(name: bytes) -> None:
    """Refuse a name that PeerStor would not give to anything (what lies there already may have it).

    :raise BadName: it is empty, `.` or `..`, private, longer than 255 bytes, or holds `/`, NUL or another
        control character (C0, DEL, C1).
    """
    if name in (b"", b".", b"..") or b"/" in name or len(name) > NAME_BYTES or is_private(name):
        raise BadName()
    if _CONTROL.search(name.decode("utf-8", "surrogateescape")):
        raise BadName()


def check_depth(above: int) -> None:
    """Refuse a new folder that would lie too deep (what lies there already may).

    :param above: folders that it would lie in, the root aside.
    :raise BadRequest: there are as many as may be in one another.
    """
    if above >= DEEPEST:
        raise BadRequest("Folders can be made up to {limit} deep in one another.", limit=DEEPEST)


def numbered(name: bytes, number: int) -> bytes:
    """Make the name that `name` gets when it is taken: `name (2).ext`.

    The stem is shortened at a UTF-8 character boundary where 255 bytes would be exceeded. `.tar.gz` and its
    like count as one suffix; a leading full stop begins none.
    """
    found = _SUFFIX.search(name, 1)
    suffix = found.group() if found and len(found.group()) <= SUFFIX_BYTES else b""
    stem = name.removesuffix(suffix)
    mark = b" (%d)" % number
    return _shortened(stem, NAME_BYTES - len(mark) - len(suffix)) + mark + suffix


def quote_name(name: bytes) -> str:
    """Percent-encode one name as a segment of a link: all but the unreserved characters of RFC 3986."""
    if _UNRESERVED.fullmatch(name):
        return name.decode("ascii")
    return quote_from_bytes(name, safe="")


def _checked(parts: Iterable[bytes]) -> tuple[bytes, ...]:
    checked = tuple(parts)
    for part in checked:
        if part in (b"", b".", b"..") or b"\0" in part or b"/" in part:
            raise BadPath()
    return checked


def _shortened(stem: bytes, room: int) -> bytes:
    if len(stem) <= room:
        return stem
    # A character has at most three continuation bytes; more of them in a row are no UTF-8 and cut anywhere.
    for back in range(4):
        if stem[room - back] & 0xC0 != 0x80:
            return stem[: room - back]
    return stem[:room]


def _escaped(character: str) -> str:
    if character.isprintable() and character != "\\":
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
