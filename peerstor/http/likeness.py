"""What requests have in common that differ in a little of their heads, and what their answers have."""

from collections.abc import Container
from typing import Any

from twisted.web.http_headers import Headers

from peerstor.http.answerheaders import set_all
from peerstor.http.dates import http_now

LINES_AT_MOST = 32
"""Lines of a head that is worth remembering: taken apart, a short one weighs twenty times what it did as bytes.
Browsers send about twenty of them."""


class Likeness:
    """One request that was answered, as far as others like it needn't be read again.

    They all get its headers, the very same object, as if they had sent them: nobody changes those, and what is
    each one's own (a range, a length) isn't read from there.
    """

    def __init__(self, request: Any, headers: Headers, *, own: Container[bytes] = ()) -> None:
        """Keep what they share.

        :param headers: of the answer.
        :param own: names of those, in lower case, that each answer sets for itself: none is left of them.
        """
        self._asked = {name: getattr(request, name) for name in ("method", "uri", "path", "clientproto", "route")}
        self._asked |= {"authority": request.authority, "requestHeaders": request.requestHeaders}
        self._told = {name: values for name, values in headers.getAllRawHeaders() if name.lower() not in own}

    def describe(self, request: Any) -> None:
        """Make a new request like this one, with a date and an id of its own."""
        vars(request).update(self._asked)
        set_all(request.responseHeaders, self._told)
        request.setHeader(b"date", http_now())
        request.setHeader(b"x-request-id", request.request_id.encode())
