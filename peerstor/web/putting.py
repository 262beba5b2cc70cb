"""Storing the content of a PUT under its address."""

import os

from peerstor.access.rights import Right
from peerstor.errors import BadRequest, LengthNeeded
from peerstor.http.conditional import entity_tag
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IByteSource
from peerstor.tree.publish import Conflict
from peerstor.uploads.engine import Engine
from peerstor.uploads.records import Completed
from peerstor.uploads.terms import Terms
from peerstor.web.conditions import conditions, refuse_coding
from peerstor.web.digests import WHOLE, sent_digests
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.renaming import renamed


class Putting:
    """Answers whoever was admitted to put a file somewhere."""

    def __init__(self, *, engine: Engine, guard: Guard, links: Links) -> None:
        """Make one for the tree's face.

        :param guard: refuses whoever may add, and not replace.
        """
        self._engine = engine
        self._guard = guard
        self._links = links

    async def put(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Create or replace a file with the body of a request.

        :raise BadRequest, BadType, LengthNeeded: this is no whole file.
        """
        headers = request.requestHeaders
        if headers.hasHeader(b"content-range"):  # RFC 9110, section 14.5
            raise BadRequest("A part of a file cannot be put; send the whole, or use the upload API.")
        refuse_coding(headers)
        if not (headers.hasHeader(b"content-length") or headers.hasHeader(b"transfer-encoding")):
            # Framed as empty (RFC 9112, section 6.3), and hardly ever meant so: an old file would be emptied.
            raise LengthNeeded()
        done = await self._engine.take(self.terms(request, admission), IByteSource(request.body), request.remote)
        return self.told(request, admission, done)

    def terms(self, request: StreamingRequest, admission: Admission) -> Terms:
        """Tell on which terms a file is stored, as the headers of a request say."""
        headers = request.requestHeaders
        judge = conditions(headers)

        def check(found: os.stat_result | None) -> None:
            """Refuse what the right or a condition forbids: before the body, and again when it is published."""
            if found is not None and not admission.blind:  # nor does a condition tell what is there
                self._guard.require(admission, Right.CHANGE)
                judge(found)
            else:
                judge(None)

        return Terms(
            target=admission.path,
            length=request.body.length,
            conflict=renamed(admission) if admission.blind else Conflict.REPLACE,
            may_replace=admission.may(Right.CHANGE),
            by=admission.principal.name,
            check=check,
            digests=sent_digests(headers, WHOLE),
        )

    def told(self, request: StreamingRequest, admission: Admission, done: Completed) -> bytes:
        """Set up the answer to whoever put a file that is stored; gives its content."""
        if admission.blind:
            request.setResponseCode(201)
            request.setHeader(b"content-length", b"0")
            return b""
        request.setResponseCode(204 if done.replaced else 201)
        request.setHeader(b"location", self._links.to(done.path).encode())
        if done.stat is not None:
            request.setHeader(b"etag", entity_tag(done.stat).encode())
        if not done.replaced:
            request.setHeader(b"content-length", b"0")
        return b""
