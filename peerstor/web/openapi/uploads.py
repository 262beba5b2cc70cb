"""The resumable upload: offset, chunk, complete, abandon."""

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.tree.naming import Conflict
from peerstor.uploads.records import TEXT
from peerstor.web.openapi.operation import Answer, Operation, json, parameter, ref
from peerstor.web.openapi.refusals import Json
from peerstor.web.openapi.terms import DOWNLOADED, NEW_NAME, NUMBER, PATH, SETTLED, conflict, digest

TAG = "uploads"

SCHEMAS: dict[str, Json] = {
    "Offset": {
        "type": "object",
        "properties": {
            "offset": {**NUMBER, "description": "Bytes that have arrived; 0 where there is no such upload."},
            "maxChunk": {**NUMBER, "description": "Bytes that one chunk may have (`--max-request`)."},
        },
        "required": ["offset"],
    },
    "NextOffset": {
        "type": "object",
        "properties": {"nextOffset": {**NUMBER, "description": "The offset of the next chunk."}},
        "required": ["nextOffset"],
    },
    "Completed": {
        "description": "A file that is there.",
        "type": "object",
        "properties": {
            **SETTLED["properties"],
            "size": {**NUMBER, "description": "Bytes."},
            "blake3": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        },
        "required": [*SETTLED["required"], "size", "blake3"],
    },
    "Abandoned": {
        "type": "object",
        "properties": {
            "status": {"const": "ok"},
            "abandoned": {"type": "boolean", "description": "Whether there was anything to drop."},
        },
        "required": ["status", "abandoned"],
    },
}

_TARGET = (
    parameter("dir", "The folder that it is for.", {**PATH, "default": "/"}),
    parameter("name", "The file's name.", NEW_NAME, required=True, example="report.pdf"),
)
_SESSION = parameter(
    "session",
    "A random text that nobody else has, the same in all calls of one upload. A newer call then takes the place "
    "of an older one at once.",
    {"type": "string", "minLength": 1, "maxLength": TEXT},
)
_SOURCE = (
    parameter(
        "fingerprint", "Any text that tells one source file from another.", {"type": "string", "maxLength": TEXT}
    ),
    _SESSION,
)
_SIZE = parameter("size", "Of the whole file, bytes.", NUMBER)
_SAME = {name: f"$request.query.{name}" for name in ("dir", "name")}
_NEXT: Json = {
    "operationId": "uploadChunk",
    "parameters": {**_SAME, "offset": "$response.body#/nextOffset"},
    "description": "Send what follows.",
}
_DONE: Json = {
    "operationId": "uploadComplete",
    "parameters": {**_SAME, "size": "$response.body#/nextOffset"},
    "description": "Publish it, when this is all.",
}
_FROM_HERE: Json = {**_NEXT, "parameters": {**_SAME, "offset": "$response.body#/offset"}}
_FAULTS = (errors.BadPath, errors.BadName, errors.BadNumber, errors.NotFound)
_WRITING = (*_FAULTS, errors.Busy, errors.OtherUpload, errors.OffsetMismatch, errors.NoParent)

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/upload/offset",
        name="uploadOffset",
        tag=TAG,
        summary="Ask how many bytes have arrived.",
        description="That many survive a crash of the server.",
        needs=Right.CREATE,
        parameters=(*_TARGET, _SIZE, *_SOURCE),
        answers={200: Answer("Where to go on.", json(ref("Offset")), links={"next": _FROM_HERE})},
        faults=(*_FAULTS, errors.OtherUpload),
    ),
    Operation(
        method="POST",
        path="/api/upload/chunk",
        name="uploadChunk",
        tag=TAG,
        summary="Send the next bytes.",
        description="A connection that is cut keeps what has arrived: ask for the offset and go on from there.",
        needs=Right.CREATE,
        parameters=(
            *_TARGET,
            parameter("offset", "Of the first of these bytes in the file.", NUMBER, required=True, example=0),
            _SIZE,
            *_SOURCE,
            digest("Content-Digest", "With it none of the bytes counts before all are there and match."),
        ),
        body={
            "description": "The bytes, as they are: no Content-Encoding is taken.",
            "content": {"application/octet-stream": {"schema": DOWNLOADED}},
        },
        answers={
            200: Answer("They are there.", json(ref("NextOffset")), links={"next": _NEXT, "complete": _DONE})
        },
        faults=(
            *_WRITING,
            errors.BodyCut,
            errors.BadType,
            errors.DigestMismatch,
            errors.TooLarge,
            errors.NoSpace,
            errors.QuotaExceeded,
        ),
    ),
    Operation(
        method="POST",
        path="/api/upload/complete",
        name="uploadComplete",
        tag=TAG,
        summary="Publish what has arrived under its name, by one atomic step.",
        description="A repeat within 24 hours gives the same answer.",
        needs=Right.CREATE,
        parameters=(
            *_TARGET,
            parameter("size", "Of the whole file, bytes.", NUMBER, required=True, example=51234),
            *_SOURCE,
            conflict(Conflict.RENAME, Conflict.REPLACE, Conflict.REFUSE),
            parameter(
                "digest",
                "What the whole file must add up to.",
                {
                    "type": "string",
                    "pattern": "^(sha-256:[0-9A-Fa-f]{64}|sha-512:[0-9A-Fa-f]{128}|blake3:[0-9A-Fa-f]{64})$",
                },
            ),
        ),
        answers={200: Answer("The file is there, synced to the disk.", json(ref("Completed")))},
        faults=(*_WRITING, errors.DigestMismatch, errors.Exists, errors.TooLarge, errors.NoSpace),
    ),
    Operation(
        method="POST",
        path="/api/upload/abandon",
        name="uploadAbandon",
        tag=TAG,
        summary="Throw away what has arrived.",
        needs=Right.CREATE,
        parameters=(*_TARGET, _SESSION),
        answers={200: Answer("Nothing of it is left.", json(ref("Abandoned")))},
        faults=(*_FAULTS, errors.Busy),
    ),
)
