"""Who somebody is here, and what they may do: as JSON for programs, as a page for people."""

from attrs import frozen

from peerstor.access.rights import EVERY, Principal, Right, single
from peerstor.access.tokens import spelled
from peerstor.http.request import StreamingRequest
from peerstor.sentences import Sentence
from peerstor.tree.paths import TreePath
from peerstor.web.authentication import Authentication
from peerstor.web.cors import Cors
from peerstor.web.display import time_shown
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard, somewhere
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.routes import Routes
from peerstor.web.uploadcalls import answer
from peerstor.web.visitors import home_of

PAGE = "/-/me"

IN_WORDS = {
    Right.READ: (
        Sentence("You may see and download what is there."),
        Sentence("You may not see and download what is there."),
    ),
    Right.CREATE: (Sentence("You may add files and folders."), Sentence("You may not add files and folders.")),
    Right.CHANGE: (
        Sentence("You may rename, move, replace and delete."),
        Sentence("You may not rename, move, replace and delete."),
    ),
    Right.SHARE: (Sentence("You may make links for others."), Sentence("You may not make links for others.")),
    Right.ADMIN: (
        Sentence("You may look after the server itself."),
        Sentence("You may not look after the server itself."),
    ),
}
"""What each right means, for who has it and for who hasn't."""


@frozen
class Allowed:
    """What somebody may do in a folder and all below it.

    :param path: of the folder.
    """

    path: TreePath
    rights: Right

    @property
    def may(self) -> list[str]:
        """What they may do, in words."""
        return [may for right, (may, _) in IN_WORDS.items() if right in self.rights]

    @property
    def may_not(self) -> list[str]:
        """What they may not, in words."""
        return [may_not for right, (_, may_not) in IN_WORDS.items() if right not in self.rights]


def allowed(principal: Principal) -> list[Allowed]:
    """Sum up what somebody may do, the widest folder first; none that allows no more than one above it."""
    found: list[Allowed] = []
    for parts in sorted({grant.parts for grant in principal.grants}, key=lambda parts: (len(parts), parts)):
        rights = Right.NONE
        for right in single(EVERY):
            rights |= right if principal.may(right, parts) else Right.NONE
        wider = [each.rights for each in found if parts[: len(each.path.parts)] == each.path.parts]
        if rights and not any(rights in each for each in wider):
            found.append(Allowed(TreePath(parts, slash=True), rights))
    return found


class MeFace:
    """Tells whoever asks about themselves, also who isn't signed in, where there is anything that they may do."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        authentication: Authentication,
        links: Links,
        pages: Pages,
    ) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._authentication = authentication
        self._links = links
        self._pages = pages

    @routes.on("/api/me", "GET", needs=EVERY, at=somewhere)
    async def me(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer in JSON."""
        principal = admission.principal
        return answer(
            request,
            {
                "name": principal.name,
                "signed_in": principal.signed_in,
                "home": self._links.to(home_of(principal)),
                "expires": self._authentication.expires(principal),
                "allowed": [
                    {
                        "path": each.path.display(),
                        "href": self._links.to(each.path),
                        "rights": spelled(each.rights).split(","),
                    }
                    for each in allowed(principal)
                ],
            },
        )

    @routes.on(PAGE, "GET", needs=EVERY, at=somewhere)
    async def page(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with a page, which no cache keeps."""
        principal, visitor = admission.principal, admission.visitor
        expires = self._authentication.expires(principal)
        body = self._pages.answer(
            request,
            "me.html",
            visitor=visitor,
            allowed=[(each, self._links.to(each.path)) for each in allowed(principal)],
            expires=None if expires is None else time_shown(expires),
        )
        request.setHeader(b"cache-control", b"private, no-store")
        return body
