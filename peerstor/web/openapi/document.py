"""The whole description, put together from those of the faces."""

from typing import Any

from peerstor.web.openapi import archives, events, links, me, operations, server, shares, trash, tree, uploads
from peerstor.web.openapi.operation import Operation
from peerstor.web.openapi.refusals import Json, error_schemas
from peerstor.web.openapi.terms import HEADERS

VERSION = "3.1.0"
"""Of OpenAPI: the first whose schemas are JSON Schema itself, so that what checks answers needs no translation."""

API = "1"
"""Which API this is: another one as soon as a client of this one would fail.

It doesn't tell the release of PeerStor, by which anybody could look for servers with a known hole.
"""

FACES: tuple[Any, ...] = (tree, events, uploads, operations, trash, archives, shares, links, me, server)
"""Modules with the `OPERATIONS` and `SCHEMAS` of a face."""

OPERATIONS: tuple[Operation, ...] = tuple(operation for face in FACES for operation in face.OPERATIONS)

TAGS = {
    "tree": "The storage: folders and files at their own addresses.",
    "uploads": "Uploads that go on after a lost connection, a crash or a reboot.",
    "entries": "What can be done to files and folders.",
    "trash": "What was deleted or replaced.",
    "shares": "Links for people without a token.",
    "links": "What an upload-only link takes, from whoever has it.",
    "server": "The server itself.",
}

SECURITY: dict[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token: `Authorization: Bearer SECRET`."},
    "basic": {"type": "http", "scheme": "basic", "description": "A token or a link's password, for any user."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "peerstor-ID",
        "description": "The cookie that the login page gives. ID stands for the storage; over TLS the name "
        "has `__Host-` or `__Secure-` before it.",
    },
}

_ABOUT = """\
A folder of plain files as a shared place: listing, download, uploads that resume, share links.

Every method that is told of by GET is there as HEAD. OPTIONS tells the methods of any address. Names are bytes,
and are sent percent-encoded; that they needn't be UTF-8 is nothing that this description can say. A parameter is
given once at most where it is no list, and there are at most 100 in an address. Pages for people (`/-/login`,
`/-/shares`, what links open in a browser) are not told of here."""


def description(base: str, *, token_needed: bool) -> Json:
    """Give the whole description.

    :param base: the path below which everything stands; empty for none.
    :param token_needed: whether somebody without a token may do nothing at all.
    """
    security: list[Json] = [{name: []} for name in SECURITY]
    if not token_needed:
        security.insert(0, {})
    paths: dict[str, Json] = {}
    responses: dict[str, Json] = {}
    for operation in OPERATIONS:
        for method in operation.methods:
            paths.setdefault(operation.path, {})[method.lower()] = operation.told(method, security)
        for refusal in operation.refusals:
            if refusal.status not in operation.answers:
                responses[operation.component(refusal)] = refusal.told(pages=operation.pages)
    schemas = {name: schema for face in FACES for name, schema in face.SCHEMAS.items()}
    return {
        "openapi": VERSION,
        "info": {"title": "PeerStor", "version": API, "description": _ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": base or "/"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {**schemas, **error_schemas()},
            "responses": dict(sorted(responses.items())),
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }
