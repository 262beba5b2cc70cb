"""The trash: what is in it, putting it back, dropping it for good."""

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.tree.naming import Conflict
from peerstor.web.openapi.operation import Answer, Operation, json, parameter, ref
from peerstor.web.openapi.refusals import Json
from peerstor.web.openapi.terms import DONE, NUMBER, TRASH_ID, conflict, settled
from peerstor.web.trashface import LIMIT, LIMIT_AT_MOST

TAG = "trash"

SCHEMAS: dict[str, Json] = {
    "Done": DONE,
    "Trashed": {
        "type": "object",
        "description": "Something in the trash.",
        "properties": {
            "id": TRASH_ID,
            "name": {"type": "string", "description": "What it was called, for people."},
            "path": {
                "type": "string",
                "description": "Where it was, a folder with a `/` at its end.",
            },
            "type": {"enum": ["file", "folder"]},
            "size": {"type": ["integer", "null"], "minimum": 0, "description": "Bytes; null for a folder."},
            "when": {"type": "number", "description": "When it went, in seconds since 1970."},
            "by": {"type": "string", "description": "The name of the token that took it away."},
        },
        "required": ["id", "name", "path", "type", "size", "when", "by"],
    },
    "Trash": {
        "type": "object",
        "properties": {
            "entries": {"type": "array", "items": ref("Trashed"), "maxItems": LIMIT_AT_MOST},
            "next": {
                "type": ["string", "null"],
                "description": "The `cursor` of the next page; null at the end. An empty page may have one.",
            },
        },
        "required": ["entries", "next"],
    },
}

_ID = parameter("id", "Of the thing in the trash.", TRASH_ID, required=True)

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/trash",
        name="listTrash",
        tag=TAG,
        summary="List what is in the trash, newest first.",
        description="Everybody is shown what they may read and change at the place that it comes from.",
        needs=Right.CHANGE,
        parameters=(
            parameter(
                "limit", "Entries of a page.", {**NUMBER, "minimum": 1, "maximum": LIMIT_AT_MOST, "default": LIMIT}
            ),
            parameter("cursor", "`next` of the page before.", TRASH_ID),
        ),
        answers={
            200: Answer(
                "A page of it.",
                json(ref("Trash")),
                links={"next": {"operationId": "listTrash", "parameters": {"cursor": "$response.body#/next"}}},
            )
        },
        faults=(errors.BadNumber,),
    ),
    Operation(
        method="POST",
        path="/api/trash/restore",
        name="restore",
        tag=TAG,
        summary="Put something back where it was, never over something else.",
        needs=Right.CHANGE,
        parameters=(
            _ID,
            conflict(Conflict.REFUSE, Conflict.RENAME),
            parameter("parents", "1 makes the folders above it anew that are gone.", {"enum": ["0", "1"]}),
        ),
        answers={200: settled("It is back.")},
        faults=(
            errors.NotFound,
            errors.BadName,
            errors.Exists,
            errors.NoParent,
            errors.NoSpace,
            errors.TooManyEntries,
        ),
    ),
    Operation(
        method="POST",
        path="/api/trash/purge",
        name="purge",
        tag=TAG,
        summary="Drop something for good.",
        needs=Right.CHANGE,
        parameters=(_ID,),
        answers={200: Answer("It is gone.", json(ref("Done")))},
        faults=(errors.NotFound,),
    ),
)
