"""Share links: making, looking at, changing and revoking them."""

from peerstor import errors
from peerstor.access.passwords import LONGEST
from peerstor.access.rights import Right
from peerstor.access.shares.share import Mode
from peerstor.web.openapi.operation import Answer, Operation, json, parameter, ref
from peerstor.web.openapi.refusals import Json
from peerstor.web.openapi.terms import NUMBER, PATH
from peerstor.web.shares.fields import BYTES, DOWNLOADS, NOTE, SECONDS

TAG = "shares"

_MODE: Json = {
    "enum": [mode.value for mode in Mode],
    "description": "`read` shows and sends what is shared; `upload` takes files and shows nothing.",
}
_MOMENT: Json = {"type": "string", "format": "date-time"}
_CHANGEABLE: Json = {
    "expires": {
        "description": "Whole seconds from now, or a moment to come; null for no end.",
        "anyOf": [{"type": "integer", "minimum": 1, "maximum": SECONDS}, _MOMENT, {"type": "null"}],
    },
    "password": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": LONGEST,
        "description": "What the link asks for; null asks for none.",
    },
    "max_downloads": {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": DOWNLOADS,
        "description": "Of mode `read`: visits that may download; null for any number.",
    },
    "max_bytes": {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": BYTES,
        "description": "Of mode `upload`: bytes that may be sent; null for any number.",
    },
    "note": {
        "type": "string",
        "maxLength": NOTE,
        "pattern": r"^[^\x00]*$",
        "description": "For whoever opens it.",
    },
}
_SHARE: Json = {
    "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"},
    "url": {"type": "string", "description": "The link: whoever has it can open it."},
    "href": {"type": "string", "description": "The same without scheme and host."},
    "path": {"type": "string", "description": "What is shared, for people."},
    "type": {"enum": ["file", "folder"]},
    "mode": _MODE,
    "live": {"type": "boolean", "description": "Whether it can be opened at this moment."},
    "created_by": {"type": "string", "description": "The name of the token that it was made with."},
    "created": _MOMENT,
    "expires": {"anyOf": [_MOMENT, {"type": "null"}]},
    "password": {"type": "boolean", "description": "Whether it asks for one."},
    "max_downloads": {"type": ["integer", "null"], "minimum": 1},
    "downloads": {**NUMBER, "description": "Visits that have downloaded."},
    "max_bytes": {"type": ["integer", "null"], "minimum": 1},
    "bytes": {**NUMBER, "description": "Bytes that were sent."},
    "note": {"type": "string"},
}

SCHEMAS: dict[str, Json] = {
    "Share": {"type": "object", "properties": _SHARE, "required": [*_SHARE]},
    "Delivery": {
        "type": "object",
        "description": "What somebody has sent through a link.",
        "properties": {
            "at": _MOMENT,
            "address": {"type": "string"},
            "sender": {"type": "string", "description": "Who they say they are."},
            "note": {"type": "string"},
            "files": {
                "type": "array",
                "description": "Of very many only the first.",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "size": NUMBER},
                    "required": ["name", "size"],
                },
            },
            "count": {**NUMBER, "description": "Of all files."},
        },
        "required": ["at", "address", "sender", "note", "files", "count"],
    },
    "ShareInFull": {
        "type": "object",
        "properties": {**_SHARE, "deliveries": {"type": "array", "items": ref("Delivery")}},
        "required": [*_SHARE, "deliveries"],
    },
    "Shares": {
        "type": "object",
        "properties": {"shares": {"type": "array", "items": ref("Share")}},
        "required": ["shares"],
    },
    "NewShare": {
        "type": "object",
        "properties": {
            "path": {**PATH, "pattern": PATH["pattern"].replace("^/?", "^/"), "description": "What is shared."},
            "mode": {**_MODE, "default": Mode.READ.value},
            **_CHANGEABLE,
        },
        "required": ["path"],
        "additionalProperties": False,
        "anyOf": [
            {"properties": {"mode": {"const": Mode.READ.value}, "max_bytes": {"type": "null"}}},
            {
                "properties": {"mode": {"const": Mode.UPLOAD.value}, "max_downloads": {"type": "null"}},
                "required": ["mode"],
            },
        ],
        "examples": [{"path": "/photos", "expires": 604800}],
    },
    "ShareChange": {
        "type": "object",
        "description": "What is left out stays as it is.",
        "properties": _CHANGEABLE,
        "additionalProperties": False,
        "examples": [{"expires": 604800, "password": None}],
    },
}

ID = parameter("share", "The id of a share.", {"type": "string", "minLength": 1}, where="path")
_BODY_FAULTS = (errors.BadType, errors.BodyCut, errors.TooLarge)
_ONE = {"share": "$response.body#/id"}
_LINKS: dict[str, Json] = {
    "look": {"operationId": "getShare", "parameters": _ONE},
    "change": {"operationId": "changeShare", "parameters": _ONE},
    "revoke": {"operationId": "revokeShare", "parameters": _ONE},
}


def _body(schema: str) -> Json:
    return {"required": True, "content": {"application/json": {"schema": ref(schema)}}}


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/shares",
        name="listShares",
        tag=TAG,
        summary="List one's own links; with the right `admin`, everybody's.",
        needs=Right.SHARE,
        answers={200: Answer("The links.", json(ref("Shares")))},
    ),
    Operation(
        method="POST",
        path="/api/shares",
        name="makeShare",
        tag=TAG,
        summary="Make a link to a file or folder.",
        description="Nobody can share what they can't do themselves.",
        needs=Right.SHARE,
        body=_body("NewShare"),
        answers={201: Answer("The link.", json(ref("Share")), {"Location": "Location"}, _LINKS)},
        faults=(errors.BadPath, errors.NotFound, *_BODY_FAULTS),
    ),
    Operation(
        method="GET",
        path="/api/shares/{share}",
        name="getShare",
        tag=TAG,
        summary="Look at a link, and at what was sent through it.",
        needs=Right.SHARE,
        parameters=(ID,),
        answers={200: Answer("All of it.", json(ref("ShareInFull")))},
        faults=(errors.NotFound,),
    ),
    Operation(
        method="PATCH",
        path="/api/shares/{share}",
        name="changeShare",
        tag=TAG,
        summary="Change a link.",
        needs=Right.SHARE,
        parameters=(ID,),
        body=_body("ShareChange"),
        answers={200: Answer("The link as it is now.", json(ref("Share")))},
        faults=(errors.NotFound, *_BODY_FAULTS),
    ),
    Operation(
        method="DELETE",
        path="/api/shares/{share}",
        name="revokeShare",
        tag=TAG,
        summary="Revoke a link; what is being sent through it is cut.",
        needs=Right.SHARE,
        parameters=(ID,),
        answers={204: Answer("It opens nothing any more.")},
        faults=(errors.NotFound,),
    ),
)
