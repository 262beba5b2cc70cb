"""What the faces of plain forms share: the calls of the API behind them, and the pages before and after."""

from collections.abc import Awaitable, Callable
from typing import Any

from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath, quote_name
from peerstor.web.bodies import fields_of
from peerstor.web.guard import Admission
from peerstor.web.headers import set_page_headers
from peerstor.web.links import Links
from peerstor.web.operations import OperationsFace
from peerstor.web.pages import Pages
from peerstor.web.redirects import see_other
from peerstor.web.waysout import WayOut, keep_way_out

Call = Callable[[StreamingRequest, Admission], Awaitable[bytes]]
"""A handler of the API, without the guard before it."""


def parameter(path: TreePath) -> str:
    """Spell a path as a parameter, exact to the byte; a folder with a `/` at its end."""
    return "/" + "/".join(map(quote_name, path.parts)) + ("/" if path.slash and path.parts else "")


class Deeds:
    """Does what a form says as the API does it, and leads back; where it fails, the page leads to the form."""

    def __init__(self, *, acts: OperationsFace, links: Links, pages: Pages) -> None:
        """Make it.

        :param acts: has the calls.
        """
        self.acts = acts
        self.links = links
        self._pages = pages

    def page(self, request: StreamingRequest, admission: Admission, template: str, **values: Any) -> bytes:
        """Answer with a page, which no cache keeps: what it tells may be gone in the next moment."""
        set_page_headers(request)
        request.setHeader(b"cache-control", b"private, no-store")
        body = self._pages.render(template, visitor=admission.visitor, **values)
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def address(self, page: str, path: TreePath) -> str:
        """Give the address of a page of ours about an entry.

        :param page: its path.
        """
        return self.links.own(f"{page}?path={parameter(path)}")

    async def fields(self, request: StreamingRequest, admission: Admission, *, form: str) -> dict[str, str]:
        """Read a form.

        :param form: its address; what goes wrong from here on leads back to it.
        :raise BadType, BadRequest, TooLarge, BodyCut: as `fields_of`.
        """
        keep_way_out(request, WayOut(home=admission.visitor.home, back=form, words="Back to the form"))
        return await fields_of(request)

    async def do(
        self,
        request: StreamingRequest,
        admission: Admission,
        call: Call,
        *,
        back: TreePath,
        **said: TreePath | str,
    ) -> bytes:
        """Make a call of the API, and show a folder.

        :param admission: to what the call is about.
        :param back: the folder.
        :param said: the call's further parameters.
        """
        await self.call(request, admission, call, **said)
        return see_other(request, self.links.to(back))

    async def call(
        self, request: StreamingRequest, admission: Admission, call: Call, **said: TreePath | str
    ) -> bytes:
        """Make a call of the API, with the parameters that it reads from the query."""
        spelled = (
            f"{name}={parameter(value) if isinstance(value, TreePath) else value}" for name, value in said.items()
        )
        request.uri = request.uri.partition(b"?")[0] + b"?" + "&".join(spelled).encode()
        answered = await call(request, admission)
        request.responseHeaders.removeHeader(b"content-type")
        return answered
