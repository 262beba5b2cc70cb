"""Setting cookies that no script, no other site and no other server on this host gets at."""

from peerstor.http.request import StreamingRequest


def set_cookie(request: StreamingRequest, name: str, value: str, *, path: str, seconds: int) -> None:
    """Have the browser keep a cookie.

    :param name: without the prefix, which over TLS makes the browser vouch for how it was set (RFC 6265bis,
        section 4.1.3).
    :param value: of characters that a cookie may hold.
    :param path: below which it is sent back.
    :param seconds: how long it is kept.
    """
    full = cookie_name(name, secure=request.secure, path=path)
    secure = "; Secure" if request.secure else ""
    line = f"{full}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    request.responseHeaders.addRawHeader(b"set-cookie", line.encode("ascii"))


def clear_cookie(request: StreamingRequest, name: str, *, path: str) -> None:
    """Have the browser forget a cookie."""
    set_cookie(request, name, "", path=path, seconds=0)


def cookie_name(name: str, *, secure: bool, path: str) -> str:
    """Give the name that a cookie is set under: `__Host-` may only be sent for all of a host."""
    if not secure:
        return name
    return f"__Host-{name}" if path == "/" else f"__Secure-{name}"


def cookies_of(request: StreamingRequest) -> dict[str, str]:
    """Read all cookies; of two with one name the first counts, which is the one with the longer path."""
    found: dict[str, str] = {}
    for line in request.requestHeaders.getRawHeaders(b"Cookie", []):
        for pair in line.decode("latin-1").split(";"):
            name, separator, value = pair.strip().partition("=")
            if separator:
                found.setdefault(name, value)
    return found


def cookie_of(request: StreamingRequest, name: str, *, path: str) -> bytes | None:
    """Read one cookie by its name without prefix.

    Only the name counts that it was set under. Over TLS a page in clear could have set the one without a prefix,
    and a page of a sibling of this host the one with `__Secure-`.

    :param path: that it was set with.
    """
    value = cookies_of(request).get(cookie_name(name, secure=request.secure, path=path))
    return None if value is None else value.encode("latin-1")
