"""Reading small bodies: the fields of a plain form, and JSON."""

import json
from typing import Any
from urllib.parse import parse_qsl

from peerstor.errors import BadRequest, BadType, BodyCut, TooLarge
from peerstor.http import body as http_body
from peerstor.http.request import StreamingRequest
from peerstor.http.smallbody import collect
from peerstor.web.conditions import refuse_coding
from peerstor.web.parameters import pairs

AT_MOST = 64 * 1024
"""Bytes: some hundred times what any of our forms has, and nothing to a server's memory."""

FIELDS_AT_MOST = 100


async def fields_of(request: StreamingRequest) -> dict[str, str]:
    """Read the fields of a form that was sent as `application/x-www-form-urlencoded`.

    :raise BadType: it is no such form.
    :raise BadRequest: it isn't UTF-8, has too many fields, or one of them twice.
    :raise TooLarge, BodyCut: as the body is.
    """
    content = await _content(request, b"application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FIELDS_AT_MOST,
        )
    except ValueError:
        raise BadRequest("The form can't be read.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadRequest("A field of the form is given more than once.")
    return fields


async def values_of(request: StreamingRequest, name: bytes, *, at_most: int, size: int) -> tuple[bytes, ...]:
    """Read the values of one field of a form that was sent as `application/x-www-form-urlencoded`, to the byte.

    :param at_most: fields that the form may have.
    :param size: bytes that it may have.
    :raise BadType, TooLarge, BodyCut: as `fields_of`.
    :raise BadRequest: it has too many fields.
    """
    content = await _content(request, b"application/x-www-form-urlencoded", size)
    if content.count(b"&") >= at_most:
        raise BadRequest("The form can have at most {most} fields.", most=at_most)
    return tuple(value for given, value in pairs(content) if given == name)


async def object_of(request: StreamingRequest) -> dict[str, Any]:
    """Read a JSON object.

    :raise BadType: it isn't said to be JSON.
    :raise BadRequest: it is none, or no object.
    :raise TooLarge, BodyCut: as the body is.
    """
    content = await _content(request, b"application/json")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise BadRequest("The content is no JSON.") from None
    if not isinstance(found, dict):
        raise BadRequest("The content must be a JSON object.")
    return found


async def _content(request: StreamingRequest, wanted: bytes, at_most: int = AT_MOST) -> bytes:
    refuse_coding(request.requestHeaders)
    kind = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != wanted:
        raise BadType("Send this as {kind}.", kind=wanted.decode())
    try:
        return await collect(request.body, at_most)
    except http_body.BodyTooLarge:
        raise TooLarge(at_most) from None
    except http_body.BodyCut:
        raise BodyCut() from None
