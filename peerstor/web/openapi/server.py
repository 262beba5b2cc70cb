"""What the server tells of itself: whether it is well, its figures, and this description."""

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.web.openapi.operation import Answer, Operation, json, parameter, ref
from peerstor.web.openapi.refusals import Json

TAG = "server"

SCHEMAS: dict[str, Json] = {
    "Well": {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]},
    "Unavailable": {
        "type": "object",
        "properties": {"status": {"const": "unavailable"}},
        "required": ["status"],
    },
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/openapi.json",
        name="description",
        tag=TAG,
        summary="This description.",
        needs=Right.NONE,
        parameters=(
            parameter("If-None-Match", "The entity tag that one has.", {"type": "string"}, where="header"),
        ),
        answers={
            200: Answer("The description.", json({"type": "object"}), {"ETag": "ETag"}),
            304: Answer("It is still the same.", headers={"ETag": "ETag"}),
        },
        faults=(errors.PreconditionFailed,),
    ),
    Operation(
        method="GET",
        path="/-/health",
        name="health",
        tag=TAG,
        summary="Ask whether the server can do its work.",
        needs=Right.NONE,
        answers={
            200: Answer("It can.", json(ref("Well"))),
            503: Answer("The storage doesn't answer, or the server is stopping.", json(ref("Unavailable"))),
        },
        pages=True,
    ),
    Operation(
        method="GET",
        path="/-/metrics",
        name="metrics",
        tag=TAG,
        summary="Figures for Prometheus.",
        needs=Right.ADMIN,
        answers={200: Answer("The figures.", {"text/plain": {"type": "string"}})},
        pages=True,
    ),
)
