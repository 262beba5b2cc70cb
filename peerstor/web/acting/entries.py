"""One entry on a page of its own: what is known of it, and what can be done with it."""

import os
from typing import Any

from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.web.acting.deeds import Deeds
from peerstor.web.acting.names import new_name
from peerstor.web.cors import Cors
from peerstor.web.display import human_size, time_shown
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.places import place
from peerstor.web.routes import Routes

PAGE, RENAME, DELETE = "/-/entry", "/-/rename", "/-/delete"


class EntryFace:
    """Shows an entry, renames it, and deletes it once that is confirmed."""

    routes = Routes()

    def __init__(
        self, *, guard: Guard, errors: Errors, cors: Cors, deeds: Deeds, sandbox: Sandbox, reads: IThreads
    ) -> None:
        """Make the face.

        :param reads: where the entry is looked at.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._deeds = deeds
        self._sandbox = sandbox
        self._reads = reads

    @routes.on(PAGE, "GET", needs=Right.READ, at=place(b"path"))
    async def entry(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with all that is known of an entry."""
        path, found = await self._reads.run(self._look, admission.path)
        links, principal = self._deeds.links, admission.principal
        return self._deeds.page(
            request,
            admission,
            "entry.html",
            **self._about(path),
            folder=path.slash,
            size=None if path.slash else (human_size(found.st_size), f"{found.st_size:,}"),
            modified=time_shown(found.st_mtime),
            may_change=bool(path.parts) and admission.may(Right.CHANGE),
            may_rename=bool(path.parts)
            and admission.may(Right.CHANGE)
            and principal.may_beside(Right.CREATE, path.parts),
            may_copy=bool(path.parts) and principal.may_somewhere(Right.CREATE),
            rename=self._deeds.address(RENAME, path),
            move=self._deeds.address("/-/move", path),
            delete=self._deeds.address(DELETE, path),
            share=self._deeds.address("/-/shares", path) if admission.may(Right.SHARE) else None,
            up=links.to(path.parent) if principal.may(Right.READ, path.parent.parts) else None,
        )

    @routes.on(RENAME, "POST", needs=Right.CHANGE, at=place(b"path"))
    async def rename(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Give an entry another name in its folder, and show that."""
        path = admission.path
        fields = await self._deeds.fields(request, admission, form=self._deeds.address(PAGE, path))
        to = path.parent.child(new_name(fields), slash=path.slash)
        return await self._deeds.do(request, admission, self._deeds.acts.move, back=path.parent, to=to)

    @routes.on(DELETE, "GET", needs=Right.CHANGE, at=place(b"path"))
    async def ask_to_delete(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Ask once more before something goes to the trash."""
        self.guard.require(admission, Right.READ)
        path, _ = await self._reads.run(self._look, admission.path)
        values = self._about(path)
        return self._deeds.page(
            request, admission, "delete.html", here=self._deeds.address(DELETE, path), **values
        )

    @routes.on(DELETE, "POST", needs=Right.CHANGE, at=place(b"path"))
    async def delete(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Move an entry to the trash, and show the folder that it lay in."""
        path = admission.path
        await self._deeds.fields(request, admission, form=self._deeds.address(PAGE, path))
        return await self._deeds.do(request, admission, self._deeds.acts.delete, back=path.parent)

    def _about(self, path: TreePath) -> dict[str, Any]:
        return {
            "name": path.name,
            "path": TreePath(path.parts, slash=path.slash).display(),
            "href": self._deeds.links.to(path),
            "page": self._deeds.address(PAGE, path),
        }

    def _look(self, path: TreePath) -> tuple[TreePath, os.stat_result]:
        """Find what a path names, and whether that is a folder."""
        with self._sandbox.open(path) as opened:
            return TreePath(path.parts, slash=opened.is_folder, within=path.within), opened.stat
