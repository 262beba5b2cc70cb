"""The API of what can be done to entries of the tree."""

from collections.abc import Sequence
from threading import Event
from typing import Any

from peerstor.access.rights import Right
from peerstor.errors import BadRequest
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IChangeListener, IThreads
from peerstor.tree.moving import Moved, OtherDisk, Wanted
from peerstor.tree.operations import Operations
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict, Publisher
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.outliving import outliving
from peerstor.web.parameters import conflict
from peerstor.web.places import path_parameter, place
from peerstor.web.renaming import renamed
from peerstor.web.routes import Routes
from peerstor.web.uploadcalls import answer


class OperationsFace:
    """Each call names its entries by parameters; all are answered in JSON."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        links: Links,
        operations: Operations,
        publisher: Publisher,
        disk: IThreads,
        copies: IThreads,
        listeners: Sequence[IChangeListener],
    ) -> None:
        """Make the face.

        :param disk: where the tree is changed.
        :param copies: where what takes long is done.
        :param listeners: told of what has changed.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._operations = operations
        self._publisher = publisher
        self._disk = disk
        self._copies = copies
        self._listeners = listeners

    @routes.on("/api/folder", "POST", needs=Right.CREATE, at=place(b"path"))
    async def folder(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Make a folder."""
        wanted, by = admission.path, admission.principal.name
        work = self._disk.run(
            self._operations.folders.make,
            wanted,
            # Whoever adds things unseen isn't told that the name is taken.
            conflict=renamed(admission) if admission.blind else Conflict.REFUSE,
        )

        def told(path: TreePath) -> None:
            for listener in self._listeners:
                listener.made(path.joined, by, request.remote)

        path = await outliving(work, told=told)
        request.setResponseCode(201)
        return answer(request, self._settled(self._shown(admission, path)))

    @routes.on("/api/move", "POST", needs=Right.CHANGE, at=place(b"from"))
    async def move(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Give a file or folder another name, there or elsewhere."""
        target = self.guard.further(admission, path_parameter(request, b"to"), Right.CREATE)
        if not target.blind:
            # What one may change and not see isn't brought to where one sees it.
            self.guard.require(admission, Right.READ)
        wanted = Wanted(
            source=admission.path,
            target=target.path,
            conflict=self._conflict(request, target, Conflict.REFUSE),
            by=admission.principal.name,
            may_replace=target.may(Right.CHANGE),
        )

        def told(moved: Moved) -> None:
            source, to = wanted.source.joined, moved.path.joined
            for listener in self._listeners:
                listener.moved(source, to, wanted.by, moved.replaced, request.remote)

        mover = self._operations.mover
        try:
            moved = await outliving(self._disk.run(mover.move, wanted), told=told)
        except OtherDisk:
            left = Event()
            work = self._copies.run(mover.carry, wanted, unwanted=left.is_set)
            moved = await outliving(work, told=told, left=left.set)
        return answer(request, self._settled(self._shown(target, moved.path)))

    @routes.on("/api/copy", "POST", needs=Right.READ, at=place(b"from"))
    async def copy(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Copy a file or folder; whoever leaves meanwhile wants it no more."""
        target = self.guard.further(admission, path_parameter(request, b"to"), Right.CREATE)
        wish = self._conflict(request, target, Conflict.RENAME)
        if wish is Conflict.REPLACE:
            raise BadRequest("{name} must be {one} or {other}.", name="conflict", one="rename", other="refuse")
        source, by, left = admission.path, admission.principal.name, Event()

        def told(path: TreePath) -> None:
            for listener in self._listeners:
                listener.copied(source.joined, path.joined, by, request.remote)

        work = self._copies.run(
            self._operations.duplicator.copy, source, target.path, conflict=wish, unwanted=left.is_set
        )
        path = await outliving(work, told=told, left=left.set)
        request.setResponseCode(201)
        return answer(request, self._settled(self._shown(target, path)))

    @routes.on("/api/delete", "POST", needs=Right.CHANGE, at=place(b"path"))
    async def delete(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Move a file or folder to the trash, and tell by which id it can be put back."""
        path, by = admission.path, admission.principal.name

        def told(_: str) -> None:
            for listener in self._listeners:
                listener.removed(path.joined, by, request.remote)

        work = self._disk.run(self._publisher.delete, path, by=by, either=True)
        return answer(request, {"status": "ok", "trash": await outliving(work, told=told)})

    def _conflict(self, request: StreamingRequest, target: Admission, default: Conflict) -> Conflict:
        """Tell what is to happen where the name is taken: as is asked for, as far as that may be."""
        wish = conflict(request, default)
        return renamed(target) if target.blind or wish is Conflict.RENAME else wish

    def _shown(self, target: Admission, path: TreePath) -> TreePath:
        """Tell which path the client is told of: whoever sees nothing there learns no name that was free."""
        return TreePath(target.path.parts, slash=path.slash) if target.blind else path

    def _settled(self, path: TreePath) -> dict[str, Any]:
        """Tell under which path something is found from now on."""
        return {"status": "ok", "path": path.display(), "href": self._links.to(path)}
