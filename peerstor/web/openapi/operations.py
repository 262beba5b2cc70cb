"""What the entries of the tree take: new folders, moves, copies, deletion."""

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.tree.naming import Conflict
from peerstor.web.openapi.operation import Answer, Operation, json, parameter, ref
from peerstor.web.openapi.refusals import Json
from peerstor.web.openapi.terms import NEW_PATH, PATH, SETTLED, TRASH_ID, conflict, settled

TAG = "entries"

_CHANGE = (errors.BadPath, errors.BadName, errors.NotFound, errors.Exists, errors.NoParent, errors.NoSpace)

SCHEMAS: dict[str, Json] = {
    "Settled": SETTLED,
    "Deleted": {
        "type": "object",
        "properties": {
            "status": {"const": "ok"},
            "trash": {**TRASH_ID, "description": "The id by which it can be put back."},
        },
        "required": ["status", "trash"],
    },
}

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/folder",
        name="makeFolder",
        tag=TAG,
        summary="Make a folder.",
        needs=Right.CREATE,
        parameters=(parameter("path", "Of the new folder.", NEW_PATH, required=True, example="/music"),),
        answers={201: settled("It is there.")},
        faults=_CHANGE,
    ),
    Operation(
        method="POST",
        path="/api/move",
        name="move",
        tag=TAG,
        summary="Move or rename a file or folder.",
        description="To another disk it is copied first, and appears whole or not at all; "
        "where it was changed meanwhile, it stays where it was. "
        "At the new place the right `create` is needed.",
        needs=Right.CHANGE,
        parameters=(
            parameter(
                "from",
                "Where it is. A `/` at the end says that it is a folder.",
                PATH,
                required=True,
                example="/draft.txt",
            ),
            parameter(
                "to",
                "Where it shall be, with its new name.",
                NEW_PATH,
                required=True,
                example="/photos/notes.txt",
            ),
            conflict(Conflict.REFUSE, Conflict.RENAME, Conflict.REPLACE),
        ),
        answers={200: settled("It is there.")},
        faults=(*_CHANGE, errors.ChangedMeanwhile, errors.TooManyEntries),
    ),
    Operation(
        method="POST",
        path="/api/copy",
        name="copy",
        tag=TAG,
        summary="Copy a file or folder.",
        description="It appears whole or not at all; to close the connection is to cancel it. "
        "At the new place the right `create` is needed.",
        needs=Right.READ,
        parameters=(
            parameter(
                "from",
                "What is copied. A `/` at the end says that it is a folder.",
                PATH,
                required=True,
                example="/photos/",
            ),
            parameter(
                "to",
                "Where the copy shall be, with its name.",
                NEW_PATH,
                required=True,
                example="/photos of 2026",
            ),
            conflict(Conflict.RENAME, Conflict.REFUSE),
        ),
        answers={201: settled("It is there.")},
        faults=(*_CHANGE, errors.TooManyEntries),
    ),
    Operation(
        method="POST",
        path="/api/delete",
        name="delete",
        tag=TAG,
        summary="Move a file or folder to the trash.",
        needs=Right.CHANGE,
        parameters=(
            parameter(
                "path",
                "Of what shall go. A `/` at the end says that it is a folder.",
                PATH,
                required=True,
                example="/old.txt",
            ),
        ),
        answers={
            200: Answer(
                "It is in the trash.",
                json(ref("Deleted")),
                links={
                    "restore": {
                        "operationId": "restore",
                        "parameters": {"id": "$response.body#/trash"},
                        "description": "Undo it.",
                    },
                    "purge": {
                        "operationId": "purge",
                        "parameters": {"id": "$response.body#/trash"},
                        "description": "Drop it for good.",
                    },
                },
            )
        },
        faults=(errors.BadPath, errors.NotFound, errors.NoSpace),
    ),
)
