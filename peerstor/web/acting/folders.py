"""Making a folder by a plain form."""

from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web.acting.deeds import Deeds
from peerstor.web.acting.names import new_name
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.places import place
from peerstor.web.routes import Routes

PAGE = "/-/folder"


class FolderFormFace:
    """Asks for a name, and makes a folder of it."""

    routes = Routes()

    def __init__(self, *, guard: Guard, errors: Errors, cors: Cors, deeds: Deeds) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._deeds = deeds

    @routes.on(PAGE, "GET", needs=Right.CREATE, at=place(b"path"))
    async def ask_for_folder(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with the form."""
        links = self._deeds.links
        return self._deeds.page(
            request,
            admission,
            "folder.html",
            here=self._deeds.address(PAGE, admission.path),
            back=links.to(_folder(admission.path)),
            name=admission.path.name,
        )

    @routes.on(PAGE, "POST", needs=Right.CREATE, at=place(b"path"))
    async def make_folder(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Make it, and show where it lies."""
        above = _folder(admission.path)
        fields = await self._deeds.fields(request, admission, form=self._deeds.address(PAGE, above))
        wanted = self.guard.further(admission, above.child(new_name(fields), slash=True), Right.CREATE)
        return await self._deeds.do(request, wanted, self._deeds.acts.folder, back=above)


def _folder(path: TreePath) -> TreePath:
    return TreePath(path.parts, slash=True, within=path.within)
