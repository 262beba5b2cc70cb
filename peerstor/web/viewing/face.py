"""The face of the pages that show files: each works without scripts."""

from twisted.web.resource import Resource

from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.paths import TreePath
from peerstor.web.cors import Cors
from peerstor.web.display import human_size, time_shown
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.headers import allow_previews
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.routes import Routes
from peerstor.web.viewing.codes import code_address
from peerstor.web.viewing.content import Contents
from peerstor.web.viewing.kinds import PLAYED
from peerstor.web.viewing.targets import VIEW, view_address

RULE = f"{VIEW}/"


def viewed_path(request: StreamingRequest) -> TreePath:
    """Read which file is to be shown.

    :raise BadPath: the address can't name anything.
    """
    return TreePath.from_url(request.path.removeprefix(VIEW.encode()))


class ViewFace:
    """Klein sees one address; which file is meant, the raw address says (`ViewDoor`)."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        links: Links,
        pages: Pages,
        contents: Contents,
        threads: IThreads,
    ) -> None:
        """Make the face.

        :param threads: where files are read and pages made.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._pages = pages
        self._contents = contents
        self._threads = threads

    @routes.on(RULE, "GET", needs=Right.READ, at=viewed_path)
    async def view(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with the page of a file, or lead to a folder's own."""
        body = await self._threads.run(self._page, admission, self._pages.texts(request).language)
        if body is None:
            request.setResponseCode(303)
            folder = TreePath(admission.path.parts, slash=True)
            request.setHeader(b"location", self._links.to(folder).encode())
            request.setHeader(b"content-length", b"0")
            return b""
        self._pages.head(request)
        allow_previews(request)
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def _page(self, admission: Admission, language: str) -> bytes | None:
        path, parent = admission.path, admission.path.parent
        sees_folder = admission.principal.may(Right.READ, parent.parts)
        shown = self._contents.of(path, with_neighbours=sees_folder)
        if shown is None:
            return None
        address = self._links.to(path)
        return self._pages.render(
            language,
            "view.html",
            visitor=admission.visitor,
            name=path.name,
            folder=(self._links.to(parent), parent.name) if sees_folder else None,
            address=address,
            code=code_address(self._links, path),
            shown=shown,
            played=PLAYED,
            size=human_size(shown.size),
            modified=time_shown(shown.mtime),
            previous=self._beside(parent, shown.beside.previous),
            following=self._beside(parent, shown.beside.following),
        )

    def _beside(self, folder: TreePath, name: bytes | None) -> tuple[str, bytes] | None:
        return None if name is None else (view_address(self._links, folder.child(name)), name)


class ViewDoor(Resource):
    """Gives Klein an address that it can match: names of files, which needn't be UTF-8, stay in the raw one."""

    isLeaf = True

    def __init__(self, face: Resource) -> None:
        """Lead to the face."""
        super().__init__()
        self._face = face

    def render(self, request: StreamingRequest) -> bytes | int:
        """Have the face answer."""
        request.prepath, request.postpath = [], [*RULE.strip("/").encode().split(b"/"), b""]
        answer: bytes | int = self._face.render(request)
        return answer
