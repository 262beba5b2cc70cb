"""The API of share links: list, make, look at, change, revoke."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from peerstor.access.rights import Right
from peerstor.access.shares.share import Delivery, Share
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web.absolute import absolute
from peerstor.web.bodies import object_of
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard, somewhere
from peerstor.web.links import Links
from peerstor.web.routes import Routes
from peerstor.web.shares.fields import CHANGEABLE, FIELDS, wish_of
from peerstor.web.shares.making import Sharing
from peerstor.web.shares.view import address_of


class ShareApiFace:
    """Everything here is JSON, and for whoever may share somewhere."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        links: Links,
        sharing: Sharing,
        wall: Callable[[], float],
    ) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._sharing = sharing
        self._wall = wall

    @routes.on("/api/shares", "GET", needs=Right.SHARE, at=somewhere)
    async def list(self, request: StreamingRequest, admission: Admission) -> bytes:
        """List one's own shares, or with the right `admin` everybody's."""
        found = self._sharing.seen_by(admission.principal)
        return _json(request, {"shares": [self._told(request, share) for share in found]})

    @routes.on("/api/shares", "POST", needs=Right.SHARE, at=somewhere)
    async def make(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Make a share."""
        wish = wish_of(await object_of(request), FIELDS, self._wall())
        share = await self._sharing.make(request, admission, wish)
        request.setResponseCode(201)
        request.setHeader(b"location", self._links.own(f"/api/shares/{share.id}").encode())
        return _json(request, self._told(request, share))

    @routes.on("/api/shares/<share>", "GET", needs=Right.SHARE, at=somewhere)
    async def look(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Tell all of one share, with what was sent through it."""
        found = self._sharing.one(admission.principal, share)
        deliveries = [_delivered(one) for one in await self._sharing.deliveries(found)]
        return _json(request, {**self._told(request, found), "deliveries": deliveries})

    @routes.on("/api/shares/<share>", "PATCH", needs=Right.SHARE, at=somewhere)
    async def change(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """Change those fields of a share that are given."""
        found = self._sharing.one(admission.principal, share)
        wish = wish_of(await object_of(request), CHANGEABLE, self._wall())
        changed = await self._sharing.change(request, admission, found, wish)
        return _json(request, self._told(request, changed))

    @routes.on("/api/shares/<share>", "DELETE", needs=Right.SHARE, at=somewhere)
    async def revoke(self, request: StreamingRequest, admission: Admission, share: str) -> bytes:
        """End a share."""
        await self._sharing.revoke(request, admission, self._sharing.one(admission.principal, share))
        request.setResponseCode(204)
        return b""

    def _told(self, request: StreamingRequest, share: Share) -> dict[str, Any]:
        href = address_of(self._links, share)
        return {
            "id": share.id,
            "url": absolute(request, href),
            "href": href,
            "path": TreePath(share.parts, slash=share.folder).display(),
            "type": "folder" if share.folder else "file",
            "mode": share.mode.value,
            "live": self._sharing.holds(share),
            "created_by": share.made_by,
            "created": moment(share.created),
            "expires": None if share.expires is None else moment(share.expires),
            "password": share.password is not None,
            "max_downloads": share.max_downloads,
            "downloads": share.downloads,
            "max_bytes": share.max_bytes,
            "bytes": share.bytes,
            "note": share.note,
        }


def moment(seconds: float) -> str:
    """Write a time as RFC 3339 has it.

    :param seconds: since the epoch.
    """
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _delivered(delivery: Delivery) -> dict[str, Any]:
    return {
        "at": moment(delivery.at),
        "address": delivery.address,
        "sender": delivery.sender,
        "note": delivery.note,
        "files": [{"name": name, "size": size} for name, size in delivery.files],
        "count": delivery.count,
    }


def _json(request: StreamingRequest, value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode() + b"\n"
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"cache-control", b"private, no-store")
    request.setHeader(b"content-length", b"%d" % len(body))
    return body
