"""The storage itself: a folder is a listing, a file is its bytes."""

from collections.abc import Iterable

from attrs import evolve

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.tree.naming import Conflict
from peerstor.web.links import OWN_NAMES
from peerstor.web.openapi import archives
from peerstor.web.openapi.operation import Answer, Operation, json, parameter, ref
from peerstor.web.openapi.refusals import Json
from peerstor.web.openapi.terms import DOWNLOADED, NAME, NEW_NAME, NUMBER, conflict, digest
from peerstor.web.wanted import LIMIT, LIMIT_AT_MOST, SORTS

TAG = "tree"

_DEEPER = (
    "What lies deeper has the names of the folders above it before its own, each percent-encoded, `/` between: "
    "OpenAPI has no words for that. Below `/-/tree/` the whole tree is found a second time, also what is called "
    "`api` or `-` at the top."
)

SCHEMAS: dict[str, Json] = {
    "Entry": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "For people: what is no UTF-8 shows as U+FFFD."},
            "href": {"type": "string", "description": "Its address: exact, percent-encoded."},
            "type": {"enum": ["file", "folder"]},
            "size": {"type": ["integer", "null"], "minimum": 0, "description": "Bytes; null for a folder."},
            "mtime": {"type": "number", "description": "When it was changed, in seconds since 1970."},
        },
        "required": ["name", "href", "type", "size", "mtime"],
    },
    "Listing": {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "entries": {"type": "array", "items": ref("Entry"), "maxItems": LIMIT_AT_MOST},
            "next": {
                "type": ["string", "null"],
                "description": "The `cursor` of the next page; null at the end.",
            },
        },
        "required": ["path", "entries", "next"],
    },
    "Outcome": {
        "description": "What became of one file of a form.",
        "type": "object",
        "properties": {"name": {"type": "string"}, "status": {"type": "integer"}},
        "required": ["name", "status"],
        "oneOf": [
            {
                "properties": {
                    "path": {"type": "string"},
                    "href": {"type": "string"},
                    "size": NUMBER,
                    "blake3": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                },
                "required": ["path", "href", "size", "blake3"],
            },
            ref("Error"),
        ],
    },
    "Outcomes": {
        "type": "object",
        "properties": {"files": {"type": "array", "items": ref("Outcome"), "minItems": 1}},
        "required": ["files"],
    },
}


def _named(name: str, description: str, schema: Json, example: str) -> Json:
    ours = sorted(own.decode() for own in OWN_NAMES)
    return parameter(name, description, {**schema, "not": {"enum": ours}}, where="path", example=example)


def _header(name: str, description: str) -> Json:
    return parameter(name, description, {"type": "string"}, where="header")


_FILE = _named("file", "The name of a file at the top of the storage.", NAME, "report.pdf")
_NEW_FILE = _named(
    "file", "The name of a file at the top of the storage; an old one may be odder.", NEW_NAME, "letter.txt"
)
_FOLDER = _named("folder", "The name of a folder at the top of the storage.", NAME, "photos")

_IF_MATCH = _header("If-Match", "Only if it has one of these entity tags.")
_IF_NONE_MATCH = _header("If-None-Match", "Only if it has none of these entity tags; `*`: if it isn't there.")
_IF_UNMODIFIED = _header("If-Unmodified-Since", "Only if it wasn't changed since.")
_READING = (
    _IF_MATCH,
    _IF_NONE_MATCH,
    _header("If-Modified-Since", "Only if it was changed since."),
    _IF_UNMODIFIED,
    _header("Range", "The bytes that are wanted, as `bytes=0-99`; at most 16 ranges."),
    _header("If-Range", "The whole, if it has another entity tag, or was changed since."),
)
_DIGESTS = tuple(digest(name, "What the file must add up to.") for name in ("Content-Digest", "Repr-Digest"))
_LISTING = (
    parameter("sort", "By what it is ordered.", {"enum": [*SORTS], "default": "name"}),
    parameter("order", "Which comes first.", {"enum": ["asc", "desc"], "default": "asc"}),
    parameter(
        "limit",
        f"Entries of a page; no more than {LIMIT_AT_MOST} are given.",
        {**NUMBER, "minimum": 1, "default": LIMIT},
    ),
    parameter("cursor", "`next` of the page before, in the same order.", {"type": "string"}),
    parameter("archive", "Send the folder as one file of this kind in place of a listing.", archives.FORM),
    parameter(
        "name",
        "Of the entries that the archive shall hold; absent for all.",
        {"type": "array", "items": NAME},
        style="form",
        explode=True,
    ),
)
_REDIRECT = Answer("It is a folder; that is its address.", headers={"Location": "Location"})
_FILE_HEADERS = {
    "ETag": "ETag",
    "Last-Modified": "LastModified",
    "Accept-Ranges": "AcceptRanges",
}
_TEXT: Json = {"type": "string"}

_STORING = (
    errors.BadPath,
    errors.BadName,
    errors.NotFound,
    errors.NoParent,
    errors.Exists,
    errors.BodyCut,
    errors.BadType,
    errors.TooLarge,
    errors.NoSpace,
)
_OUTCOMES = {
    status: Answer("None of the files could be stored.", {"application/json": ref("Outcomes"), "text/html": _TEXT})
    for status in (400, 403, 404, 409, 413)
}

_OF_FOLDERS = (
    Operation(
        method="GET",
        path="/{folder}/",
        name="listFolder",
        tag=TAG,
        summary="List a folder, or download it as one file.",
        description=f"`Accept` chooses a page, JSON, or one address a line. {_DEEPER}",
        needs=Right.READ | Right.CREATE,
        parameters=(_FOLDER, *_LISTING),
        answers={
            200: Answer(
                "A page of the listing, or the archive.",
                {**json(ref("Listing")), "text/html": _TEXT, "text/plain": _TEXT, **archives.CONTENT},
                {"Link": "Link", "Content-Disposition": "ContentDisposition"},
            )
        },
        faults=(errors.BadNumber, *archives.FAULTS),
        pages=True,
    ),
    Operation(
        method="POST",
        path="/{folder}/",
        name="storeForm",
        tag=TAG,
        summary="Store the files of a form in a folder.",
        description=f"A browser is sent back to the listing, others are told of each file. {_DEEPER}",
        needs=Right.CREATE,
        parameters=(_FOLDER, conflict(Conflict.RENAME, Conflict.REPLACE, Conflict.REFUSE)),
        body={
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"file": {"type": "array", "minItems": 1, "items": DOWNLOADED}},
                        "required": ["file"],
                    }
                }
            },
        },
        answers={
            201: Answer(
                "What became of each file; some are stored.",
                {"application/json": ref("Outcomes"), "text/html": _TEXT},
            ),
            303: Answer("All are stored; to the listing.", headers={"Location": "Location"}),
            **_OUTCOMES,
        },
        faults=_STORING,
        pages=True,
    ),
    Operation(
        method="DELETE",
        path="/{folder}/",
        name="deleteFolder",
        tag=TAG,
        summary="Move a folder to the trash.",
        description=_DEEPER,
        needs=Right.CHANGE,
        parameters=(_FOLDER, _IF_MATCH, _IF_UNMODIFIED),
        answers={204: Answer("It is in the trash.")},
        faults=(errors.BadPath, errors.NotFound, errors.PreconditionFailed, errors.NoSpace),
        pages=True,
    ),
)

_OF_FILES = (
    Operation(
        method="GET",
        path="/{file}",
        name="getFile",
        tag=TAG,
        summary="Download a file, or parts of it.",
        description=f"Text may come compressed, as `Accept-Encoding` allows. {_DEEPER}",
        needs=Right.READ | Right.CREATE,
        parameters=(
            _FILE,
            parameter("download", "Have a browser save it and not show it.", _TEXT, allowEmptyValue=True),
            *_READING,
        ),
        answers={
            200: Answer("The file.", {"*/*": DOWNLOADED}, {**_FILE_HEADERS, **archives.SAVED}),
            206: Answer("Parts of it.", {"*/*": DOWNLOADED}, {**_FILE_HEADERS, "Content-Range": "ContentRange"}),
            304: Answer("It is still the same.", headers=_FILE_HEADERS),
            307: _REDIRECT,
        },
        faults=(errors.BadPath, errors.NotFound, errors.PreconditionFailed, errors.RangeNotSatisfiable),
        pages=True,
    ),
    Operation(
        method="PUT",
        path="/{file}",
        name="putFile",
        tag=TAG,
        summary="Store a file; what has the name goes to the trash.",
        description=f"To replace something, the right `change` is needed. {_DEEPER}",
        needs=Right.CREATE,
        parameters=(_NEW_FILE, _IF_MATCH, _IF_NONE_MATCH, _IF_UNMODIFIED, *_DIGESTS),
        body={
            "required": True,
            "description": "The bytes, as they are: no Content-Encoding is taken.",
            "content": {"application/octet-stream": {"schema": DOWNLOADED}},
        },
        answers={
            201: Answer("It is there.", headers={"Location": "Location", "ETag": "ETag"}),
            204: Answer("It has replaced another.", headers={"Location": "Location", "ETag": "ETag"}),
        },
        faults=(
            *_STORING,
            errors.LengthNeeded,
            errors.IsFolder,
            errors.DigestMismatch,
            errors.PreconditionFailed,
        ),
        pages=True,
    ),
    Operation(
        method="DELETE",
        path="/{file}",
        name="deleteFile",
        tag=TAG,
        summary="Move a file to the trash.",
        description=_DEEPER,
        needs=Right.CHANGE,
        parameters=(_FILE, _IF_MATCH, _IF_UNMODIFIED),
        answers={204: Answer("It is in the trash.")},
        faults=(errors.BadPath, errors.NotFound, errors.IsFolder, errors.PreconditionFailed, errors.NoSpace),
        pages=True,
    ),
    Operation(
        method="POST",
        path="/{file}",
        name="leadToFolder",
        tag=TAG,
        summary="Find a folder's own address.",
        description="Forms are sent to the address of a folder, which ends in `/`.",
        needs=Right.CREATE,
        parameters=(_FILE,),
        answers={307: _REDIRECT},
        faults=(errors.BadPath, errors.NotFound, errors.MethodRefused),
        pages=True,
    ),
)


def _at_the_top(operations: Iterable[Operation]) -> Iterable[Operation]:
    """Describe the whole storage, which is a folder that can't be deleted."""
    for operation in operations:
        if operation.method != "DELETE":
            parameters = tuple(known for known in operation.parameters if known is not _FOLDER)
            yield evolve(operation, path="/", name=f"{operation.name}AtTop", parameters=parameters)


OPERATIONS = (*_at_the_top(_OF_FOLDERS), *_OF_FOLDERS, *_OF_FILES)
