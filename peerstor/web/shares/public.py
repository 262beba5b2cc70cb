"""The face of a share link: what whoever has it can see, or send."""

import json
from typing import Any

from peerstor.access.rights import Right
from peerstor.access.shares.allowance import Allowance
from peerstor.access.shares.share import Mode
from peerstor.access.shares.tickets import Tickets
from peerstor.errors import BadRequest, LengthNeeded
from peerstor.http.request import StreamingRequest
from peerstor.web.conditions import refuse_coding
from peerstor.web.cors import Cors
from peerstor.web.digests import WHOLE, sent_digests
from peerstor.web.display import human_size, time_shown
from peerstor.web.errors import Errors
from peerstor.web.forms import Form
from peerstor.web.guard import Admission, Guard
from peerstor.web.negotiation import wanted_type
from peerstor.web.pages import Pages
from peerstor.web.parameters import number, text
from peerstor.web.routes import Routes
from peerstor.web.shares.guard import UNSTORED, ShareGuard
from peerstor.web.shares.reading import ShareReading, give_ticket
from peerstor.web.shares.uploads import ShareUploads
from peerstor.web.shares.view import Visit, opened_path, upload_target, visit_of

FORMS = ("application/json", "text/html")


class SharedFace:
    """Klein sees one address for each share; what of it is meant, the raw address says (`ShareDoor`)."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: ShareGuard,
        errors: Errors,
        cors: Cors,
        pages: Pages,
        reading: ShareReading,
        uploads: ShareUploads,
        allowance: Allowance,
        tickets: Tickets,
    ) -> None:
        self.guard: Guard = guard
        self.errors = errors
        self.cors = cors
        self._pages = pages
        self._reading = reading
        self._uploads = uploads
        self._allowance = allowance
        self._tickets = tickets

    @routes.on("/-/s/<share>", "GET", needs=Right.READ | Right.CREATE, at=opened_path)
    async def read(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Answer with what is shared; where that is only taken, with the page to send it by."""
        if visit_of(request).share.mode is Mode.READ:
            return await self._reading.answer(request, admission)
        return self._invite(request, admission)

    @routes.on("/-/s/<share>", "PUT", needs=Right.CREATE, at=upload_target)
    async def put(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Take a file."""
        headers, path = request.requestHeaders, admission.path
        if headers.hasHeader(b"content-range"):
            raise BadRequest("A part of a file cannot be put; send the whole, or use the upload API.")
        refuse_coding(headers)
        if not (headers.hasHeader(b"content-length") or headers.hasHeader(b"transfer-encoding")):
            raise LengthNeeded()
        visit = visit_of(request)
        sender, note = (_words(request, name) for name in (b"sender", b"note"))
        await self._uploads.put(
            request, visit.share, path, digests=sent_digests(headers, WHOLE), sender=sender, note=note
        )
        request.setResponseCode(201)
        request.setHeader(b"content-length", b"0")
        return b""

    @routes.on("/-/s/<share>", "POST", needs=Right.CREATE, at=opened_path)
    async def post(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Take the files of a form."""
        refuse_coding(request.requestHeaders)
        visit = visit_of(request)
        form = await self._uploads.form(request, visit.share, admission.path)
        return self._told(request, admission, visit, form)

    def _told(self, request: StreamingRequest, admission: Admission, visit: Visit, form: Form) -> bytes:
        """Tell what became of each file: a person by the page they came from, where all went well."""
        failed = [outcome for outcome in form.outcomes if "error" in outcome]
        request.responseHeaders.addRawHeader(b"vary", b"Accept")
        request.setHeader(b"cache-control", UNSTORED)
        page = wanted_type(request.requestHeaders, FORMS) == "text/html"
        if page and not failed:
            request.setResponseCode(303)
            request.setHeader(b"location", f"{visit.address}?sent={len(form.outcomes)}".encode())
            request.setHeader(b"content-length", b"0")
            return b""
        request.setResponseCode(failed[0]["status"] if len(failed) == len(form.outcomes) else 201)
        if not page:
            return _json(request, {"files": form.outcomes})
        return self._page(request, "share_outcomes.html", admission, back=visit.address, outcomes=form.outcomes)

    def _invite(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Tell somebody how to send files; nothing of it depends on what is there."""
        visit = visit_of(request)
        share, left = visit.share, self._allowance.left(visit.share)
        request.responseHeaders.addRawHeader(b"vary", b"Accept")
        request.setHeader(b"cache-control", UNSTORED)
        if wanted_type(request.requestHeaders, FORMS) != "text/html":
            return _json(request, {"mode": share.mode.value, "note": share.note, "left": left})
        give_ticket(request, visit, self._tickets)
        return self._page(
            request,
            "share_upload.html",
            admission,
            here=visit.address,
            share=visit.address,
            folder=f"{visit.address}/",  # what the page's script remembers uploads by
            resumable=left != 0,
            note=share.note,
            sent=number(request, b"sent"),
            left=None if left is None else human_size(left),
            full=left == 0,
            expires=None if share.expires is None else time_shown(share.expires),
        )

    def _page(self, request: StreamingRequest, template: str, admission: Admission, **values: Any) -> bytes:
        return self._pages.answer(request, template, visitor=admission.visitor, **values)


def _words(request: StreamingRequest, name: bytes) -> str:
    return (text(request, name) or b"").decode("utf-8", "replace")


def _json(request: StreamingRequest, value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode() + b"\n"
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"content-length", b"%d" % len(body))
    return body
