"""Which language somebody understands best (RFC 9110, section 12.5.4; RFC 4647, section 3.4)."""

from collections.abc import Sequence
from functools import lru_cache

from twisted.web.http_headers import Headers
from werkzeug.http import parse_accept_header

from peerstor.http.qualities import readable

ENGLISH = "en"
"""The language that everything is written in, hence what whoever understands none of ours gets."""

LOOKED_AT = 512
"""Characters of the header that count: browsers send less than half of that."""


def wanted_language(headers: Headers, offered: Sequence[str]) -> str:
    """Choose one of the languages that there are; English for whoever wants none of them.

    :param offered: their primary tags, in lower case.
    """
    accepted = b",".join(headers.getRawHeaders(b"Accept-Language", []))[:LOOKED_AT]
    return _chosen(accepted.decode("latin-1"), tuple(offered)) if accepted else ENGLISH


@lru_cache(maxsize=256)
def _chosen(accepted: str, offered: tuple[str, ...]) -> str:
    """Take the first range, in order of quality, that one of ours is in or is more general than.

    Not werkzeug's own choice: for `de-AT, en;q=0.5` it would be English.
    """
    ranges = [(name.lower(), quality) for name, quality in parse_accept_header(readable(accepted))]
    refused = {name for name, quality in ranges if quality <= 0}
    for name, _ in sorted(ranges, key=lambda one: -one[1]):
        if name in refused:
            continue
        found = [one for one in (ENGLISH, *offered) if one == name.partition("-")[0] or name == "*"]
        for one in found:
            if one not in refused:
                return one
    return ENGLISH
