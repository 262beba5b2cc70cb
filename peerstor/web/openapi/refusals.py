"""What the description tells of errors, all of it read from the one table of answers."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import NOTHING, Attribute, fields, frozen

from peerstor import errors
from peerstor.http.phrases import phrase
from peerstor.web.errors import EARLY, TABLE

Json = dict[str, Any]

ALWAYS: tuple[type[errors.Fault], ...] = (
    errors.BadRequest,
    errors.HttpsNeeded,
    errors.WrongHost,
    errors.TooMany,
    errors.StorageUnavailable,
    errors.Stopping,
    errors.Overloaded,
)
"""What every request may be refused with: by what comes before the routes, or by the machine."""

INTERNAL = "internal"
"""The code of a defect, which is no fault and so isn't in the table."""

_TYPES = {"int": "integer", "str": "string"}
_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": "WwwAuthenticate"},
    405: {"Allow": "Allow"},
    409: {"Retry-After": "RetryAfter"},
    416: {"Content-Range": "ContentRange"},
    429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter"},
}


@frozen
class Refusal:
    """One status, and the codes that an operation may give with it."""

    status: int
    codes: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called among the document's components."""
        return "-".join((str(self.status), *self.codes))

    @property
    def description(self) -> str:
        """Say what it is, with its codes."""
        return f"{phrase(self.status).decode()}: {', '.join(f'`{code}`' for code in self.codes)}."

    def told(self, *, pages: bool) -> Json:
        """Describe it.

        :param pages: whether people may ask as well, who get a page or a line of text (`Errors.write`).
        """
        schemas = [{"$ref": f"#/components/schemas/{schema_name(code)}"} for code in self.codes]
        content: Json = {"application/json": {"schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas}}}
        if pages:
            content |= {kind: {"schema": {"type": "string"}} for kind in ("text/plain", "text/html")}
        known = {"X-Request-ID": "RequestId", **_HEADERS.get(self.status, {})}
        return {
            "description": self.description,
            "headers": {name: {"$ref": f"#/components/headers/{ref}"} for name, ref in known.items()},
            "content": content,
        }


def refusals(faults: Iterable[type[errors.Fault]]) -> list[Refusal]:
    """Sort by status what a request may be refused with, with what any may be."""
    codes: dict[int, set[str]] = {status: {code} for status, code in EARLY.items()}
    codes[500] = {INTERNAL}
    for fault in (*ALWAYS, *faults):
        row = TABLE[fault]
        codes.setdefault(row.status, set()).add(row.code)
    return [Refusal(status, tuple(sorted(codes[status]))) for status in sorted(codes)]


def schema_name(code: str) -> str:
    """Give the name of a code's schema: `bad_path` has `BadPathError`."""
    return "".join(word.capitalize() for word in code.split("_")) + "Error"


def error_schemas() -> dict[str, Json]:
    """Give the schemas of all errors, by name: one for each code, and `Error` for any."""
    rows: dict[str, list[type[errors.Fault]]] = {}
    for fault, row in TABLE.items():
        rows.setdefault(row.code, []).append(fault)
    codes = sorted({*rows, *EARLY.values(), INTERNAL})
    schemas = {schema_name(code): _schema(code, rows.get(code, [])) for code in codes}
    schemas["Error"] = {
        "description": "Any error. `error` is for programs and never changes; `message` is for people.",
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in schemas],
        "discriminator": {
            "propertyName": "error",
            "mapping": {code: f"#/components/schemas/{schema_name(code)}" for code in codes},
        },
    }
    return schemas


def _schema(code: str, faults: list[type[errors.Fault]]) -> Json:
    properties: Json = {"error": {"const": code}, "message": {"type": "string"}}
    required = ["error", "message"]
    for fault in faults:
        of_fault = {field.name: field for field in fields(fault)}
        for name, attribute in TABLE[fault].fields.items():
            properties[name] = _property(of_fault[attribute])
            if len(faults) == 1 and of_fault[attribute].default is NOTHING and name not in required:
                required.append(name)
    if any(issubclass(fault, errors.NoSuchUpload) for fault in faults) or code == "too_large":
        required += [name for name in properties if name not in required]  # each of its faults has them all
    if code == INTERNAL or any(TABLE[fault].status >= 500 for fault in faults):
        properties["id"] = {"type": "string", "description": "That of the request, by which the log has more."}
        required.append("id")
    return {
        "type": "object",
        "description": _description(code, faults),
        "properties": properties,
        "required": required,
    }


def _property(field: "Attribute[Any]") -> Json:
    named = str(getattr(field.type, "__name__", field.type)).removesuffix(" | None")
    return {"type": _TYPES[named]}


def _description(code: str, faults: list[type[errors.Fault]]) -> str:
    if not faults:
        return "A defect of the server, or a request that could not be read."
    return " Or: ".join((fault.__doc__ or code).split("\n\n")[0].replace("\n    ", " ") for fault in faults)
