"""The forms of the pages of share links, read into what the API takes as JSON."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote_to_bytes

from peerstor.access.shares.share import Mode, Share
from peerstor.errors import BadRequest
from peerstor.sentences import Sentence

KEEP = "keep"
"""What a form's choice says when the present end is to stay."""

ENDS = (
    ("", Sentence("never")),
    ("3600", Sentence("in an hour")),
    ("86400", Sentence("in a day")),
    ("604800", Sentence("in a week")),
    ("2592000", Sentence("in 30 days")),
    ("31536000", Sentence("in a year")),
)

_MB = 10**6


def making(fields: Mapping[str, str]) -> dict[str, Any]:
    """Read the form that makes a share.

    :param fields: `at` is a path as addresses have it, `path` one as people write it.
    :raise BadRequest: a field isn't what it must be.
    """
    values: dict[str, Any] = {"mode": fields.get("mode", "read"), **_common(fields)}
    if fields.get("at"):
        values["path"] = unquote_to_bytes(fields["at"]).decode("utf-8", "surrogateescape")
    else:
        path = fields.get("path", "").strip()
        values["path"] = path if path.startswith("/") else f"/{path}"
    # The form shows both maxima; the one that means nothing for the chosen mode is left alone.
    values.pop("max_bytes" if values["mode"] == Mode.READ.value else "max_downloads")
    if fields.get("expires"):
        values["expires"] = _whole(fields["expires"], "expires")
    if fields.get("password"):
        values["password"] = fields["password"]
    return values


def changing(fields: Mapping[str, str], share: Share) -> dict[str, Any]:
    """Read the form that changes a share.

    :raise BadRequest: a field isn't what it must be.
    """
    values = _common(fields)
    values.pop("max_bytes" if share.mode is Mode.READ else "max_downloads")
    if fields.get("expires", KEEP) != KEEP:
        values["expires"] = _whole(fields["expires"], "expires") if fields["expires"] else None
    if fields.get("open"):
        values["password"] = None
    elif fields.get("password"):
        values["password"] = fields["password"]
    return values


def megabytes(count: int | None) -> str:
    """Write bytes as the form has them."""
    if count is None:
        return ""
    written = format(Decimal(count) / _MB, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def _common(fields: Mapping[str, str]) -> dict[str, Any]:
    most, size = fields.get("max_downloads", "").strip(), fields.get("max_megabytes", "").strip()
    return {
        "max_downloads": _whole(most, Sentence("The number of downloads")) if most else None,
        "max_bytes": _bytes(size) if size else None,
        "note": fields.get("note", "").replace("\r\n", "\n").strip(),
    }


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequest("{name} must be a whole number.", name=name)
    return int(text)


def _bytes(text: str) -> int:
    try:
        count = Decimal(text) * _MB
        if len(text) < 30 and count == count.to_integral_value() and count < 10**20:
            return int(count)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise BadRequest("The number of megabytes can't be read.")
