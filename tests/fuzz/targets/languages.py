"""`Accept-Language`: the value of each line of the header on a line."""

from __future__ import annotations

import re

from twisted.web.http_headers import Headers

from peerstor.web.texts.languages import LOOKED_AT, wanted_language
from tests.fuzz.failures import no_failure_logged

WORDS = (
    b"de", b"en", b"fr", b"de-DE", b"en-US", b"*", b"-", b";q=", b"0", b"0.5", b"1", b"1.000", b"nan", b"-1", b"1e5", b",",
    b";", b"=", b'"', b"de-AT, en;q=0.5", b"de;q=0",
)  # fmt: skip

OFFERED = ("en", "de")
_RANGE = re.compile(r"(en|de)[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def check(data: bytes) -> None:
    """Whatever is sent, it is one of those offered; of two that are weighed, the better one."""
    headers = Headers()
    for line in data.split(b"\n"):
        headers.addRawHeader(b"Accept-Language", line.strip(b" \t").translate(None, b"\0\r"))
    with no_failure_logged():
        chosen = wanted_language(headers, OFFERED)
    assert chosen in OFFERED, chosen
    items = [_RANGE.fullmatch(item.strip(" \t")) for item in data.decode("latin-1").replace("\n", ",").split(",")]
    weighed = {item[1]: float(item[2]) for item in items if item}
    if len(data) < LOOKED_AT and len(weighed) == len(items) == 2 and len(set(weighed.values())) == 2:
        assert chosen == max(weighed, key=lambda name: weighed[name]), (data, chosen)
