"""Which pages of other sites may read from here in a browser (`http.md`, section 2)."""

from attrs import frozen

from peerstor.http.request import StreamingRequest

EXPOSED = b"Accept-Ranges, Content-Range, Content-Length, ETag, Repr-Digest"


@frozen
class Cors:
    """Reading only, and never with credentials.

    :param allowed: `*`, `none`, or one origin in lower case.
    """

    allowed: str

    def set_headers(self, request: StreamingRequest) -> None:
        """Say on an answer to GET, HEAD or OPTIONS whether the page that asked may read it."""
        if self.allowed == "none":
            return
        if self.allowed == "*":
            request.setHeader(b"access-control-allow-origin", b"*")
        else:
            request.responseHeaders.addRawHeader(b"vary", b"Origin")
            origin = request.getHeader(b"origin") or b""
            if origin.lower() != self.allowed.encode():
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
