"""What answers tell a browser for safety's sake (`threats.md`)."""

from peerstor.access.rights import Principal
from peerstor.http.request import StreamingRequest

PRIVATE = b"private, no-cache"
"""What somebody signed in for: kept by no cache but their own, and there asked for again."""

NOTHING = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of what is no page: should a browser take it for one, then it can do nothing."""

PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

PREVIEWS = b"; media-src 'self'; frame-src 'self'"
"""What pages may show beside that which show stored files: each of those has a policy of its own."""

_POWERS = (
    "accelerometer", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope",
    "hid", "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "otp-credentials", "payment",
    "picture-in-picture", "publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock",
    "serial", "storage-access", "usb", "window-management", "xr-spatial-tracking",
)  # fmt: skip
PERMISSIONS = ", ".join(f"{power}=()" for power in _POWERS).encode()
"""None of what a page can do with a machine. Names that a browser doesn't know make it complain."""


def set_common_headers(request: StreamingRequest, *, hsts: int | None) -> None:
    """Set what every answer has, until somebody knows better.

    :param hsts: for how many seconds a browser shall use this host by HTTPS only; None says nothing of it. A
        browser believes it over TLS alone (RFC 6797, section 8.1).
    """
    request.setHeader(b"server", b"PeerStor")
    request.setHeader(b"x-request-id", request.request_id.encode())
    request.setHeader(b"x-content-type-options", b"nosniff")
    # Not no-referrer: our own form would then send `Origin: null`, and be refused.
    request.setHeader(b"referrer-policy", b"same-origin")
    request.setHeader(b"content-security-policy", NOTHING)
    if hsts is not None and request.secure:
        request.setHeader(b"strict-transport-security", b"max-age=%d" % hsts)


def set_page_headers(request: StreamingRequest) -> None:
    """Set what every page of our own has: nothing runs on it but our own scripts, and nobody frames it."""
    request.setHeader(b"content-type", b"text/html; charset=utf-8")
    request.setHeader(b"content-security-policy", PAGE_POLICY)
    request.setHeader(b"permissions-policy", PERMISSIONS)
    if request.secure:  # a browser takes it from nobody else, and says so
        request.setHeader(b"cross-origin-opener-policy", b"same-origin")


def allow_previews(request: StreamingRequest) -> None:
    """Let a page of our own play stored sounds and videos, and show stored PDFs, all of them from here."""
    request.setHeader(b"content-security-policy", PAGE_POLICY + PREVIEWS)


def set_privacy_headers(request: StreamingRequest, principal: Principal) -> None:
    """Say who may keep an answer, and who may embed it.

    What somebody signed in for is kept by no cache but theirs. Nor do pages of other sites get at it by embedding
    it, since a browser sends a password along without their asking (it has no `SameSite`).
    """
    if principal.signed_in:
        request.setHeader(b"cache-control", PRIVATE)
        request.setHeader(b"cross-origin-resource-policy", b"same-origin")
    else:
        request.setHeader(b"cache-control", b"no-cache")
