"""What a writing request's own headers demand before its body is taken."""

import os

from twisted.web.http_headers import Headers

from peerstor.errors import BadType, PreconditionFailed
from peerstor.http.conditional import FOR_WRITING, entity_tag, write_allowed
from peerstor.tree.publish import Check


def conditions(headers: Headers) -> Check:
    """Make the check of a writing request's conditions against what is there (RFC 9110, section 13)."""
    if not any(map(headers.hasHeader, FOR_WRITING)):
        return lambda found: None

    def check(found: os.stat_result | None) -> None:
        tag = None if found is None else entity_tag(found)
        if not write_allowed(headers, tag, mtime=None if found is None else found.st_mtime):
            raise PreconditionFailed()

    return check


def refuse_coding(headers: Headers) -> None:
    """Refuse a body with a content coding: what is stored are the bytes that came, and nothing is ever inflated.

    :raise BadType: there is one.
    """
    codings = headers.getRawHeaders(b"content-encoding", [])
    if any(coding.strip().lower() not in (b"", b"identity") for coding in codings):
        raise BadType("Send the content as it is, without Content-Encoding.")
