"""Which of several media types a client wants (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence
from functools import lru_cache

from twisted.web.http_headers import Headers
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from peerstor.http.qualities import readable

REMEMBERED = 512
"""Characters of a header that is worth remembering what it comes to: browsers send less than half of that."""


def wanted_type(headers: Headers, offered: Sequence[str]) -> str:
    """Choose one of `offered`, the first of which goes to whoever has no preference."""
    accept = b",".join(headers.getRawHeaders(b"Accept", [])).decode("latin-1")
    if not accept:
        return offered[0]
    return (_chosen if len(accept) <= REMEMBERED else _chosen.__wrapped__)(accept, tuple(offered))


@lru_cache(maxsize=256)
def _chosen(accept: str, offered: tuple[str, ...]) -> str:
    accepted = parse_accept_header(readable(accept), MIMEAccept)
    best, best_quality = offered[0], 0.0
    for media_type in offered:
        quality = accepted.quality(media_type)
        # A type that is named outright beats one that is only covered by */*, at the same quality.
        quality += 0.0001 if quality and media_type in accepted.values() else 0
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best
