"""Entity tags, modification dates, and the conditions that requests build on them (RFC 9110, section 13)."""

import os
import re
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from functools import lru_cache

from twisted.web.http_headers import Headers
from werkzeug.datastructures import ETags
from werkzeug.http import http_date, parse_date, parse_etags, unquote_etag

_LATEST = 253402300799  # the last second that an HTTP date can name: the end of the year 9999

# The three formats of section 5.6.7. The library reads any mail's date: two dates for one, other zones, years that
# no calendar has, and those of the first millennium as of this one.
_HTTP_DATE = re.compile(
    "[A-Za-z]{3}, [0-9]{2} [A-Za-z]{3} [1-9][0-9]{3} [0-9:]{8} GMT"
    "|[A-Za-z]{6,9}, [0-9]{2}-[A-Za-z]{3}-[0-9]{2} [0-9:]{8} GMT"
    "|[A-Za-z]{3} [A-Za-z]{3} [ 0-9][0-9] [0-9:]{8} [1-9][0-9]{3}"
)


CONDITIONS = (b"If-Match", b"If-None-Match", b"If-Modified-Since", b"If-Unmodified-Since")
"""The headers that `evaluate` looks at."""


class Verdict(Enum):
    """What the conditions of a request make of it."""

    PROCEED = "proceed"
    NOT_MODIFIED = "304"
    FAILED = "412"


def entity_tag(stat: os.stat_result) -> str:
    """Return the strong tag of a file's identity coding, quotes included.

    It changes with the file's inode, size and time of modification (ns): publishing by rename makes a new
    inode, so not even two versions within one tick of the clock share a tag.
    """
    return f'"{stat.st_ino:x}-{stat.st_size:x}-{stat.st_mtime_ns:x}"'


def coded(tag: str, coding: str) -> str:
    """Return the tag of the same content under a content coding, for which a strong tag must be another one."""
    return f'{tag[:-1]}-{coding}"'


def last_modified(mtime: float) -> bytes:
    """Return the `Last-Modified` of a time of modification (seconds since the epoch).

    Times that the format cannot express, which a file may well have, become the nearest that it can.
    """
    return _http_date(_seconds(mtime))


@lru_cache(maxsize=1024)  # what is asked for is asked for again
def _http_date(second: int) -> bytes:
    return http_date(second).encode("ascii")


def evaluate(method: bytes, headers: Headers, *, tag: str | None, mtime: float | None) -> Verdict:
    """Judge a request for a representation that exists, in the precedence of RFC 9110, section 13.2.2.

    `If-Range` is not part of it: see `if_range_holds`, which counts only when this says to proceed.

    :param method: the request's method.
    :param tag: tag of the representation that would be sent, with its content coding; None where it has none.
    :param mtime: its time of modification, seconds since the epoch; None where it has none.
    """
    if not any(headers.hasHeader(name) for name in CONDITIONS):
        return Verdict.PROCEED
    reading = method in (b"GET", b"HEAD")
    if not _unchanged(headers, () if tag is None else (tag,), mtime, exists=True):
        return Verdict.FAILED
    unwanted = _etags(headers, "if-none-match")
    if unwanted is not None:
        if unwanted.star_tag or (tag is not None and _matches_weakly(unwanted, tag)):
            return Verdict.NOT_MODIFIED if reading else Verdict.FAILED
    elif reading and mtime is not None:
        since = _date(headers, "if-modified-since")
        if since is not None and _seconds(mtime) <= since.timestamp():
            return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


FOR_WRITING = (b"if-match", b"if-unmodified-since", b"if-none-match")
"""Headers by which `write_allowed` judges."""


def write_allowed(
    headers: Headers,
    current_tag: str | None,
    codings: Iterable[str] = ("gzip",),
    *,
    mtime: float | None = None,
) -> bool:
    """Judge a request that would create, replace or remove a file.

    A writer may have seen any coding of the present content, so the tag of each counts as the present one.

    :param current_tag: tag of the present content in the identity coding; None when there is none.
    :param codings: the content codings in which it may have been sent.
    :param mtime: time of modification of the present content, seconds since the epoch.
    """
    tags = () if current_tag is None else (current_tag, *(coded(current_tag, coding) for coding in codings))
    if not _unchanged(headers, tags, mtime, exists=bool(tags)):
        return False
    unwanted = _etags(headers, "if-none-match")
    if unwanted is None or not tags:
        return True
    return not (unwanted.star_tag or any(_matches_weakly(unwanted, tag) for tag in tags))


def if_range_holds(headers: Headers, *, tag: str, mtime: float) -> bool:
    """Say whether a `Range` may be answered as such (RFC 9110, section 13.1.5); true without `If-Range`.

    :param tag: strong tag of the identity coding, of which ranges are taken.
    :param mtime: its time of modification, seconds since the epoch; a date must be exactly that one.
    """
    value = _value(headers, "if-range")
    if value is None:
        return True
    if value.startswith(('"', "W/")):
        return value == tag
    date = _parsed(value)
    return date is not None and date.timestamp() == _seconds(mtime)


def _unchanged(headers: Headers, tags: Iterable[str], mtime: float | None, *, exists: bool) -> bool:
    """Steps 1 and 2: `If-Match`, or where it is absent `If-Unmodified-Since`."""
    wanted = _etags(headers, "if-match")
    if wanted is not None:
        if wanted.star_tag:
            return exists
        return any(wanted.is_strong(_opaque(tag)) for tag in tags)
    since = _date(headers, "if-unmodified-since")
    return since is None or mtime is None or _seconds(mtime) <= since.timestamp()


def _matches_weakly(etags: ETags, tag: str) -> bool:
    return etags.contains_weak(_opaque(tag))


def _opaque(tag: str) -> str:
    """Return what stands between the quotes."""
    return unquote_etag(tag)[0]


def _value(headers: Headers, name: str) -> str | None:
    """Return the value of a header, several lines of it as one list; None when it is absent."""
    lines = headers.getRawHeaders(name.encode("ascii"))
    return None if lines is None else b", ".join(lines).decode("latin-1").strip(" \t")


def _etags(headers: Headers, name: str) -> ETags | None:
    value = _value(headers, name)
    return None if value is None else parse_etags(value)


def _date(headers: Headers, name: str) -> datetime | None:
    """Return the date of a header; what is no date counts as absent (RFC 9110, sections 13.1.3 and 13.1.4)."""
    value = _value(headers, name)
    return None if value is None else _parsed(value)


def _parsed(value: str) -> datetime | None:
    return parse_date(value) if _HTTP_DATE.fullmatch(value) else None


def _seconds(mtime: float) -> int:
    """Return a time of modification as HTTP dates have it: whole seconds, from 1970 to 9999."""
    return min(max(0, int(mtime)), _LATEST)
