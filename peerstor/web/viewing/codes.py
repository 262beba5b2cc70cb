"""The address of a page as a QR code, for the camera of a phone."""

from io import BytesIO

from peerstor.access.rights import Right
from peerstor.errors import BadRequest
from peerstor.http.request import StreamingRequest
from peerstor.interfaces import IThreads
from peerstor.tree.paths import TreePath, quote_name
from peerstor.web.absolute import absolute
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.places import place
from peerstor.web.routes import Routes
from peerstor.web.viewing.targets import view_address

PAGE, IMAGE = "/-/qr", "/-/qr.svg"

LONGEST = 2000
"""Bytes of an address: what a code holds that a camera still reads from a screen."""

BORDER = 4
"""Light modules around the code (ISO/IEC 18004)."""


def code_address(links: Links, path: TreePath, page: str = PAGE) -> str:
    """Give the address of the page, or of the image, with the code of something stored."""
    end = "/" if path.slash and path.parts else ""
    return links.own(f"{page}?path=/") + "/".join(map(quote_name, path.parts)) + end


class CodesFace:
    """Tells nothing but the address that it was asked for: whether something is there isn't looked at."""

    routes = Routes()

    def __init__(
        self, *, guard: Guard, errors: Errors, cors: Cors, links: Links, pages: Pages, threads: IThreads
    ) -> None:
        """Make the face.

        :param threads: where codes are drawn, which takes up to a quarter of a second.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._pages = pages
        self._threads = threads

    @routes.on(PAGE, "GET", needs=Right.READ | Right.CREATE, at=place(b"path"))
    async def page(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with a page that shows the code."""
        path = admission.path
        address = self._address(request, path)
        return self._pages.answer(
            request,
            "qr.html",
            visitor=admission.visitor,
            name=path.name,
            address=address,
            here=self._seen_at(path),
            image=code_address(self._links, path, IMAGE),
        )

    @routes.on(IMAGE, "GET", needs=Right.READ | Right.CREATE, at=place(b"path"))
    async def image(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with the code alone."""
        body = await self._threads.run(_drawn, self._address(request, admission.path))
        request.setHeader(b"content-type", b"image/svg+xml")
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def _address(self, request: StreamingRequest, path: TreePath) -> str:
        """Give the address that the visitor came by; raises BadRequest where no code holds it."""
        address = absolute(request, self._seen_at(path))
        if len(address) > LONGEST:
            raise BadRequest("This address is too long for a QR code.")
        return address

    def _seen_at(self, path: TreePath) -> str:
        """Give the address of the page that shows something: of a folder its listing."""
        return self._links.to(path) if path.slash else view_address(self._links, path)


def _drawn(address: str) -> bytes:
    """Draw a code, dark on light whatever the page around it is like: not every camera reads the inverse."""
    # Not at the top: hardly any visit asks for one.
    import segno

    out = BytesIO()
    code = segno.make(address, error="l", micro=False)
    code.save(out, kind="svg", border=BORDER, light="#fff", omitsize=True, svgclass=None, lineclass=None)
    return out.getvalue()
