"""The names in a multipart form's headers, exactly as clients mean them."""

import re

from multipart import parse_options_header

# RFC 2046, section 5.1.1 allows fewer signs; the length is what bounds the parser's search.
_BOUNDARY = re.compile(r"[!-~ ]{0,69}[!-~]")

# All that browsers escape (WHATWG HTML, "multipart/form-data encoding algorithm"); curl does so since 7.81.
_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
_ESCAPE = re.compile("|".join(_ESCAPES), re.IGNORECASE)
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
        included, or None where the part is a plain field.
    """
    _, options = parse_options_header(disposition, unquote=_unquoted)
    field = options.get("name", "").encode("latin-1").decode("utf-8", "replace")
    filename = options.get("filename")
    return field, None if filename is None else filename.encode("latin-1")


def _unquoted(value: str, is_filename: bool = False) -> str:
    """Undo what clients do to a name: browsers escape three signs by percent, older clients quotes by backslash.

    A name that holds an escaped quote by backslash is of the second kind, since a browser would have escaped it.
    """
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
        if '\\"' in value:
            return _BACKSLASHED.sub(r"\1", value)
    return _ESCAPE.sub(lambda match: _ESCAPES[match[0].upper()], value)
