"""The calls of the resumable upload API (`http.md`, section 3), wherever it stands."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IByteSource
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.uploads.engine import Engine
from peerstor.uploads.records import Completed, UploadKey
from peerstor.web.conditions import refuse_coding
from peerstor.web.digests import CONTENT, said_digest, sent_digests
from peerstor.web.links import Links
from peerstor.web.parameters import conflict, number, required_number, text


class UploadCalls:
    """Reads what a call states, and has the engine do it; to whom an upload belongs, the caller says."""

    def __init__(self, *, engine: Engine, max_request: Callable[[], int | None] = lambda: None) -> None:
        """Serve an engine.

        :param max_request: tells how many bytes get through in one request; None where nobody knows of a limit.
        """
        self._engine = engine
        self._max_request = max_request

    async def offset(self, request: StreamingRequest, key: UploadKey) -> dict[str, int]:
        """Give the answer that tells how many bytes have arrived, and how many to send at once at most."""
        offset = await self._engine.offset(
            key,
            size=number(request, b"size"),
            fingerprint=_text(request, b"fingerprint"),
            session=_text(request, b"session"),
        )
        most = self._max_request()
        return {"offset": offset} if most is None else {"offset": offset, "maxChunk": most}

    async def chunk(
        self,
        request: StreamingRequest,
        key: UploadKey,
        source: IByteSource,
        kept: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Take the next bytes; give the offset behind them.

        :param source: of the request's body.
        :param kept: told how many of them are kept (`Engine.append`).
        """
        offset, size = required_number(request, b"offset"), number(request, b"size")
        refuse_coding(request.requestHeaders)
        return await self._engine.append(
            key,
            offset=offset,
            source=source,
            length=request.body.length,
            size=size,
            fingerprint=_text(request, b"fingerprint"),
            session=_text(request, b"session"),
            digests=sent_digests(request.requestHeaders, CONTENT),
            kept=kept,
        )

    async def complete(
        self,
        request: StreamingRequest,
        key: UploadKey,
        *,
        blind: bool,
        may_replace: bool,
        renamed: Conflict = Conflict.RENAME,
    ) -> Completed:
        """Publish what has arrived.

        :param blind: whether what is there already is nothing that the client is told of.
        :param renamed: what becomes of a wish for another name.
        """
        wish = conflict(request, Conflict.RENAME)
        return await self._engine.complete(
            key,
            size=required_number(request, b"size"),
            conflict=renamed if blind or wish is Conflict.RENAME else wish,
            may_replace=may_replace,
            fingerprint=_text(request, b"fingerprint"),
            session=_text(request, b"session"),
            digest=said_digest(request),
            address=request.remote,
        )

    async def abandon(self, request: StreamingRequest, key: UploadKey) -> int | None:
        """Drop what has arrived; tell how many bytes that was, and None where there was no upload."""
        return await self._engine.abandon(key, session=_text(request, b"session"))


def completed(shown: TreePath, done: Completed, links: Links) -> dict[str, Any]:
    """Give the answer to `complete`.

    :param shown: the path that the client is told of.
    """
    return {
        "status": "ok",
        "path": links.seen(shown).display(),
        "href": links.to(shown),
        "size": done.size,
        "blake3": done.digest,
    }


def answer(request: StreamingRequest, value: Mapping[str, Any]) -> bytes:
    """Set up the answer to a call and give its body."""
    body = json.dumps(value).encode() + b"\n"
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"content-length", b"%d" % len(body))
    return body


def _text(request: StreamingRequest, name: bytes) -> str | None:
    value = text(request, name)
    return None if value is None else value.decode("utf-8", "surrogateescape")
