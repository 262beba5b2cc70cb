"""The path of a request target, and names that are to be given."""

from __future__ import annotations

import re

from peerstor.errors import BadName, BadPath
from peerstor.tree.paths import NAME_BYTES, TreePath, check_new_name, is_private, numbered, quote_name
from peerstor.web.links import Links

WORDS = (
    b"/", b"//", b"/./", b"/../", b"%2e%2e", b"%2E", b"%2f", b"%5c", b"\\", b"%00", b"%c0%ae", b"%252e", b"%", b"%g0",
    b"/.peerstor", b"/.PEERSTOR-x", b"%2epeerstor", b"/api/", b"/-/tree/", b"/-/", b".tar.gz", b"\xff", b"%ff", b"\xc5\xbf",
)  # fmt: skip

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def check(data: bytes) -> None:
    """What is a path has the parts that a reading by hand finds, and its link leads back to it."""
    _check_name(data)
    right = _parts(data)
    try:
        path = TreePath.from_url(data)
    except BadPath:
        assert right is None, (data, right)
        return
    assert right is not None and list(path.parts) == right, (data, path, right)
    assert path.slash == data.endswith(b"/")
    assert path.has_private == any(part.lower().startswith(b".peerstor") for part in right) or _beyond_ascii(right)
    link = Links().to(path).encode()
    assert re.fullmatch(rb"[/A-Za-z0-9._~%-]+", link) and not link.startswith(b"//"), link
    again = Links().tree_part(link)
    assert again is not None and TreePath.from_url(again) == path, (path, link)
    assert str(path).isprintable(), path


def _parts(raw: bytes) -> list[bytes] | None:
    """Split first, decode each part once, and refuse what is no name."""
    if raw[:1] != b"/" or b"%" in _ESCAPE.sub(b"", raw):
        return None
    if raw == b"/":
        return []
    inner = raw[1:-1] if raw.endswith(b"/") else raw[1:]
    parts = [_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), part) for part in inner.split(b"/")]
    for part in parts:
        if part in (b"", b".", b"..") or b"\0" in part or b"/" in part:
            return None
    return parts


def _beyond_ascii(parts: list[bytes]) -> bool:
    """Tell whether a name may casefold to another one."""
    return any(part.startswith(b".") and not part.isascii() for part in parts)


def _check_name(name: bytes) -> None:
    try:
        check_new_name(name)
    except BadName:
        return
    assert 0 < len(name) <= NAME_BYTES and not is_private(name), name
    assert name not in (b".", b"..") and not re.search(rb"[\0-\x1f\x7f/]", name), name
    assert TreePath.from_url(b"/" + quote_name(name).encode()).parts == (name,)
    for number in (2, 99_999):
        other = numbered(name, number)
        assert len(other) <= NAME_BYTES and b" (%d)" % number in other and other != name
