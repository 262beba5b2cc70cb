"""The face of a form: its files are stored as they stream in, one by one."""

import json
from typing import Any

from twisted.internet.defer import Deferred

from peerstor.access.rights import Right
from peerstor.errors import BadName, BadRequest, BadType, Fault
from peerstor.http.formnames import boundary_of
from peerstor.http.formparts import FilePart
from peerstor.http.forms import FormBroken, FormReader, FormTooLarge
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IByteSource
from peerstor.tree.paths import check_new_name
from peerstor.tree.publish import Conflict
from peerstor.uploads.engine import Engine
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission
from peerstor.web.headers import set_page_headers
from peerstor.web.links import Links
from peerstor.web.negotiation import wanted_type
from peerstor.web.pages import Pages
from peerstor.web.parameters import conflict

ENDS_ALL = (503, 507)
"""Statuses of faults after which the other files of a form would fail alike."""


class Forms:
    """Stores the files of `multipart/form-data`."""

    def __init__(self, *, engine: Engine, errors: Errors, pages: Pages) -> None:
        self._engine = engine
        self._errors = errors
        self._pages = pages

    async def answer(self, request: StreamingRequest, admission: Admission, links: Links) -> bytes:
        """Store each file of the form in the folder that somebody was let into.

        A file that can't be stored doesn't keep the others from it.

        :param links: of the view that the form stands in.
        :raise BadType: it is no such form.
        :raise BadRequest: it is malformed or truncated, or has no file; files before that are stored.
        """
        boundary = boundary_of(request.getHeader(b"content-type"))
        if boundary is None:
            raise BadType("Send a form as multipart/form-data.")
        wish = conflict(request, Conflict.RENAME)
        if admission.blind:  # what is there already is nothing that a drop folder tells of
            wish = Conflict.RENAME
        outcomes: list[dict[str, Any]] = []

        async def store(part: FilePart) -> None:
            outcomes.append(await self._store(part, admission, wish, request.remote, links))

        def on_file(part: FilePart) -> Deferred[None]:
            return Deferred.fromCoroutine(store(part))

        try:
            await FormReader(boundary, on_file).read(request.body)
        except FormTooLarge:
            raise BadRequest("The form has too many or too large fields beside its files.") from None
        except FormBroken:
            raise BadRequest("The form is malformed or was cut off; files before that are stored.") from None
        if not outcomes:
            raise BadRequest("No file was chosen.")
        return self._told(request, links.to(admission.path), outcomes)

    async def _store(
        self, part: FilePart, admission: Admission, wish: Conflict, address: str, links: Links
    ) -> dict[str, Any]:
        shown = part.filename.decode("utf-8", "replace")
        try:
            if b"\\" in part.filename:
                raise BadName()
            check_new_name(part.filename)
            target = admission.path.child(part.filename)
            done = await self._engine.receive(
                target,
                source=IByteSource(part),
                length=None,
                conflict=wish,
                may_replace=admission.may(Right.CHANGE),
                by=admission.principal.name,
                address=address,
            )
        except Fault as fault:
            row = self._errors.row(fault)
            if row.status in ENDS_ALL or row.code == "cut":
                raise
            return {"name": shown, "status": row.status, **self._errors.told(fault)}
        place = target if admission.blind else done.path
        return {
            "name": shown,
            "status": 201,
            "path": links.seen(place).display(),
            "href": links.to(place),
            "size": done.size,
            "blake3": done.digest,
        }

    def _told(self, request: StreamingRequest, folder: str, outcomes: list[dict[str, Any]]) -> bytes:
        """Tell what became of each file: a browser by the listing, where all went well."""
        failed = [outcome for outcome in outcomes if "error" in outcome]
        status = failed[0]["status"] if len(failed) == len(outcomes) else 201
        page = wanted_type(request.requestHeaders, ("application/json", "text/html")) == "text/html"
        request.responseHeaders.addRawHeader(b"vary", b"Accept")
        if page and not failed:
            request.setResponseCode(303)
            request.setHeader(b"location", folder.encode())
            request.setHeader(b"content-length", b"0")
            return b""
        request.setResponseCode(status)
        if page:
            set_page_headers(request)
            body = self._pages.render("outcomes.html", back=folder, outcomes=outcomes)
        else:
            request.setHeader(b"content-type", b"application/json")
            body = json.dumps({"files": outcomes}).encode() + b"\n"
        request.setHeader(b"content-length", b"%d" % len(body))
        return body
