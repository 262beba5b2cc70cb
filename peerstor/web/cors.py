"""Which pages of other sites may read from here in a browser (`http.md`, section 2)."""

from collections.abc import Callable

from attrs import define

from peerstor.http.request import StreamingRequest

EXPOSED = b"Accept-Ranges, Content-Range, Content-Length, ETag, Repr-Digest"


@define
class Cors:
    """Reading only, and never with credentials.

    :param setting: `*`, `none`, or one origin in lower case; None is `*` for as long as the server is open.
    :param closed: tells whether there are tokens.
    """

    setting: str | None
    closed: Callable[[], bool]

    @property
    def allowed(self) -> str:
        """Whose pages may read: `*`, `none`, or one origin."""
        return self.setting or ("none" if self.closed() else "*")

    def set_headers(self, request: StreamingRequest) -> None:
        """Say on an answer to GET, HEAD or OPTIONS whether the page that asked may read it."""
        allowed = self.allowed
        if allowed == "none":
            return
        if allowed == "*":
            request.setHeader(b"access-control-allow-origin", b"*")
        else:
            request.responseHeaders.addRawHeader(b"vary", b"Origin")
            origin = request.getHeader(b"origin") or b""
            if origin.lower() != allowed.encode():
                return
            request.setHeader(b"access-control-allow-origin", origin)
        request.setHeader(b"access-control-expose-headers", EXPOSED)

    def set_preflight(self, request: StreamingRequest) -> None:
        """Say on an answer to OPTIONS what such a page may send."""
        if request.responseHeaders.hasHeader(b"access-control-allow-origin"):
            request.setHeader(b"access-control-allow-methods", b"GET, HEAD, OPTIONS")
            request.setHeader(
                b"access-control-allow-headers", b"Range, If-Range, If-None-Match, If-Modified-Since"
            )
