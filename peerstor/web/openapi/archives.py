"""A folder, or some of its entries, as one file."""

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.web.archives import NAMES_AT_MOST
from peerstor.web.archiving import MEDIA_TYPES
from peerstor.web.openapi.operation import Answer, Operation, parameter
from peerstor.web.openapi.refusals import Json
from peerstor.web.openapi.terms import DOWNLOADED, NAME, PATH

SCHEMAS: dict[str, Json] = {}

FORM: Json = {"enum": [*MEDIA_TYPES]}
SAVED = {"Content-Disposition": "ContentDisposition"}
CONTENT = {kind.decode(): DOWNLOADED for kind in MEDIA_TYPES.values()}
FAULTS = (errors.BadPath, errors.NotFound, errors.TooMuch, errors.Unreadable)

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/archive",
        name="archive",
        tag="entries",
        summary="Download a folder, or many of its entries, as one file.",
        description="It changes nothing. For few entries, or all, GET of the folder with `archive` does the same. "
        "An archive that came to its end is whole: where something goes wrong on the way, the connection is cut.",
        needs=Right.READ,
        parameters=(
            parameter("dir", "The folder.", {**PATH, "default": "/"}),
            parameter("format", "The kind of archive.", FORM, required=True, example="zip"),
        ),
        body={
            "description": "The names of entries of the folder; none for all.",
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {"name": {"type": "array", "items": NAME, "maxItems": NAMES_AT_MOST}},
                    }
                }
            },
        },
        answers={200: Answer("The archive.", CONTENT, SAVED)},
        faults=(*FAULTS, errors.BadType, errors.BodyCut, errors.TooLarge),
    ),
)
