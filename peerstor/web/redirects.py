"""Sending a client on to another address of this server."""

from peerstor.http.request import StreamingRequest


def redirect(request: StreamingRequest, address: str) -> bytes:
    """Answer that what was asked for stands at another address at the moment, the query kept (307).

    :param address: begins with the path: host, port and scheme stay those that the client sees.
    """
    _, mark, query = request.uri.partition(b"?")
    request.setResponseCode(307)
    request.setHeader(b"location", address.encode() + mark + query)
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"content-length", b"0")
    return b""


def see_other(request: StreamingRequest, address: str) -> bytes:
    """Answer that it is done, and that its outcome is seen at another address (303).

    :param address: begins with the path, as that of `redirect`.
    """
    request.setResponseCode(303)
    request.setHeader(b"location", address.encode())
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"content-length", b"0")
    return b""
