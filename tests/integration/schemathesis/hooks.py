"""What schemathesis has to be told of the API that no schema can say."""

import base64
import hashlib
import os
import re
from datetime import datetime
from typing import Any

import schemathesis

CANARY = os.environ.get("CANARY", "canary-beside-the-storage").encode()
LINK = os.environ.get("LINK")
"""The id of an upload-only link that is there."""

NEW_NAMES = ("name", "path", "to", "file")
STAMPED = ("cursor", "id")
DIGESTS = ("Content-Digest", "Repr-Digest")


@schemathesis.check
def nothing_from_outside(context: Any, response: Any, case: Any) -> None:
    """Nothing that lies beside the storage is ever told, neither a name nor what is in it."""
    assert CANARY not in response.content


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out valid data that is refused for more than its form."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return True
    query = case.query or {}
    given = {**query, **(case.path_parameters or {})}
    return (
        all(_can_be_given(given[name]) for name in NEW_NAMES if name in given)
        and all(_is_a_day(given[name]) for name in STAMPED if name in given)
        and not ("from" in query and _lies_in(query.get("to"), query["from"]))
    )


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Make right what can't be so by chance: links, and in valid data digests, cursors and moments to come."""
    if LINK and case.operation.path.startswith("/-/s/"):
        case.path_parameters["share"] = LINK
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    for name in DIGESTS:
        if case.headers and name in case.headers:
            content = getattr(case.body, "data", case.body)  # bytes in a wrapper, or bare
            content = content if isinstance(content, bytes) else b""
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
            case.headers[name] = f"sha-256=:{digest}:"
    query = case.query or {}
    if "cursor" in query and not case.operation.path.startswith("/api/"):
        key = f"{query.get('sort', 'name')}:0:a.txt".encode()
        query["cursor"] = base64.urlsafe_b64encode(key).decode().rstrip("=")
    if isinstance(case.body, dict) and isinstance(case.body.get("expires"), str):
        case.body["expires"] = "2099-01-31T12:00:00Z"
    return case


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: Any) -> None:
    """Leave out what has nothing but a stream to give, which never ends; JSON beside it is what is asked for."""
    for path in raw_schema["paths"].values():
        for method in [method for method, operation in path.items() if _is_stream(operation)]:
            del path[method]


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Let refusals of made-up data pass that no schema foretells.

    A digest has to be that of a whole upload, a size has to have room on the disk, and the limits of a link are to be
    those of its mode.
    """
    query, told = case.query or {}, {}
    if response.status_code in (400, 507) and case.method != "HEAD":
        told = response.json()
    return not (
        ("digest" in query and told.get("error") == "digest_mismatch")
        or (case.method == "PATCH" and "is for mode" in told.get("message", ""))
        or (
            told.get("error") == "no_space"
            and told["free"] < max(_number(query, "size"), _number(query, "offset"))
        )
    )


def _is_stream(operation: Any) -> bool:
    return [*operation["responses"].get("200", {}).get("content", {})] == ["text/event-stream"]


def _number(query: Any, name: str) -> int:
    given = str(query.get(name, ""))
    return int(given) if given.isascii() and given.isdigit() else 0


def _can_be_given(path: object) -> bool:
    """Tell whether something may be called so: its name is short enough in bytes, and not the server's own."""
    names = str(path).encode("utf-8", "surrogatepass").split(b"/")
    return all(len(name) <= 255 and not name.lower().startswith(b".peerstor") for name in names)


def _is_a_day(stamped: object) -> bool:
    """Tell whether an id's date is in the calendar; a listing's cursor has none."""
    stamp = re.match(r"\d{8}(?=T)", str(stamped))
    if stamp is None:
        return True
    try:
        datetime.strptime(stamp[0], "%Y%m%d")
    except ValueError:
        return False
    return True


def _lies_in(path: object, folder: object) -> bool:
    """Tell whether a path is a folder's own or below it."""
    inner, outer = (f"{str(one).strip('/')}/".lstrip("/") for one in (path, folder))
    return inner.startswith(outer)
