"""Which of several media types a client wants (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from twisted.web.http_headers import Headers
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from peerstor.http.qualities import readable


def wanted_type(headers: Headers, offered: Sequence[str]) -> str:
    """Choose one of `offered`, the first of which goes to whoever has no preference."""
    accept = b",".join(headers.getRawHeaders(b"Accept", [])).decode("latin-1")
    if not accept:
        return offered[0]
    accepted = parse_accept_header(readable(accept), MIMEAccept)
    best, best_quality = offered[0], 0.0
    for media_type in offered:
        quality = accepted.quality(media_type)
        # A type that is named outright beats one that is only covered by */*, at the same quality.
        quality += 0.0001 if quality and media_type in accepted.values() else 0
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best
