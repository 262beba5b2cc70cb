"""The face of a form: its files are stored as they stream in, one by one."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, field
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
from peerstor.web.links import Links
from peerstor.web.negotiation import wanted_type
from peerstor.web.pages import Pages
from peerstor.web.parameters import conflict

ENDS_ALL = (503, 507)
"""Statuses of faults after which the other files of a form would fail alike."""


Keep = Callable[[FilePart], Awaitable[dict[str, Any]]]


@define
class Form:
    """A form, as far as it was read.

    :ivar outcomes: what became of each file, as the JSON has it; a refused one has an `error`.
    :ivar fields: names and values of the plain fields.
    """

    outcomes: list[dict[str, Any]] = field(factory=list)
    fields: list[tuple[str, bytes]] = field(factory=list)


class Forms:
    """Stores the files of `multipart/form-data`."""

    def __init__(self, *, engine: Engine, errors: Errors, pages: Pages) -> None:
        self._engine = engine
        self._errors = errors
        self._pages = pages

    async def answer(self, request: StreamingRequest, admission: Admission, links: Links) -> bytes:
        """Store each file of the form in the folder that somebody was let into.

        :param links: of the view that the form stands in.
        :raise BadType, BadRequest: as `read`.
        """
        wish = conflict(request, Conflict.RENAME)
        if admission.blind:  # what is there already is nothing that a drop folder tells of
            wish = Conflict.RENAME

        async def keep(part: FilePart) -> dict[str, Any]:
            target = admission.path.child(part.filename)
            done = await self._engine.receive(
                target,
                source=IByteSource(part),
                length=None,
                conflict=wish,
                may_replace=admission.may(Right.CHANGE),
                by=admission.principal.name,
                address=request.remote,
            )
            place = target if admission.blind else done.path
            return {
                "path": links.seen(place).display(),
                "href": links.to(place),
                "size": done.size,
                "blake3": done.digest,
            }

        form = Form()
        await self.read(request, form, keep)
        return self._told(request, links.to(admission.path), form.outcomes)

    async def read(self, request: StreamingRequest, form: Form, keep: Keep) -> None:
        """Read a form, and have each of its files kept.

        A file that can't be kept doesn't keep the others from it.

        :param form: where to put what was read, also of a form that fails in the middle.
        :param keep: stores a file, whose name was checked, and gives what there is to tell of it.
        :raise BadType: it is no such form.
        :raise BadRequest: it is malformed or truncated, or has no file; files before that are stored.
        """
        boundary = boundary_of(request.getHeader(b"content-type"))
        if boundary is None:
            raise BadType("Send this as {kind}.", kind="multipart/form-data")

        async def store(part: FilePart) -> None:
            form.outcomes.append(await self._outcome(part, keep))

        reader = FormReader(boundary, lambda part: Deferred.fromCoroutine(store(part)))
        try:
            await reader.read(request.body)
        except FormTooLarge:
            raise BadRequest("The form has too many or too large fields beside its files.") from None
        except FormBroken:
            raise BadRequest("The form is malformed or was cut off; files before that are stored.") from None
        finally:
            form.fields.extend(reader.fields)
        if not form.outcomes:
            raise BadRequest("No file was chosen.")

    async def _outcome(self, part: FilePart, keep: Keep) -> dict[str, Any]:
        shown = part.filename.decode("utf-8", "replace")
        try:
            if b"\\" in part.filename:
                raise BadName()
            check_new_name(part.filename)
            return {"name": shown, "status": 201, **await keep(part)}
        except Fault as fault:
            row = self._errors.row(fault)
            if row.status in ENDS_ALL or row.code == "cut":
                raise
            return {"name": shown, "status": row.status, **self._errors.told(fault)}

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
            return self._pages.answer(request, "outcomes.html", back=folder, outcomes=outcomes)
        request.setHeader(b"content-type", b"application/json")
        body = json.dumps({"files": outcomes}).encode() + b"\n"
        request.setHeader(b"content-length", b"%d" % len(body))
        return body
