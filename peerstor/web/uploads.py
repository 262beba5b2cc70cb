"""The resumable upload API (`http.md`, section 3): offset, chunk, complete, abandon."""

import json
from typing import Any

from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IByteSource
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.uploads.engine import Engine
from peerstor.uploads.records import UploadKey
from peerstor.web.conditions import refuse_coding
from peerstor.web.cors import Cors
from peerstor.web.digests import CONTENT, said_digest, sent_digests
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.parameters import conflict, number, required, required_number, text
from peerstor.web.routes import Routes


def _target(request: StreamingRequest) -> TreePath:
    """Read which path an upload is meant for; its last name is checked by the engine."""
    folder = TreePath.from_parameter(text(request, b"dir") or b"/")
    return folder.child(required(request, b"name"))


class UploadsFace:
    """Each call names an upload by its folder and name; to whom it belongs, the guard says."""

    routes = Routes()

    def __init__(self, *, guard: Guard, errors: Errors, cors: Cors, links: Links, engine: Engine) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._engine = engine

    @routes.on("/api/upload/offset", "GET", needs=Right.CREATE, at=_target)
    async def offset(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Tell how many bytes have arrived."""
        key = _key(request, admission)
        offset = await self._engine.offset(
            key,
            size=number(request, b"size"),
            fingerprint=_text(request, b"fingerprint"),
            session=_text(request, b"session"),
        )
        return _json(request, {"offset": offset})

    @routes.on("/api/upload/chunk", "POST", needs=Right.CREATE, at=_target)
    async def chunk(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Take the next bytes."""
        key = _key(request, admission)
        offset, size = required_number(request, b"offset"), number(request, b"size")
        refuse_coding(request.requestHeaders)
        following = await self._engine.append(
            key,
            offset=offset,
            source=IByteSource(request.body),
            length=request.body.length,
            size=size,
            fingerprint=_text(request, b"fingerprint"),
            session=_text(request, b"session"),
            digests=sent_digests(request.requestHeaders, CONTENT),
        )
        return _json(request, {"nextOffset": following})

    @routes.on("/api/upload/complete", "POST", needs=Right.CREATE, at=_target)
    async def complete(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Publish what has arrived."""
        key, wish = _key(request, admission), conflict(request, Conflict.RENAME)
        done = await self._engine.complete(
            key,
            size=required_number(request, b"size"),
            # What is there already is nothing that a drop folder tells of.
            conflict=Conflict.RENAME if admission.blind else wish,
            may_replace=admission.may(Right.CHANGE),
            fingerprint=_text(request, b"fingerprint"),
            session=_text(request, b"session"),
            digest=said_digest(request),
            address=request.remote,
        )
        shown = admission.path if admission.blind else done.path
        told = {
            "status": "ok",
            "path": shown.display(),
            "href": self._links.to(shown),
            "size": done.size,
            "blake3": done.digest,
        }
        return _json(request, told)

    @routes.on("/api/upload/abandon", "POST", needs=Right.CREATE, at=_target)
    async def abandon(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Drop what has arrived."""
        abandoned = await self._engine.abandon(_key(request, admission), session=_text(request, b"session"))
        return _json(request, {"status": "ok", "abandoned": abandoned})


def _key(request: StreamingRequest, admission: Admission) -> UploadKey:
    folder = admission.path.parent
    return UploadKey(admission.principal.name, folder.joined, required(request, b"name"), within=folder.within)


def _text(request: StreamingRequest, name: bytes) -> str | None:
    value = text(request, name)
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _json(request: StreamingRequest, value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode() + b"\n"
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"content-length", b"%d" % len(body))
    return body
