"""What a client wants of a listing, as its query and `Accept` say."""

from typing import Any, Literal
from urllib.parse import urlencode

from attrs import frozen

from peerstor.errors import BadNumber, BadRequest
from peerstor.http.request import StreamingRequest
from peerstor.web.negotiation import wanted_type
from peerstor.web.parameters import number, text

Sort = Literal["name", "size", "mtime"]
SORTS: tuple[Sort, ...] = ("name", "size", "mtime")

LIMIT = 1000
LIMIT_AT_MOST = 10_000
"""Entries a page: more would only make a client wait for what it can ask for next."""

HTML, JSON, TEXT = "text/html", "application/json", "text/plain"
FORMS = (HTML, JSON, TEXT)


@frozen
class Wanted:
    """What a client wants of a listing.

    :param form: one of `FORMS`.
    :param limit: entries.
    """

    form: str
    sort: Sort
    descending: bool
    limit: int
    cursor: str | None

    @classmethod
    def of(cls, request: StreamingRequest) -> "Wanted":
        """Read it from a request.

        :raise BadNumber, BadRequest: a parameter isn't one of those known.
        """
        form = wanted_type(request.requestHeaders, FORMS)
        if b"?" not in request.uri:
            return cls(form, "name", False, LIMIT, None)
        sort = _word(request, b"sort", b"name")
        order = _word(request, b"order", b"asc")
        limit = number(request, b"limit")
        if limit == 0:
            raise BadNumber("limit")
        if sort not in SORTS:
            raise BadRequest("sort must be name, size or mtime.")
        if order not in ("asc", "desc"):
            raise BadRequest("{name} must be {one} or {other}.", name="order", one="asc", other="desc")
        cursor = text(request, b"cursor")
        return cls(
            form=form,
            sort=sort,
            descending=order == "desc",
            limit=min(limit or LIMIT, LIMIT_AT_MOST),
            cursor=cursor.decode("latin-1") if cursor else None,
        )

    def query(self, **changed: Any) -> str:
        """Write the query that wants the same but for what is changed; defaults are left out."""
        values = {
            "sort": changed.get("sort", self.sort),
            "order": "desc" if changed.get("descending", self.descending) else "asc",
            "limit": str(self.limit),
            "cursor": changed.get("cursor", ""),
        }
        defaults = {"sort": "name", "order": "asc", "limit": str(LIMIT), "cursor": ""}
        left = {name: value for name, value in values.items() if value != defaults[name]}
        return "?" + urlencode(left) if left else "?"


def _word(request: StreamingRequest, name: bytes, default: bytes) -> str:
    given = text(request, name)
    return (default if given is None else given).decode("latin-1")
