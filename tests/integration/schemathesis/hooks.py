"""What schemathesis has to be told of the API that no schema can say."""

import base64
import hashlib
import re
from datetime import datetime
from typing import Any

import schemathesis

NEW_NAMES = ("name", "path", "to", "file")
STAMPED = ("cursor", "id")
DIGESTS = ("Content-Digest", "Repr-Digest")


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
    """Make right in valid data what can't be so by chance: digests, and the cursors of listings."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    for name in DIGESTS:
        if case.headers and name in case.headers:
            content = case.body if isinstance(case.body, bytes) else b""
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
            case.headers[name] = f"sha-256=:{digest}:"
    query = case.query or {}
    if "cursor" in query and not case.operation.path.startswith("/api/"):
        key = f"{query.get('sort', 'name')}:0:a.txt".encode()
        query["cursor"] = base64.urlsafe_b64encode(key).decode().rstrip("=")
    return case


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Take no digest that was made up for one that had to be right: nobody knows that of a whole upload."""
    return not ("digest" in (case.query or {}) and "The content is not what its digest says." in response.text)


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
