"""The parameters of a query."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from twisted.web.http import parse_qs

from peerstor.errors import BadNumber, BadPath, BadRequest
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.web import parameters

WORDS = (
    b"offset=", b"name=", b"dir=", b"size=", b"conflict=", b"rename", b"replace", b"REFUSE", b"download", b"&", b";",
    b"=", b"+", b"%2B", b"%26", b"%3D", b"%00", b"%2F", b"%2e%2e", b"/../", b"%", b"%zz", b"9223372036854775807",
    b"9223372036854775808", b"1_0", b"%D9%A1", b"-0", b" 1", b"offset=1&offset=2",
)  # fmt: skip


def check(data: bytes) -> None:
    """Compare with a reading of the query by hand; nothing is raised but what a client is told."""
    query = data.translate(None, b" \0\r\n\t#")
    request: Any = SimpleNamespace(uri=b"/x?" + query, args=parse_qs(query, keep_blank_values=True))
    given = _pairs(query)
    for name in (b"offset", b"size", b"name", b"dir", b"conflict"):
        _check_text(request, name, given.get(name, []))
        _check_number(request, name, given.get(name, []))
    _check_conflict(request, given.get(b"conflict", []))
    names = [field.partition(b"=")[0] for field in query.split(b"&")]
    assert parameters.flag(request, b"download") == (b"download" in names)


def _check_text(request: Any, name: bytes, given: list[bytes]) -> None:
    try:
        value = parameters.text(request, name)
    except BadRequest:
        assert len(given) > 1, given
        return
    assert ([] if value is None else [value]) == given, (value, given)
    try:
        path = TreePath.from_parameter(value or b"")
    except BadPath:
        return
    assert not {b"", b".", b".."} & set(path.parts) and b"\0" not in path.joined, path
    assert path.joined == (value or b"").removeprefix(b"/").removesuffix(b"/"), path


def _check_number(request: Any, name: bytes, given: list[bytes]) -> None:
    digits = given[0] if len(given) == 1 else b""
    right = len(digits) <= 19 and re.fullmatch(rb"[0-9]+", digits) and int(digits) < 2**63
    try:
        value = parameters.number(request, name)
    except BadNumber:
        assert len(given) == 1 and not right, given
    except BadRequest:
        assert len(given) > 1, given
    else:
        assert (value is None and not given) or (right and value == int(digits)), (value, given)


def _check_conflict(request: Any, given: list[bytes]) -> None:
    try:
        value = parameters.conflict(request, Conflict.RENAME)
    except BadRequest:
        assert given and given not in ([b"rename"], [b"replace"], [b"refuse"]), given
    else:
        assert given in ([], [value.name.lower().encode()]), given


def _pairs(query: bytes) -> dict[bytes, list[bytes]]:
    """Read the query: a name and a value are what stands around the first `=`; without one it is no pair."""
    pairs: dict[bytes, list[bytes]] = {}
    for field in query.split(b"&"):
        name, equals, value = field.partition(b"=")
        if equals:
            pairs.setdefault(_decoded(name), []).append(_decoded(value))
    return pairs


def _decoded(text: bytes) -> bytes:
    text = text.replace(b"+", b" ")
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), text)
