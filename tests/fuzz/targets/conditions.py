"""Conditions: a line with the method, then a line for each header."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from twisted.web.http_headers import Headers

from peerstor.http.conditional import Verdict, coded, evaluate, if_range_holds, write_allowed
from tests.fuzz.failures import no_failure_logged

TAG = '"1f-a-17"'
GZIP = coded(TAG, "gzip")
MTIME = 1_700_000_000.5
DATE = b"Tue, 14 Nov 2023 22:13:20 GMT"

WORDS = (
    b"GET\n", b"PUT\n", b"HEAD\n", b"\nIf-Match: ", b"\nIf-None-Match: ", b"\nIf-Modified-Since: ", b"\nIf-Range: ",
    b"\nIf-Unmodified-Since: ", b"*", TAG.encode(), GZIP.encode(), b"W/", b"w/", b'"', b", ", b'"x"', DATE,
    b"Tue, 14 Nov 2023 22:13:21 GMT", b"Tuesday, 14-Nov-23 22:13:20 GMT", b"Tue Nov 14 22:13:20 2023", b" GMT", b"0",
    b"Mon, 01 Jan 0001 00:00:00 GMT", b"Fri, 31 Dec 9999 23:59:60 GMT", b"\xff", b"+0100",
)  # fmt: skip

_TAGS = re.compile(rb'[ \t]*(?:W/)?"[!#-~\x80-\xff]*"[ \t]*(?:,[ \t]*(?:W/)?"[!#-~\x80-\xff]*"[ \t]*)*')
_ONE_TAG = re.compile(rb'(?:W/)?"[!#-~\x80-\xff]*"')
_DATE = re.compile(rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2} [A-Z][a-z]{2} [1-9][0-9]{3} [0-9:]{8}) GMT")


def check(data: bytes) -> None:
    """There is always a verdict; it is that of the plain rules wherever they have one."""
    method, *lines = data.split(b"\n")
    headers, given = Headers(), {}
    for line in lines:
        name, colon, value = line.translate(None, b"\0\r").partition(b":")
        name = name.strip(b" \t").lower()
        if colon and re.fullmatch(rb"if-[a-z-]+", name) and name not in given:
            given[name] = value.strip(b" \t")
            headers.addRawHeader(name, value)
    with no_failure_logged():
        verdict = evaluate(method, headers, tag=TAG, mtime=MTIME)
        writes = write_allowed(headers, TAG, mtime=MTIME)
        creates = write_allowed(headers, None)
        ranged = if_range_holds(headers, tag=TAG, mtime=MTIME)
    reading = method in (b"GET", b"HEAD")
    _check(verdict, _expected(given, reading), given)
    _check(writes, _expected_write(given), given)
    _check(creates, b"if-match" not in given, given)
    _check(ranged, _expected_range(given.get(b"if-range")), given)
    _check_caution(given, verdict, writes, ranged)


def _check(found: object, right: object, given: object) -> None:
    assert right is None or found is right, (found, right, given)


def _check_caution(given: dict[bytes, bytes], verdict: Verdict, writes: bool, ranged: bool) -> None:
    """Whatever the plain rules leave open: without the right tag in it, no condition holds."""
    match, inner = given.get(b"if-match"), TAG.encode()[1:-1]
    if match is not None and b"*" not in match and inner not in match:
        assert verdict is Verdict.FAILED and not writes, given
    unless = given.get(b"if-none-match")
    if verdict is Verdict.NOT_MODIFIED and unless is not None:
        assert b"*" in unless or inner in unless, given
    value = given.get(b"if-range", b"")
    if ranged and value:
        assert value == TAG.encode() or b"2023" in value or b"-23 " in value, given


def _expected(given: dict[bytes, bytes], reading: bool) -> Verdict | None:
    """RFC 9110, section 13.2.2, by the letter; None where a value is no such thing as it should be."""
    before = _unchanged(given, [TAG])
    if before is not True:
        return None if before is None else Verdict.FAILED
    if b"if-none-match" in given:
        tags = _tags(given[b"if-none-match"])
        if tags is None:
            return None
        if tags == ["*"] or TAG in [tag.removeprefix("W/") for tag in tags]:
            return Verdict.NOT_MODIFIED if reading else Verdict.FAILED
    elif reading and b"if-modified-since" in given:
        since = _date(given[b"if-modified-since"])
        if since is None:
            return None
        if int(MTIME) <= since:
            return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def _expected_write(given: dict[bytes, bytes]) -> bool | None:
    before = _unchanged(given, [TAG, GZIP])
    if before is not True or b"if-none-match" not in given:
        return before
    tags = _tags(given[b"if-none-match"])
    if tags is None:
        return None
    return tags != ["*"] and not {TAG, GZIP} & {tag.removeprefix("W/") for tag in tags}


def _unchanged(given: dict[bytes, bytes], present: list[str]) -> bool | None:
    if b"if-match" in given:
        tags = _tags(given[b"if-match"])
        if tags is None:
            return None
        return tags == ["*"] or any(tag in present for tag in tags)
    if b"if-unmodified-since" in given:
        since = _date(given[b"if-unmodified-since"])
        return None if since is None else int(MTIME) <= since
    return True


def _expected_range(value: bytes | None) -> bool | None:
    if value is None:
        return True
    if _ONE_TAG.fullmatch(value):
        return value == TAG.encode()
    since = _date(value)
    return None if since is None else since == int(MTIME)


def _tags(value: bytes) -> list[str] | None:
    if value == b"*":
        return ["*"]
    if not _TAGS.fullmatch(value):
        return None
    return [tag.decode("latin-1") for tag in _ONE_TAG.findall(value)]


def _date(value: bytes) -> int | None:
    match = _DATE.fullmatch(value)
    if match is None:
        return None
    try:
        read = datetime.strptime(match[1].decode(), "%d %b %Y %H:%M:%S")
    except ValueError:
        return None
    return int(read.replace(tzinfo=UTC).timestamp())
