"""Refusing what a page of another site makes a browser send (`http.md`, section 3)."""

from urllib.parse import urlsplit

from twisted.web.http_headers import Headers

from peerstor.errors import CrossSite

SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_PORTS = {"http": 80, "https": 443}


def check_site(headers: Headers, *, authority: bytes | None, secure: bool) -> None:
    """Let a request that changes something pass when its sender is our own page, or no page at all.

    `Sec-Fetch-Site`, where sent, decides. It is absent on plain HTTP beyond loopback, so there `Origin` carries
    the defence. A client that sends neither (curl) passes: no browser would let a page hide both.

    :param authority: host and port as the client spelled them.
    :param secure: whether it came over TLS. Where it did not, a proxy that we know nothing of may still have taken
        it so, and its scheme says nothing.
    :raise CrossSite: it comes from another site.
    """
    fetch_site = headers.getRawHeaders(b"Sec-Fetch-Site")
    if fetch_site is not None:
        if fetch_site[-1] not in (b"same-origin", b"none"):
            raise CrossSite()
        return
    origin = headers.getRawHeaders(b"Origin")
    if origin is None:
        return
    host = (authority or b"").decode("latin-1")
    if len(origin) > 1 or not _same_site(origin[0].decode("latin-1"), host, secure=secure):
        raise CrossSite()


def _same_site(origin: str, host: str, *, secure: bool) -> bool:
    try:
        sender = urlsplit(origin)
        default = _PORTS.get(sender.scheme)
        if default is None or not sender.hostname or (secure and sender.scheme != "https"):
            return False
        receiver = urlsplit(f"{sender.scheme}://{host}")
        return (sender.hostname, sender.port or default) == (receiver.hostname, receiver.port or default)
    except ValueError:  # a port or an address that is none
        return False
