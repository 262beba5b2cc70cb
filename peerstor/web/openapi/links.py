"""What an upload-only share link takes from programs: the resumable upload, as by the API, into its one folder."""

from collections.abc import Iterable

from attrs import evolve

from peerstor import errors
from peerstor.web.openapi import shares, uploads
from peerstor.web.openapi.operation import Answer, Operation, json, parameter, ref
from peerstor.web.openapi.refusals import Json
from peerstor.web.shares.uploads import NOTE, SENDER

_COMPLETED = uploads.SCHEMAS["Completed"]

SCHEMAS: dict[str, Json] = {
    "Sent": {
        **_COMPLETED,
        "description": "A file that has been taken. Whoever sent it sees nothing of it.",
        "properties": {**_COMPLETED["properties"], "href": {"type": "null"}},
    },
}

_ELSEWHERE = ("dir", "conflict")
"""Parameters that have nothing to say here: there is one folder, and a taken name is never told of."""

_WORDS = (
    parameter("sender", "Who sends it, for the owner of the link.", {"type": "string", "maxLength": SENDER}),
    parameter("note", "What else the owner should know.", {"type": "string", "maxLength": NOTE}),
)


def _through_a_link(operations: Iterable[Operation]) -> Iterable[Operation]:
    """Describe calls of the API as a link has them."""
    for operation in operations:
        last = operation.path.endswith("/complete")
        kept = tuple(known for known in operation.parameters if known["name"] not in _ELSEWHERE)
        (answer,) = operation.answers.values()
        yield evolve(
            operation,
            path=operation.path.replace("/api/", "/-/s/{share}/"),
            name=operation.name.replace("upload", "link"),
            tag="links",
            parameters=(shares.ID, *kept, *(_WORDS if last else ())),
            answers={200: Answer(answer.description, json(ref("Sent")) if last else answer.content)},
            faults=(*operation.faults, errors.QuotaExceeded),
            by_link=True,
            pages=True,
        )


OPERATIONS = tuple(_through_a_link(uploads.OPERATIONS))
