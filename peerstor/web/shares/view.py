"""What a request of a share's own address is about: which share, whose visit, and the paths as it shows them."""

from __future__ import annotations

import re

from attrs import frozen
from twisted.web.resource import Resource

from peerstor.access.shares.share import Mode, Share
from peerstor.access.shares.shares import Shares
from peerstor.errors import NotFound
from peerstor.http.request import StreamingRequest
from peerstor.sentences import Sentence
from peerstor.tree.paths import TreePath
from peerstor.web.links import Links
from peerstor.web.waysout import WayOut, keep_way_out

MOUNT = "/-/s/"
"""Below which each share stands."""

VERBS = (b"offset", b"chunk", b"complete", b"abandon")
"""Of the resumable upload API, which stands below an upload-only share too."""

_ID = re.compile(rb"[A-Za-z0-9_-]{22}")


@frozen
class Visit:
    """One visitor of one share.

    :param share: as it was when the request came.
    :param visitor: who, as far as downloads are counted (`Tickets`).
    :param known: whether they came with a ticket, so that they need no other.
    :param links: of what the share shows.
    """

    share: Share
    visitor: bytes
    known: bool
    links: Links

    @property
    def address(self) -> str:
        """The share's own address, without a `/` at its end."""
        return address_of(self.links, self.share)


def address_of(links: Links, share: Share) -> str:
    """Give the address that is handed out."""
    return links.own(f"{MOUNT}{share.id}")


def view_of(links: Links, share: Share) -> Links:
    """Give the view of a share: a file is shown within its folder, in which nothing else is."""
    return links.rooted(f"{MOUNT}{share.id}", share.parts if share.folder else share.parts[:-1])


def id_of(request: StreamingRequest) -> str:
    """Read which share a request is about; empty where that is none that could be."""
    name = request.path.removeprefix(MOUNT.encode()).partition(b"/")[0]
    return name.decode("ascii") if _ID.fullmatch(name) else ""


def keep_visit(request: StreamingRequest, visit: Visit) -> None:
    """Remember with a request whose visit it is, and that it leads back to the share, unless that is used up."""
    request.setComponent(Visit, visit)
    if not visit.share.used_up:
        address = visit.address
        keep_way_out(request, WayOut(home=address, back=address, words=Sentence("Back to what this link is for")))


def visit_of(request: StreamingRequest) -> Visit:
    """Give the visit that a request was let in as."""
    visit: Visit = request.getComponent(Visit)
    return visit


def shared_path(request: StreamingRequest) -> TreePath:
    """Read which path of the storage a share's address names.

    :raise BadPath: it can't name anything.
    :raise NotFound: it is none of what is shared: of a file, there is nothing below.
    """
    visit = visit_of(request)
    part = Links("", visit.links.mount, visit.links.root).tree_part(request.path)
    path = TreePath(visit.share.parts, slash=False) if part is None else TreePath.from_url(part)
    if not visit.share.folder and path.parts != visit.share.parts:
        raise NotFound()
    return path


def opened_path(request: StreamingRequest) -> TreePath:
    """Read what is to be seen, or the one folder of an upload-only share, which nothing else is to be seen of.

    :raise NotFound: something in that folder was named, whether it is there or not.
    :raise BadPath: it can't name anything.
    """
    share = visit_of(request).share
    if share.mode is Mode.READ:
        return shared_path(request)
    if request.path.removeprefix(f"{MOUNT}{share.id}".encode()) not in (b"", b"/"):
        raise NotFound()
    return TreePath(share.parts, slash=True)


def upload_target(request: StreamingRequest) -> TreePath:
    """Read which file is put into the folder of an upload-only share: a name directly in it.

    :raise NotFound: it would lie deeper, which would tell what folders there are.
    :raise BadPath: it can't name anything.
    """
    path, share = shared_path(request), visit_of(request).share
    if share.mode is Mode.UPLOAD and (len(path.parts) != len(share.parts) + 1 or path.slash):
        raise NotFound()
    return path


class ShareDoor(Resource):
    """Gives Klein an address that it can match: names of files, which needn't be UTF-8, stay in the raw one."""

    isLeaf = True

    def __init__(self, *, shares: Shares, face: Resource, calls: Resource) -> None:
        """Lead to these faces.

        :param face: shows what is shared.
        :param calls: has the calls of the upload API.
        """
        super().__init__()
        self._shares = shares
        self._face = face
        self._calls = calls

    def render(self, request: StreamingRequest) -> bytes | int:
        """Have the face answer."""
        request.setHeader(b"x-robots-tag", b"noindex, nofollow")
        request.setHeader(b"cross-origin-resource-policy", b"same-origin")
        name = id_of(request)
        request.prepath = []
        verb = self._verb(request, name)
        if verb:  # its errors are JSON too, as all below /api/ are
            request.requestHeaders.setRawHeaders(b"accept", [b"application/json"])
        request.postpath = [b"-", b"s", name.encode() or b"-", *verb]
        answer: bytes | int = (self._calls if verb else self._face).render(request)
        return answer

    def _verb(self, request: StreamingRequest, name: str) -> list[bytes]:
        """Read the call of the upload API; where files are shown, it is a name like any other."""
        share = self._shares.find(name)
        rest = request.path.removeprefix(f"{MOUNT}{name}".encode()).split(b"/")
        is_call = len(rest) == 3 and rest[1] == b"upload" and rest[2] in VERBS
        return rest[1:] if share is not None and share.mode is Mode.UPLOAD and is_call else []
