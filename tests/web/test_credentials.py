"""What a request comes with."""

import base64
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from peerstor.web.cookies import clear_cookie, set_cookie
from peerstor.web.credentials import Credentials, credentials_of


class _Request:
    """As much of a request as is read here."""

    def __init__(self, *, secure: bool = False, **headers: str) -> None:
        self.secure = secure
        self.requestHeaders = Headers()
        self.responseHeaders = Headers()
        for name, value in headers.items():
            self.requestHeaders.addRawHeader(name.encode(), value.encode("latin-1"))


def _read(request: Any, path: str = "/") -> Credentials:
    return credentials_of(request, "peerstor-1", path=path)


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


class Secrets(SynchronousTestCase):
    def test_nothing(self) -> None:
        """Whoever sends nothing comes with nothing."""
        self.assertEqual(_read(_Request()), Credentials())

    def test_schemes(self) -> None:
        """Bearer has the token itself, Basic has it as the password under any user name, or alone as the name."""
        for value in (
            "Bearer s3cret",
            "bearer   s3cret",
            _basic("ann:s3cret"),
            _basic(":s3cret"),
            _basic("s3cret:"),
        ):
            self.assertEqual(_read(_Request(Authorization=value)).secret, b"s3cret", value)
        self.assertEqual(_read(_Request(Authorization=_basic("a:b:c"))).secret, b"b:c")

    def test_unreadable_is_wrong(self) -> None:
        """What can't be read is a wrong secret, not none: a client that meant to sign in is told so."""
        for value in ("Bearer", "Basic %%%", "Basic YQ", "Digest username=x", "", "s3cret", "Negotiate abc"):
            self.assertEqual(_read(_Request(Authorization=value)).secret, b"", value)

    def test_two_are_wrong(self) -> None:
        """Of two headers none counts: whoever stands between might have judged by the other."""
        request = _Request(Authorization="Bearer a")
        request.requestHeaders.addRawHeader(b"Authorization", b"Bearer b")
        self.assertEqual(_read(request).secret, b"")

    @given(st.binary(max_size=80))
    def test_any_bytes(self, value: bytes) -> None:
        """No header makes it fail."""
        request = _Request()
        request.requestHeaders.addRawHeader(b"Authorization", b"Basic " + value)
        self.assertIsInstance(_read(request).secret, bytes)

    def test_never_shown(self) -> None:
        """What it holds can't slip into a log by its spelling."""
        self.assertNotIn(
            "s3cret", repr(_read(_Request(Authorization="Bearer s3cret", Cookie="peerstor-1=s3cret")))
        )


class Cookies(SynchronousTestCase):
    def test_plain_and_secure_names(self) -> None:
        """Over TLS only a name counts that the browser vouches for; in clear only the plain one."""
        both = "peerstor-1=clear; __Host-peerstor-1=vouched; other=x"
        self.assertEqual(_read(_Request(Cookie=both)).session, b"clear")
        self.assertEqual(_read(_Request(secure=True, Cookie=both)).session, b"vouched")
        self.assertIsNone(_read(_Request(secure=True, Cookie="peerstor-1=clear")).session)
        self.assertIsNone(_read(_Request(Cookie="peerstor-2=another")).session)

    def test_tossed_by_a_sibling(self) -> None:
        """A page of another host below the same name can set one with `__Secure-`, but none with `__Host-`."""
        tossed = _Request(secure=True, Cookie="__Secure-peerstor-1=planted")
        self.assertIsNone(_read(tossed).session)
        self.assertEqual(_read(tossed, "/sub").session, b"planted")

    def test_how_they_are_set(self) -> None:
        """No script sees it, no other site's form sends it, and over TLS it never travels in clear."""
        for secure, path, name, ending in (
            (False, "/", "peerstor-1", "HttpOnly; SameSite=Lax"),
            (True, "/", "__Host-peerstor-1", "HttpOnly; SameSite=Lax; Secure"),
            (True, "/sub", "__Secure-peerstor-1", "HttpOnly; SameSite=Lax; Secure"),
        ):
            request: Any = _Request(secure=secure)
            set_cookie(request, "peerstor-1", "value", path=path, seconds=60)
            (line,) = request.responseHeaders.getRawHeaders("set-cookie")
            self.assertEqual(line, f"{name}=value; Path={path}; Max-Age=60; {ending}")

    def test_cleared(self) -> None:
        """A cookie is taken back under the same name and path."""
        request: Any = _Request()
        clear_cookie(request, "peerstor-1", path="/")
        (line,) = request.responseHeaders.getRawHeaders("set-cookie")
        self.assertTrue(line.startswith("peerstor-1=; Path=/; Max-Age=0;"), line)
