"""What the server knows of whoever asks."""

from peerstor.access.rights import EVERY, single
from peerstor.web.openapi.operation import Answer, Operation, json, ref
from peerstor.web.openapi.refusals import Json

_RIGHTS = [str(right.name).lower() for right in single(EVERY)]

SCHEMAS: dict[str, Json] = {
    "Allowed": {
        "type": "object",
        "description": "What one may do in a folder and all below it.",
        "properties": {
            "path": {"type": "string", "description": "For people: what is no UTF-8 in a name shows as U+FFFD."},
            "href": {"type": "string", "description": "Its address: exact, percent-encoded."},
            "rights": {"type": "array", "items": {"enum": _RIGHTS}},
        },
        "required": ["path", "href", "rights"],
    },
    "Me": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "signed_in": {"type": "boolean"},
            "home": {"type": "string", "description": "The address of the folder to begin in."},
            "expires": {"type": ["number", "null"], "description": "Seconds since the epoch; null for never."},
            "allowed": {"type": "array", "items": ref("Allowed")},
        },
        "required": ["name", "signed_in", "home", "expires", "allowed"],
    },
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/me",
        name="me",
        tag="server",
        summary="Ask who one is, and what one may do.",
        needs=EVERY,
        answers={200: Answer("Who asks.", json(ref("Me")))},
    ),
)
