"""The root of all addresses: whose server this is, and which face an address belongs to."""

import re
from collections.abc import Mapping

from twisted.web.resource import Resource

from peerstor.daemon.requestcontext import REQUEST_ID
from peerstor.errors import BadRequest, NotFound
from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web.cors import Cors
from peerstor.web.crosssite import SAFE_METHODS
from peerstor.web.errors import Errors
from peerstor.web.forwarded import TrustedProxies
from peerstor.web.headers import set_common_headers
from peerstor.web.hosts import KnownHosts
from peerstor.web.https import HttpsOnly
from peerstor.web.links import Links
from peerstor.web.redirects import redirect

PARAMETERS_AT_MOST = 100

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Root(Resource):
    """Hands each request to the face that its raw address names.

    The tree's addresses never go through Klein's matching, which takes UTF-8 only and sees `%2F` decoded: its
    app is given a constant address, and reads the raw one itself.

    :ivar hsts: see `set_common_headers`; it may change.
    """

    isLeaf = True

    def __init__(
        self,
        *,
        hosts: KnownHosts,
        links: Links,
        proxies: TrustedProxies,
        cors: Cors,
        errors: Errors,
        tree: Resource,
        own: Mapping[bytes, Resource],
        raw: Mapping[bytes, Resource],
        https: HttpsOnly | None = None,
        hsts: int | None = None,
    ) -> None:
        """Make the root.

        :param tree: the face of the storage tree; it sees one address, `/`.
        :param own: the other faces, by the beginning of the addresses below `/api/` and `/-/` that they serve.
        :param raw: likewise those that read the raw address themselves, since names of files stand in it.
        :param https: answers whoever comes in clear; None where that is served like any other.
        :param hsts: see `set_common_headers`.
        """
        super().__init__()
        self._hosts = hosts
        self._links = links
        self._proxies = proxies
        self._cors = cors
        self._errors = errors
        self._tree = tree
        self._own = own
        self._raw = raw
        self._https = https
        self.hsts = hsts

    def render(self, request: StreamingRequest) -> bytes | int:
        """Answer a request, or have a face do it."""
        self._heed_proxies(request)
        set_common_headers(request, hsts=self.hsts)
        before = REQUEST_ID.set(request.request_id)
        try:
            return self._answer(request)
        finally:
            REQUEST_ID.reset(before)

    def _answer(self, request: StreamingRequest) -> bytes | int:
        try:
            self._hosts.check(request.authority)
            if self._https is not None and self._https.concerns(request):
                return self._https.answer(request)
            if request.method in SAFE_METHODS:
                self._cors.set_headers(request)
            if request.uri.count(b"&") >= PARAMETERS_AT_MOST:
                raise BadRequest("There are too many parameters.")
            if not self._enter(request):
                return redirect(request, self._links.own("/"))
            answer: bytes | int = self._face_of(request).render(request)
        except Exception as error:
            return self._errors.answer(request, error)
        return answer

    def _heed_proxies(self, request: StreamingRequest) -> None:
        """Take the word of trusted proxies for who asks for what, and for what they call the request."""
        if request.remote not in self._proxies:
            return
        names = request.requestHeaders.getRawHeaders(b"x-request-id", [])
        if len(names) == 1 and _REQUEST_ID.fullmatch(names[0]):
            request.request_id = names[0].decode("ascii")
        client = self._proxies.told(request.requestHeaders, request.remote)
        request.remote = client.address or request.remote
        if client.secure is not None:
            request.secure = client.secure
        request.authority = client.host or request.authority

    def _enter(self, request: StreamingRequest) -> bool:
        """Take the base off a request's path, so that nobody below has to know of it.

        :return: False for an address that only leads to the base.
        :raise NotFound: the address is outside of it.
        """
        if request.path == b"*":  # OPTIONS of the whole server
            return True
        inner = self._links.inner(request.path)
        if not inner:
            if inner is None and request.path != b"/":
                raise NotFound()
            return False
        request.path = inner
        request.postpath = (request.postpath or [])[self._links.base.count("/") :]
        return True

    def _face_of(self, request: StreamingRequest) -> Resource:
        if request.path == b"*" or Links().tree_part(request.path) is not None:
            request.prepath, request.postpath = [], [b""]
            return self._tree
        for beginning, face in self._raw.items():
            if request.path.startswith(beginning):
                return face
        try:
            b"/".join(request.postpath or ()).decode("utf-8")
        except UnicodeDecodeError:
            raise NotFound() from None
        for beginning, face in self._own.items():
            if request.path.startswith(beginning):
                return face
        raise NotFound()


def path_of(request: StreamingRequest) -> TreePath:
    """Read the tree path of a request that the root gave to the tree's face.

    :raise BadPath: it can't name anything.
    """
    return TreePath.from_url(Links().tree_part(request.path) or b"")
