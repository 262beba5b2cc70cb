"""Reading what somebody wants of a share, from JSON or from the fields of a form, strictly."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import evolve, frozen

from peerstor.access.passwords import LONGEST
from peerstor.access.shares.share import Mode
from peerstor.errors import BadPath, BadRequest
from peerstor.tree.paths import TreePath

NOTE = 2000
"""Characters of a note."""

DOWNLOADS = 1_000_000
"""The largest maximum; whoever wants more wants none."""

BYTES = 2**63 - 1

SECONDS = 100 * 366 * 86400
"""The longest that a share may be said to hold; whoever wants more wants no end."""

CHANGEABLE = ("expires", "password", "max_downloads", "max_bytes", "note")
FIELDS = ("path", "mode", *CHANGEABLE)

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339, section 5.6."""


@frozen
class Wish:
    """What is wanted of a share; `given` names the fields that were there at all.

    :param expires: seconds since the epoch; None is never.
    :param password: as it was chosen; None is none.
    """

    given: frozenset[str]
    path: TreePath | None = None
    mode: Mode = Mode.READ
    expires: float | None = None
    password: str | None = None
    max_downloads: int | None = None
    max_bytes: int | None = None
    note: str = ""

    def check(self, mode: Mode) -> None:
        """Refuse what means nothing for a mode.

        :raise BadRequest: `max_downloads` of what nobody downloads, `max_bytes` of what nobody uploads.
        """
        if mode is Mode.UPLOAD and self.max_downloads is not None:
            raise BadRequest("max_downloads is for mode read.")
        if mode is Mode.READ and self.max_bytes is not None:
            raise BadRequest("max_bytes is for mode upload.")


def wish_of(values: Mapping[str, Any], allowed: tuple[str, ...], now: float) -> Wish:
    """Read the fields of JSON.

    :param allowed: which there may be.
    :param now: seconds since the epoch.
    :raise BadRequest: one is unknown or isn't what it must be; the message names it.
    :raise BadPath: the path can't name anything.
    """
    wish = Wish(frozenset(values))
    for name, value in values.items():
        if name not in allowed:
            known = ", ".join(allowed)
            raise BadRequest(
                "{name} is no field that can be given here; those are {known}.", name=_shown(name), known=known
            )
        wish = evolve(wish, **{name: _READERS[name](value, now)})
    return wish


def _shown(name: str) -> str:
    """Spell a name that a client sent so that it can do no harm."""
    return ascii(name[:40])


def _path(value: Any, _: float) -> TreePath:
    if not isinstance(value, str) or not value.startswith("/"):
        raise BadRequest("path must be text that begins with /.")
    try:
        return TreePath.from_parameter(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise BadPath() from None


def _mode(value: Any, _: float) -> Mode:
    if value not in ("read", "upload"):
        raise BadRequest("{name} must be {one} or {other}.", name="mode", one="read", other="upload")
    return Mode(value)


def _expires(value: Any, now: float) -> float | None:
    if value is None:
        return None
    refusal = BadRequest(
        "expires must be whole seconds from now, a moment to come as 2030-01-31T12:00:00Z, or null."
    )
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper()).timestamp()
        except (ValueError, OverflowError):
            raise refusal from None
    elif (seconds := _whole(value)) is not None and 0 < seconds <= SECONDS:
        moment = now + seconds
    else:
        raise refusal
    if not now < moment <= now + SECONDS or not math.isfinite(moment):
        raise refusal
    return moment


def _password(value: Any, _: float) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or not _is_unicode(value):
        raise BadRequest("password must be text of 1 to {most} characters, or null.", most=LONGEST)
    return value


def _note(value: Any, _: float) -> str:
    if not isinstance(value, str) or len(value) > NOTE or not _is_unicode(value) or "\0" in value:
        raise BadRequest("note must be text of at most {most} characters.", most=NOTE)
    return value


def _count(name: str, most: int) -> Callable[[Any, float], int | None]:
    def read(value: Any, _: float) -> int | None:
        if value is None:
            return None
        number = _whole(value)
        if number is None or not 0 < number <= most:
            raise BadRequest("{name} must be a whole number from 1 to {most}, or null.", name=name, most=most)
        return number

    return read


def _whole(value: Any) -> int | None:
    """Read a whole number, which JSON may write as 2.0 too (JSON Schema, section 6.3); None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


_READERS: dict[str, Callable[[Any, float], Any]] = {
    "path": _path,
    "mode": _mode,
    "expires": _expires,
    "password": _password,
    "max_downloads": _count("max_downloads", DOWNLOADS),
    "max_bytes": _count("max_bytes", BYTES),
    "note": _note,
}
