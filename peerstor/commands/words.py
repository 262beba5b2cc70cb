"""The words of a command line for rights and spans of time, and times in words."""

import re
import time
from difflib import get_close_matches

from peerstor.access.rights import EVERY, Right
from peerstor.errors import StartupError

_NAMES = {str(right.name).lower(): right for right in EVERY}
_SPAN = re.compile(r"([0-9]{1,6})([mhdw])", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def rights_of(text: str) -> Right:
    """Read rights with commas between them: `read,create`.

    :raise StartupError: one is none, with the nearest that is; or there is none at all.
    """
    rights = Right.NONE
    for word in (word.strip().lower() for word in text.split(",")):
        if word not in _NAMES:
            raise StartupError(f"--rights: {word!r} is no right; {_instead_of(word)}")
        rights |= _NAMES[word]
    return rights


def end_of(text: str, now: float) -> float:
    """Read when something ends: `90m`, `12h`, `30d`, `2w` from now, or a day, which still counts in full.

    :param now: seconds since the epoch.
    :return: seconds since the epoch; days are those of this machine's clock.
    :raise StartupError: it is neither, or not in the future.
    """
    span = _SPAN.fullmatch(text)
    end = now + int(span[1]) * _UNITS[span[2]] if span else _after(text)
    if end is None:
        raise StartupError(f"--expires must be as 90m, 12h, 30d, 2w, or a date as 2027-01-31, not {text!r}.")
    if end <= now:
        raise StartupError(f"--expires must lie in the future: {text} doesn't.")
    return end


def spelled_time(moment: float) -> str:
    """Spell a time, seconds since the epoch, by this machine's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def spelled_size(size: int) -> str:
    """Spell a size, bytes, as people read it: 5 KiB, 1.4 GiB."""
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 10 else f"{amount:.1f} {unit}"


def _after(text: str) -> float | None:
    """Tell when a day is over; None where it is none."""
    if not _DAY.fullmatch(text):
        return None
    try:
        day = time.strptime(text, "%Y-%m-%d")
        return time.mktime((day.tm_year, day.tm_mon, day.tm_mday + 1, 0, 0, 0, 0, 0, -1))
    except (ValueError, OverflowError):
        return None


def _instead_of(word: str) -> str:
    nearest = get_close_matches(word, _NAMES, 1)
    return f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(_NAMES)}."
