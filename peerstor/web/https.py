"""What a client is told that comes in clear where HTTPS is spoken."""

from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from peerstor.errors import HttpsNeeded
from peerstor.http.clients import LOCAL, client_address
from peerstor.http.request import StreamingRequest
from peerstor.web.cookies import cookies_of

WARN_EVERY = 3600.0
"""Seconds after which an address that sends a token in clear is warned of again."""

ADDRESSES_AT_MOST = 256
"""Addresses that are remembered for it; while there are that many, further ones are not warned of."""

_log = Logger()


class HttpsOnly:
    """Sends whoever reads to the same address with https, and refuses everything else."""

    def __init__(self, *, clock: IReactorTime) -> None:
        self._clock = clock
        self._warned: dict[str, float] = {}

    def concerns(self, request: StreamingRequest) -> bool:
        """Tell whether a request came in clear where others can listen, which nobody can in a UNIX socket."""
        return not request.secure and client_address(request.channel) != LOCAL

    def answer(self, request: StreamingRequest) -> bytes:
        """Answer a request that came in clear, whose host is known to be ours.

        :raise HttpsNeeded: it isn't GET or HEAD. What it wanted to be done has already been sent in clear, so it
            shall be seen to fail.
        """
        if _has_secret(request):
            self._warn(request.remote)
        address = https_address(request)
        if request.method not in (b"GET", b"HEAD"):
            raise HttpsNeeded(address)
        body = f"Use {address}\n".encode()
        # Not for good: browsers remember that for ever, also when the owner goes back to plain HTTP.
        request.setResponseCode(307)
        request.setHeader(b"location", address.encode())
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    def _warn(self, address: str) -> None:
        now = self._clock.seconds()
        self._warned = {known: since for known, since in self._warned.items() if now - since < WARN_EVERY}
        if address not in self._warned and len(self._warned) < ADDRESSES_AT_MOST:
            self._warned[address] = now
            _log.warn(
                "{address} sent a token or session in clear (http, not https). Whoever is on the way can have"
                " read it: replace it.",
                address=address,
            )


def https_address(request: StreamingRequest) -> str:
    """Give a request's own address with https, on the same port."""
    host, port = _split(request)
    target = request.uri.decode("ascii") if request.uri.startswith(b"/") else "/"  # OPTIONS *
    return f"https://{host}{f':{port}' if port else ''}{target}"


def _split(request: StreamingRequest) -> tuple[str, str]:
    """Give the host and the port of a request's address; an empty port is the usual one of https."""
    here: Any = cast(Any, request).getHost()
    local_port = str(getattr(here, "port", ""))
    if request.authority is None:
        name = str(getattr(here, "host", "localhost"))
        return (f"[{name}]" if ":" in name else name), local_port
    authority = request.authority.decode("ascii")
    host, separator, port = authority.rpartition(":")
    if not separator or "]" in port:
        host, port = authority, ""
    # Where no port is said, it is 80: https on that one has to be said, unless another machine forwards it here.
    return host, port or ("80" if local_port == "80" else "")


def _has_secret(request: StreamingRequest) -> bool:
    names = (name.removeprefix("__Host-").removeprefix("__Secure-") for name in cookies_of(request))
    return request.requestHeaders.hasHeader(b"authorization") or any(n.startswith("peerstor-") for n in names)
