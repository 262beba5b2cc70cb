"""`Accept`: the value of each line of the header on a line."""

from __future__ import annotations

import re

from twisted.web.http_headers import Headers

from peerstor.web.negotiation import wanted_type
from tests.fuzz.failures import no_failure_logged

WORDS = (
    b"text/html", b"application/json", b"text/plain", b"*/*", b"text/*", b"application/*", b";q=", b"0", b"0.5", b"1",
    b"1.000", b"nan", b"inf", b"-1", b"1e5", b",", b";", b"=", b'"', b"text/html;q=0.5, application/json", b"*", b"/",
)  # fmt: skip

OFFERED = ("text/html", "application/json", "text/plain")
_RANGE = re.compile(r"(\*/\*|[a-z]+/\*|[a-z]+/[a-z]+)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?")


def check(data: bytes) -> None:
    """Whatever is sent, one of the offered types is chosen; where it is well-formed, the best of them."""
    headers = Headers()
    for line in data.split(b"\n"):
        headers.addRawHeader(b"Accept", line.strip(b" \t").translate(None, b"\0\r"))
    with no_failure_logged():
        chosen = wanted_type(headers, OFFERED)
    assert chosen in OFFERED, chosen
    qualities = _qualities(data)
    if qualities is not None:
        best = max(qualities.values())
        assert best == 0 or qualities[chosen] == best, (data, chosen, qualities)


def _qualities(data: bytes) -> dict[str, float] | None:
    """Give the quality of each offered type: the most exact range counts. None where two readings are possible."""
    ranges: dict[str, float] = {}
    for item in data.decode("latin-1").replace("\n", ",").split(","):
        match = _RANGE.fullmatch(item.strip(" \t"))
        if match is None or match[1] in ranges:
            return None
        ranges[match[1]] = float(match[2] or 1)
    found = {}
    for offered in OFFERED:
        for each in (offered, offered.partition("/")[0] + "/*", "*/*"):
            if each in ranges:
                found[offered] = ranges[each]
                break
        else:
            found[offered] = 0.0
    return found
