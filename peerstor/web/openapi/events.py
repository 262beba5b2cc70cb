"""What tells of folders when they change."""

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.web.events import FOLDERS_AT_MOST, JSON, STREAM
from peerstor.web.openapi.operation import Answer, Operation, parameter, ref
from peerstor.web.openapi.refusals import Json
from peerstor.web.openapi.terms import PATH

_VERSION: Json = {
    "type": ["string", "null"],
    "description": "Another for each state of the folder; null for one that can't be listed (any more).",
}

SCHEMAS: dict[str, Json] = {
    "FolderVersion": {
        "type": "object",
        "properties": {"path": {"type": "string", "description": "Percent-encoded."}, "version": _VERSION},
        "required": ["path", "version"],
    },
    "FolderVersions": {
        "type": "object",
        "properties": {"folders": {"type": "array", "items": ref("FolderVersion")}},
        "required": ["folders"],
    },
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/events",
        name="events",
        tag="tree",
        summary="Hear of folders when they change.",
        description="A stream of server-sent events for whoever accepts one: each `folder` event holds a "
        "`FolderVersion`, the present ones come first, and `beat` events show that the stream is alive. JSON for "
        "whoever wants that: the versions now.",
        needs=Right.READ,
        parameters=(
            parameter(
                "path",
                "The folders. The first decides whether there is an answer at all.",
                {"type": "array", "items": PATH, "minItems": 1, "maxItems": FOLDERS_AT_MOST},
                required=True,
                example=["/"],
            ),
            parameter(
                "If-None-Match", "The entity tag of the versions that one has.", {"type": "string"}, where="header"
            ),
        ),
        answers={
            200: Answer(
                "What there is to tell.",
                {JSON: ref("FolderVersions"), STREAM: {"type": "string"}},
                {"ETag": "ETag"},
            ),
            304: Answer("The versions are still the same.", headers={"ETag": "ETag"}),
        },
        faults=(errors.BadPath, errors.NotFound, errors.PreconditionFailed),
    ),
)
