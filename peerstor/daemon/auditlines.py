"""How an event stands in the audit log: one line of JSON, which nothing that a client sends can break or forge."""

import json
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

MOST_TEXT = 10_000
"""Characters of one value, or of all in a list: the longest address of a request (8 KiB) fits, and a line stays a
few pages at most."""

# `json.dumps` would make an encoder for each line.
_json = json.JSONEncoder(ensure_ascii=False).encode

_FIXED = ("time", "event", "principal", "address", "outcome")


def audit_line(now: float, event: str, principal: str, address: str | None, details: Mapping[str, Any]) -> bytes:
    r"""Write an event as JSON in UTF-8 with a line feed behind it.

    Bytes that are no UTF-8 stand as the surrogates that Python makes of them (`\udc80` is byte 0x80), and
    whatever a terminal would not just print stands as an escape as well; who reads the JSON gets all of it back.

    :param now: when it happened, seconds since the epoch.
    :param address: of the client; None or `-` where it isn't known.
    :param details: see `IAudit`; they can't stand in the place of the other fields.
    """
    outcome = details.get("outcome", "refused" if event.endswith("_failed") else "ok")
    fields = {
        "time": _timestamp(now),
        "event": _plain(event),
        "principal": _plain(principal),
        "address": None if address in (None, "-") else _plain(address),
        "outcome": _plain(outcome),
        **{str(name): _plain(value) for name, value in details.items() if name not in _FIXED},
    }
    return _printable(_json(fields)).encode() + b"\n"


def _timestamp(now: float) -> str:
    """Write a time as RFC 3339 has it, in UTC, with milliseconds."""
    second, millisecond = divmod(int(now * 1000), 1000)
    return f"{_second(second)}.{millisecond:03d}Z"


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _plain(value: Any) -> Any:
    """Turn a value into what JSON has without any doubt: text, a whole number, true, false, null, or a list."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, list | tuple):
        return _some(value)
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"


def _some(values: Sequence[Any]) -> list[Any]:
    """Turn several values into what JSON has, as far as they are no longer together than one may be."""
    found: list[Any] = []
    left = MOST_TEXT
    for value in map(_plain, values):
        left -= len(str(value))
        if left < 0:
            return [*found, "…"]
        found.append(value)
    return found


def _printable(text: str) -> str:
    """Escape, as JSON has it, whatever isn't printable: surrogates, DEL, marks that turn the writing around."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
