"""The API of the trash: what is in it, putting it back, dropping it for good."""

from collections.abc import Callable, Sequence
from threading import Event

from twisted.internet.defer import Deferred

from peerstor.access.rights import Right
from peerstor.errors import BadRequest, Forbidden, LoginNeeded, NotFound
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IChangeListener, IThreads
from peerstor.tree.moving import OtherDisk
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.tree.restoring import Place, Restorer, Trashed
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard, somewhere
from peerstor.web.links import Links
from peerstor.web.outliving import outliving
from peerstor.web.parameters import conflict, number, required, text
from peerstor.web.routes import Routes
from peerstor.web.uploadcalls import answer

LIMIT, LIMIT_AT_MOST = 1000, 10_000


class TrashFace:
    """Whoever may read and change what lies at a path may do all this with what lay there."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        links: Links,
        restorer: Restorer,
        disk: IThreads,
        lists: IThreads,
        copies: IThreads,
        listeners: Sequence[IChangeListener],
    ) -> None:
        """Make the face.

        :param disk: where the tree is changed.
        :param lists: where the trash is listed.
        :param copies: where what takes long is done.
        :param listeners: told of what has changed.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._restorer = restorer
        self._disk = disk
        self._lists = lists
        self._copies = copies
        self._listeners = listeners

    @routes.on("/api/trash", "GET", needs=Right.CHANGE, at=somewhere)
    async def list(self, request: StreamingRequest, admission: Admission) -> bytes:
        """List what is in the trash, newest first."""
        limit = number(request, b"limit")
        if limit is not None and not 1 <= limit <= LIMIT_AT_MOST:
            raise BadRequest("limit must be a number from 1 to {most}.", most=LIMIT_AT_MOST)
        cursor = text(request, b"cursor")
        page = await self._lists.run(
            self._restorer.page,
            place=self._place(admission),
            limit=limit or LIMIT,
            cursor=None if cursor is None else cursor.decode("latin-1"),
        )
        if not request.responseHeaders.hasHeader(b"cache-control"):
            request.setHeader(b"cache-control", b"no-cache")
        return answer(request, {"entries": [_told(entry) for entry in page.entries], "next": page.next})

    @routes.on("/api/trash/restore", "POST", needs=Right.CHANGE, at=somewhere)
    async def restore(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Put something back where it was."""
        id_ = required(request, b"id").decode("latin-1")
        wish = conflict(request, Conflict.REFUSE)
        if wish is Conflict.REPLACE:
            raise BadRequest("{name} must be {one} or {other}.", name="conflict", one="rename", other="refuse")
        principal = admission.principal

        def settle(path: TreePath) -> Conflict:
            # A numbered name lies beside the thing's own, where a right to that alone doesn't reach.
            return wish if principal.may_beside(Right.CHANGE, path.parts) else Conflict.REFUSE

        def told(path: TreePath) -> None:
            for listener in self._listeners:
                listener.restored(path.joined, principal.name, request.remote)

        def work(threads: IThreads, left: Event | None) -> Deferred[TreePath]:
            return threads.run(
                self._restorer.restore,
                id_,
                place=self._place(admission),
                conflict=settle,
                parents=self._parents(request, admission),
                unwanted=None if left is None else left.is_set,
            )

        try:
            path = await outliving(work(self._disk, None), told=told)
        except OtherDisk:
            left = Event()
            path = await outliving(work(self._copies, left), told=told, left=left.set)
        return answer(request, {"status": "ok", "path": path.display(), "href": self._links.to(path)})

    @routes.on("/api/trash/purge", "POST", needs=Right.CHANGE, at=somewhere)
    async def purge(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Drop something for good."""
        id_, by = required(request, b"id").decode("latin-1"), admission.principal.name

        def told(path: TreePath) -> None:
            for listener in self._listeners:
                listener.purged(path.joined, by, request.remote)

        work = self._disk.run(self._restorer.purge, id_, place=self._place(admission))
        await outliving(work, told=told)
        return answer(request, {"status": "ok"})

    def _place(self, admission: Admission) -> Place:
        def place(path: TreePath) -> TreePath | None:
            try:
                return self.guard.further(admission, path, Right.READ | Right.CHANGE).path
            except (LoginNeeded, Forbidden, NotFound):
                return None

        return place

    def _parents(self, request: StreamingRequest, admission: Admission) -> Callable[[TreePath], bool] | None:
        value = text(request, b"parents")
        if value not in (None, b"0", b"1"):
            raise BadRequest("{name} must be {one} or {other}.", name="parents", one="1", other="0")
        if value != b"1":
            return None
        return lambda folder: admission.principal.may(Right.CHANGE, folder.parts)


def _told(entry: Trashed) -> dict[str, object]:
    return {
        "id": entry.id,
        "name": entry.path.name.decode("utf-8", "replace"),
        "path": entry.path.display(),
        "type": "file" if entry.size is not None else "folder",
        "size": entry.size,
        "when": entry.when,
        "by": entry.by,
    }
