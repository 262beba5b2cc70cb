"""The guard of shares: as strict as the other, and nothing that it answers leads anywhere else."""

from peerstor.access.rights import Principal
from peerstor.access.shares.share import Share
from peerstor.access.shares.shares import Shares
from peerstor.errors import NotFound, PasswordNeeded
from peerstor.http.request import StreamingRequest
from peerstor.sentences import Sentence
from peerstor.web.challenge import is_navigation, set_challenge
from peerstor.web.display import time_shown
from peerstor.web.errors import Errors
from peerstor.web.guard import Guard
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.shares.access import ShareAccess
from peerstor.web.shares.view import MOUNT, id_of
from peerstor.web.visitors import Visitor
from peerstor.web.waysout import WayOut, keep_way_out, way_out_of

UNSTORED = b"private, no-store"
"""What a page of a share is to caches: whoever uses the browser next shall not find it there."""

ENDED = WayOut(home="", hint=Sentence("The link may have ended. Ask whoever gave it to you for another one."))
"""One and the same for all that was and never was."""


class ShareGuard(Guard):
    """Lets visitors of shares through to its handlers."""

    leads_home = False

    def __init__(self, *, access: ShareAccess, errors: Errors, links: Links, pages: Pages, shares: Shares) -> None:
        super().__init__(access=access, errors=errors, links=links)
        self._pages = pages
        self._shares = shares

    def visitor_of(self, principal: Principal) -> Visitor:
        """Describe whoever opens a share: the head of its pages leads back to it and tells whose it is."""
        share = self._shares.find((principal.credential or "").partition(":")[2])
        return visitor_of_share(self._links, share.id if share else "", "" if share is None else _told(share))

    async def answer(self, request: StreamingRequest, error: Exception) -> bytes:
        """Answer what a handler raised; a person is asked for the password by a page."""
        unbegun = not (request.startedWriting or request.finished or request._disconnected)
        if isinstance(error, PasswordNeeded) and unbegun:
            if is_navigation(request):
                return self.ask(request, id_of(request), request.uri.decode("latin-1"))
            body = self._errors.answer(request, error)
            set_challenge(request)
            request.setHeader(b"cache-control", UNSTORED)
            return body
        itself = isinstance(error, NotFound) and request.path.rstrip(b"/").endswith(
            f"{MOUNT}{id_of(request)}".encode()
        )
        if itself or way_out_of(request) is None:
            keep_way_out(request, ENDED)
        body = await super().answer(request, error)
        request.setHeader(b"cache-control", UNSTORED)
        return body

    def ask(self, request: StreamingRequest, share_id: str, target: str, *, wrong: bool = False) -> bytes:
        """Answer with the page that asks for a password.

        :param target: the address to go on to.
        :param wrong: whether one was given that is wrong.
        """
        request.setResponseCode(401)
        set_challenge(request, page=True)
        request.setHeader(b"cache-control", UNSTORED)
        request.setHeader(b"x-robots-tag", b"noindex, nofollow")
        return self._pages.answer(
            request,
            "share_password.html",
            visitor=visitor_of_share(self._links, share_id),
            action=self._links.own(f"/-/unlock/{share_id}"),
            target=target,
            wrong=wrong,
            secure=request.secure,
        )


def visitor_of_share(links: Links, share_id: str, told: str = "") -> Visitor:
    """Describe somebody who may see nothing but a share, or as yet not even that."""
    return Visitor(
        name="",
        signed_in=False,
        can_sign_out=False,
        can_sign_in=False,
        home=links.own(f"{MOUNT}{share_id}"),
        may_share=False,
        told=told,
    )


def _told(share: Share) -> str:
    if share.expires is None:
        return Sentence("Shared by {maker}", maker=share.made_by)
    return Sentence("Shared by {maker} until {end} UTC", maker=share.made_by, end=time_shown(share.expires)[1])
