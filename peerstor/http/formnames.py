"""The names in a multipart form's headers, exactly as clients mean them."""

import re

from multipart import parse_options_header

# RFC 2046, section 5.1.1 allows fewer signs; the length is what bounds the parser's search.
_BOUNDARY = re.compile(r"[!-~ ]{0,69}[!-~]")

# As browsers write it (WHATWG HTML, "multipart/form-data encoding algorithm"), and curl since 7.81: no quote
# stands between the quotes, and a backslash is a backslash, also as the last sign.
_BROWSER = re.compile(r'form-data; name="([^"]*)"(?:; filename="([^"]*)")?', re.DOTALL)

_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
_ESCAPE = re.compile("|".join(_ESCAPES), re.IGNORECASE)
_FILENAME = re.compile(r"; *filename\*? *=", re.IGNORECASE)
_BACKSLASHED = re.compile(r'\\([\\"])')


def boundary_of(content_type: bytes | None) -> bytes | None:
    """Return the boundary that a `Content-Type` states, or None when it is no usable `multipart/form-data`."""
    if content_type is None:
        return None
    kind, options = parse_options_header(content_type.decode("latin-1"))
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not _BOUNDARY.fullmatch(boundary):
        return None
    return str(boundary).encode("ascii")


def part_names(disposition: str) -> tuple[str, bytes | None]:
    """Return the field's name and the file's name from a part's `Content-Disposition`.

    :param disposition: the header's value, its bytes as Latin-1 characters.
    :return: the field's name, U+FFFD where it is no UTF-8; and the exact bytes of the file's name, a Windows path
        included, empty where it cannot be understood, or None where the part is a plain field.
    """
    match = _BROWSER.fullmatch(disposition)
    if match is not None:
        name, filename = (None if value is None else _unescaped(value) for value in match.groups())
    else:
        _, options = parse_options_header(disposition, unquote=_unquoted)
        name, filename = options.get("name"), options.get("filename")
        if filename is None and _FILENAME.search(disposition):
            filename = ""  # a file still, whose name is beyond understanding: it must not pass for a field
    field = (name or "").encode("latin-1").decode("utf-8", "replace")
    return field, None if filename is None else filename.encode("latin-1")


def _unescaped(value: str) -> str:
    """Undo the three escapes of browsers. They don't escape the percent sign, so nothing else may be undone."""
    return _ESCAPE.sub(lambda match: _ESCAPES[match[0].upper()], value)


def _unquoted(value: str, is_filename: bool = False) -> str:
    """Undo what other clients do to a name: quotes escaped by backslash where there are any, else as browsers."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
        if '\\"' in value:
            return _BACKSLASHED.sub(r"\1", value)
    return _unescaped(value)
