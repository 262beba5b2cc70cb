"""What a request comes with to show who makes it: a token in `Authorization`, or the cookie of a session."""

import base64
import binascii
import re

from attrs import field, frozen
from twisted.web.http_headers import Headers

from peerstor.http.request import StreamingRequest
from peerstor.web.cookies import cookie_of

_SCHEME = re.compile(rb"([A-Za-z]+) +([^ ].*)", re.DOTALL)


@frozen
class Credentials:
    """What a request comes with; a secret counts before a session.

    :param secret: a token.
    :param session: the value of the session's cookie.
    """

    secret: bytes | None = field(default=None, repr=False)
    session: bytes | None = field(default=None, repr=False)


NOTHING = Credentials()


def credentials_of(request: StreamingRequest, cookie: str, *, path: str) -> Credentials:
    """Read what a request comes with, most often nothing; never from its query, which ends in logs and histories.

    :param cookie: name of the session's cookie, without the prefix that it has over TLS.
    :param path: that this cookie is set with.
    """
    headers = request.requestHeaders
    if not (headers.hasHeader(b"Authorization") or headers.hasHeader(b"Cookie")):
        return NOTHING
    return Credentials(secret=_secret(headers), session=cookie_of(request, cookie, path=path))


def _secret(headers: Headers) -> bytes | None:
    """Read the token; two of them are none that is right, and what can't be read is a wrong one."""
    values = headers.getRawHeaders(b"Authorization", [])
    if not values:
        return None
    found = _SCHEME.fullmatch(values[0].strip()) if len(values) == 1 else None
    if found is None:
        return b""
    scheme, rest = found[1].lower(), found[2]
    if scheme == b"bearer":
        return rest
    return _of_basic(rest) if scheme == b"basic" else b""


def _of_basic(encoded: bytes) -> bytes:
    """Read RFC 7617: the password is the token, under any user name; a name alone is taken for it too."""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).partition(b":")
    except binascii.Error:
        return b""
    return password or name
