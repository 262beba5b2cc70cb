"""How somebody is asked to sign in: by a page, by a browser's own window, or by a header for programs."""

from urllib.parse import quote

from peerstor.http.request import StreamingRequest
from peerstor.web.links import Links
from peerstor.web.negotiation import wanted_type

LOGIN = "/-/login"

_BEARER = b'Bearer realm="PeerStor"'
_BASIC = b'Basic realm="PeerStor", charset="UTF-8"'


def is_navigation(request: StreamingRequest) -> bool:
    """Tell whether a person is on the way to a page, who can be sent to another one.

    :return: False for what scripts and programs ask, and for whoever came with a token already.
    """
    headers = request.requestHeaders
    if request.path.startswith(b"/api/") or headers.hasHeader(b"authorization"):
        return False
    mode = headers.getRawHeaders(b"sec-fetch-mode")
    if mode is not None and mode[-1] != b"navigate":
        return False
    return wanted_type(headers, ("text/plain", "application/json", "text/html")) == "text/html"


def login_address(request: StreamingRequest, links: Links) -> str:
    """Give the address of the login page that leads back to where somebody was going (RFC 3986, section 3.4)."""
    # What was a form's answer is no place to come back to.
    seen = request.uri.decode("latin-1")
    target = seen if request.method in (b"GET", b"HEAD") else seen.partition("?")[0]
    return f"{links.own(LOGIN)}?next={quote(target, safe='/')}"


def set_challenge(request: StreamingRequest, *, page: bool = False) -> None:
    """Say on a 401 how to sign in (RFC 9110, section 11.6.1).

    A page or its script isn't offered Basic: the browser would open a window of its own over it.

    :param page: whether the answer itself is a page that asks.
    """
    headers = request.requestHeaders
    of_page = page or headers.hasHeader(b"origin")
    # Over plain HTTP a script's GET has neither; a cookie is a browser's, and events are a page's to listen to.
    of_page = of_page or headers.hasHeader(b"cookie") or request.path == b"/api/events"
    of_page = of_page or any(name.lower().startswith(b"sec-fetch-") for name, _ in headers.getAllRawHeaders())
    challenges = [_BEARER] if of_page else [_BASIC, _BEARER]
    request.responseHeaders.setRawHeaders(b"www-authenticate", challenges)
