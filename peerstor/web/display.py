"""Sizes, times and names as people read them."""

import unicodedata
from datetime import UTC, datetime
from functools import lru_cache

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})

# Joiners and selectors that emoji and many scripts are spelled with; they don't change what surrounds them.
_HARMLESS = frozenset("\u200c\u200d\ufe0e\ufe0f") | {chr(c) for c in range(0xE0020, 0xE0080)}

_DAY = 86400
_MINUTES = tuple(f"{minute // 60:02}:{minute % 60:02}" for minute in range(_DAY // 60))
_SECONDS = tuple(f":{second:02}Z" for second in range(60))


def human_size(size: int | None) -> str:
    """Give a size in three significant digits (powers of 1000); nothing for a folder."""
    if size is None:
        return ""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value /= 1000
        unit += 1
    if unit == 0:
        return f"{size} B"
    return f"{value:.3g} {_UNITS[unit]}" if value < 99.95 else f"{value:.0f} {_UNITS[unit]}"


def time_shown(seconds: float) -> tuple[str, str]:
    """Give a time as `<time datetime>` has it, and as people read it: both in UTC."""
    day, rest = divmod(int(seconds), _DAY)
    date = _date(day)
    if date is None:  # a file may have any time
        return time_shown(0)
    minute = _MINUTES[rest // 60]
    return f"{date}T{minute}{_SECONDS[rest % 60]}", f"{date} {minute}"


@lru_cache(maxsize=1024)
def _date(day: int) -> str | None:
    """Give a date by its number since the epoch; None where no calendar has it."""
    try:
        return datetime.fromtimestamp(day * _DAY, UTC).isoformat()[:10]
    except (ValueError, OverflowError, OSError):
        return None


def visible(name: bytes) -> str:
    """Give a name as text in which nothing hides.

    Control characters, and those that turn the direction of what follows (U+202E makes `exe.gpj` of a name's
    end), are shown as escapes; bytes that are no UTF-8 as U+FFFD.
    """
    text = name.decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in _HARMLESS or unicodedata.category(character) not in _HIDDEN
        else f"\\u{ord(character):04x}"
        for character in text
    )
