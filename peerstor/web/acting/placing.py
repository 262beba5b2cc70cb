"""Choosing the folder that something is moved or copied to, by following links."""

from peerstor.access.rights import Right
from peerstor.errors import BadRequest
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.entries import list_folder
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Sandbox
from peerstor.web.acting.deeds import Deeds, parameter
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.parameters import text
from peerstor.web.places import path_parameter, place
from peerstor.web.routes import Routes

PAGE = "/-/move"

LOOKED_AT = 10_000
"""Entries among which a folder's folders are looked for: more would keep whoever chooses waiting."""


class PlacingFace:
    """Moves or copies an entry to a folder."""

    routes = Routes()

    def __init__(
        self, *, guard: Guard, errors: Errors, cors: Cors, deeds: Deeds, sandbox: Sandbox, lists: IThreads
    ) -> None:
        """Make the face.

        :param lists: where folders are listed.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._deeds = deeds
        self._sandbox = sandbox
        self._lists = lists

    @routes.on(PAGE, "GET", needs=Right.READ, at=place(b"path"))
    async def choose_place(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with the folders of a folder, each a link to its own, and the buttons that choose this one."""
        path = admission.path
        into = self.guard.further(admission, _into(request, path), Right.READ)
        folders, more = await self._lists.run(self._folders, into.path)
        here = into.path
        above = [TreePath(here.parts[:count], slash=True) for count in range(len(here.parts) + 1)]
        seen = [folder for folder in above if admission.principal.may(Right.READ, folder.parts)]
        return self._deeds.page(
            request,
            admission,
            "place.html",
            path=TreePath(path.parts, slash=path.slash).display(),
            name=path.name,
            page=self._deeds.address("/-/entry", path),
            here=self._address(path, here),
            into=parameter(here),
            crumbs=[(self._address(path, folder), folder.name) for folder in seen],
            folders=[(self._address(path, here.child(name, slash=True)), name) for name in folders],
            more=more,
            may_create=into.may(Right.CREATE),
            may_move=admission.may(Right.CHANGE) and here.parts != path.parts[:-1],
        )

    @routes.on(PAGE, "POST", needs=Right.READ, at=place(b"path"))
    async def put_in_place(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Move or copy it there, and show that folder. A copy gets a number where its name is taken."""
        path, into = admission.path, _into(request, admission.path)
        fields = await self._deeds.fields(request, admission, form=self._address(path, into))
        to = into.child(path.name, slash=path.slash)
        act = fields.get("act")
        if act == "copy":
            return await self._deeds.do(
                request, admission, self._deeds.acts.copy, back=into, to=to, conflict="rename"
            )
        if act != "move":
            raise BadRequest("act must be move or copy.")
        self.guard.require(admission, Right.CHANGE)
        return await self._deeds.do(request, admission, self._deeds.acts.move, back=into, to=to)

    def _address(self, path: TreePath, into: TreePath) -> str:
        return f"{self._deeds.address(PAGE, path)}&into={parameter(into)}"

    def _folders(self, path: TreePath) -> tuple[list[bytes], bool]:
        """Find the folders of a folder, and tell whether there may be more."""
        with self._sandbox.folder(path) as folder:
            page = list_folder(self._sandbox, folder, sort="name", descending=False, limit=LOOKED_AT, cursor=None)
        return [entry.name for entry in page.entries if entry.is_folder], page.next is not None


def _into(request: StreamingRequest, path: TreePath) -> TreePath:
    """Read which folder is looked at: at first, the one that the entry lies in."""
    if text(request, b"into") is None:
        return TreePath(path.parts[:-1], slash=True)
    return TreePath(path_parameter(request, b"into").parts, slash=True)
