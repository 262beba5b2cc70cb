"""The trash as a page: what, when, by whom; back to where it was, or gone for good."""

import json
from typing import Any
from urllib.parse import urlencode

from peerstor.access.rights import Right
from peerstor.errors import NotFound
from peerstor.http.request import StreamingRequest
from peerstor.web.acting.deeds import Deeds
from peerstor.web.cors import Cors
from peerstor.web.display import human_size, time_shown
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard, somewhere
from peerstor.web.parameters import required, text
from peerstor.web.redirects import see_other
from peerstor.web.routes import Routes
from peerstor.web.trashface import TrashFace

PAGE = "/-/trash"

LISTED = 200
"""Things on one page: few look further back than that."""

SAID = {b"restored": "It is back where it was.", b"purged": "It is gone for good."}
"""What a page says of what was just done."""


class TrashPageFace:
    """Lists the trash, puts back, and drops for good once that is confirmed."""

    routes = Routes()

    def __init__(self, *, guard: Guard, errors: Errors, cors: Cors, deeds: Deeds, trash: TrashFace) -> None:
        """Make the face.

        :param trash: has the calls of the API.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._deeds = deeds
        self._trash = trash

    @routes.on(PAGE, "GET", needs=Right.CHANGE, at=somewhere)
    async def look(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with what is in the trash, newest first."""
        cursor, done = text(request, b"cursor"), text(request, b"done")
        listed = await self._listed(request, admission, cursor)
        older = listed["next"]
        return self._deeds.page(
            request,
            admission,
            "trash.html",
            entries=[self._told(entry) for entry in listed["entries"]],
            done=SAID.get(done or b""),
            first=None if cursor is None else self._deeds.links.own(PAGE),
            older=None if older is None else f"?{urlencode({'cursor': older})}",
        )

    @routes.on(f"{PAGE}/restore", "POST", needs=Right.CHANGE, at=somewhere)
    async def restore(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Put something back, with the folders that it lay in; beside what has its name now."""
        page = self._deeds.links.own(PAGE)
        fields = await self._deeds.fields(request, admission, form=page)
        said = {"id": _plain(fields.get("id", "")), "conflict": "rename", "parents": "1"}
        await self._deeds.call(request, admission, self._trash.restore, **said)
        return see_other(request, f"{page}?done=restored")

    @routes.on(f"{PAGE}/purge", "GET", needs=Right.CHANGE, at=somewhere)
    async def ask_to_purge(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Ask once more before something is gone for good."""
        wanted = required(request, b"id").decode("latin-1")
        cursor: bytes | None = None
        while True:
            listed = await self._listed(request, admission, cursor)
            for entry in listed["entries"]:
                if entry["id"] == wanted:
                    return self._deeds.page(request, admission, "purge.html", entry=self._told(entry))
            if listed["next"] is None:
                raise NotFound()
            cursor = listed["next"].encode()

    @routes.on(f"{PAGE}/purge", "POST", needs=Right.CHANGE, at=somewhere)
    async def purge(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Drop something for good."""
        page = self._deeds.links.own(PAGE)
        fields = await self._deeds.fields(request, admission, form=page)
        await self._deeds.call(request, admission, self._trash.purge, id=_plain(fields.get("id", "")))
        return see_other(request, f"{page}?done=purged")

    async def _listed(self, request: StreamingRequest, admission: Admission, cursor: bytes | None) -> Any:
        said = {} if cursor is None else {"cursor": _plain(cursor.decode("latin-1"))}
        return json.loads(await self._deeds.call(request, admission, self._trash.list, limit=str(LISTED), **said))

    def _told(self, entry: dict[str, Any]) -> dict[str, Any]:
        return entry | {
            "shown": entry["name"].encode("utf-8", "replace"),
            "place": entry["path"].encode("utf-8", "replace"),
            "human": human_size(entry["size"]),
            "at": time_shown(entry["when"]),
        }


def _plain(value: str) -> str:
    """Spell a value so that it ends no parameter."""
    return urlencode({"": value})[1:]
