"""The API of what can be done to entries of the tree."""

from collections.abc import Sequence
from typing import Any

from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IChangeListener, IThreads
from peerstor.tree.operations import Operations
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.outliving import outliving
from peerstor.web.places import place
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
        disk: IThreads,
        listeners: Sequence[IChangeListener],
    ) -> None:
        """Make the face.

        :param disk: where the tree is changed.
        :param listeners: told of what has changed.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._operations = operations
        self._disk = disk
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
        shown = TreePath(wanted.parts, slash=True) if admission.blind else path
        return answer(request, self._settled(shown))

    def _settled(self, path: TreePath) -> dict[str, Any]:
        """Tell under which path something is found from now on."""
        return {"status": "ok", "path": path.display(), "href": self._links.to(path)}
