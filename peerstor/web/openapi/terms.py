"""What several faces have in common: paths, names, numbers, headers, and what happens where a name is taken."""

from collections.abc import Sequence

from peerstor.tree.naming import Conflict
from peerstor.tree.paths import NAME_BYTES
from peerstor.web.openapi.operation import Answer, json, parameter, ref
from peerstor.web.openapi.refusals import Json
from peerstor.web.parameters import LARGEST

# A name is neither `.` nor `..`. Without lookaheads, which some tools can't read.
_NAME = r"(?:[^/\x00.]|\.[^/\x00.]|\.\.[^/\x00])[^/\x00]*"
_NEW = _NAME.replace(r"\x00", r"\x00-\x1f\x7f-\x9f")

_TRASH_ID = (
    "^[12][0-9]{3}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]\.[0-9]{6}Z-[0-9a-f]{16}$"
)

NUMBER: Json = {"type": "integer", "format": "int64", "minimum": 0, "maximum": LARGEST}
DOWNLOADED: Json = {"type": "string", "format": "binary"}
NAME: Json = {"type": "string", "minLength": 1, "maxLength": NAME_BYTES, "pattern": f"^{_NAME}$"}
NEW_NAME: Json = {"type": "string", "minLength": 1, "maxLength": NAME_BYTES, "pattern": f"^{_NEW}$"}
PATH: Json = {"type": "string", "pattern": f"^/?(?:{_NAME}(?:/{_NAME})*/?)?$"}
NEW_PATH: Json = {"type": "string", "minLength": 1, "pattern": f"^/?(?:{_NAME}/)*{_NEW}/?$"}
TRASH_ID: Json = {"type": "string", "pattern": _TRASH_ID}

HEADERS: dict[str, Json] = {
    "RequestId": {"description": "By which the log knows the request.", "schema": {"type": "string"}},
    "RetryAfter": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WwwAuthenticate": {"description": "How to sign in.", "schema": {"type": "string"}},
    "Allow": {"description": "The methods that there are.", "schema": {"type": "string"}},
    "ContentRange": {
        "description": "Which bytes.",
        "schema": {"type": "string", "pattern": "^bytes "},
    },
    "ContentDisposition": {"description": "The name to save it under.", "schema": {"type": "string"}},
    "AcceptRanges": {"description": "Ranges can be asked for.", "schema": {"const": "bytes"}},
    "ETag": {"description": "Another one as soon as anything has changed.", "schema": {"type": "string"}},
    "LastModified": {"description": "As RFC 9110 writes dates.", "schema": {"type": "string"}},
    "Location": {"description": "An address on this server.", "schema": {"type": "string"}},
    "Link": {"description": 'The next page, as `<address>; rel="next"`.', "schema": {"type": "string"}},
}

SETTLED: Json = {
    "type": "object",
    "description": "Where something is from now on.",
    "properties": {
        "status": {"const": "ok"},
        "path": {"type": "string", "description": "For people: what is no UTF-8 in a name shows as U+FFFD."},
        "href": {"type": "string", "description": "Its address: exact, percent-encoded."},
    },
    "required": ["status", "path", "href"],
}

DONE: Json = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}


def settled(description: str) -> Answer:
    """Answer with where something is now."""
    return Answer(description, json(ref("Settled")))


def digest(name: str, description: str) -> Json:
    """Describe a header of RFC 9530."""
    known = "As `sha-256=:BASE64:` or `sha-512=:BASE64:`; other algorithms aren't looked at."
    return parameter(name, f"{description} {known}", {"type": "string"}, where="header")


def conflict(default: Conflict, *others: Conflict) -> Json:
    """Describe what shall happen where a name is taken."""
    words = {
        Conflict.RENAME: "`rename` takes another name, as `a (2).txt`",
        Conflict.REPLACE: "`replace` has a file take the place of a file, which goes to the trash",
        Conflict.REFUSE: "`refuse` refuses",
    }
    kinds: Sequence[Conflict] = (default, *others)
    told = "; ".join(words[kind] for kind in kinds)
    schema = {"type": "string", "enum": [kind.value for kind in kinds], "default": default.value}
    return parameter("conflict", f"What happens where the name is taken: {told}.", schema)
