"""Which senders a request that changes something may have."""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from peerstor.errors import CrossSite
from peerstor.web.crosssite import check_site


def passes(host: bytes | None, *, secure: bool = False, **fields: bytes | list[bytes]) -> bool:
    values = {
        name.replace("_", "-").encode(): value if isinstance(value, list) else [value]
        for name, value in fields.items()
    }
    try:
        check_site(Headers(values), authority=host, secure=secure)
    except CrossSite:
        return False
    return True


class Sites(SynchronousTestCase):
    def test_no_browser(self) -> None:
        """A client that says nothing of a page passes."""
        self.assertTrue(passes(host=b"nas:8080"))

    def test_fetch_metadata_decides(self) -> None:
        """`Sec-Fetch-Site` decides where it is sent, whatever `Origin` says."""
        for value, expected in (
            (b"same-origin", True), (b"none", True), (b"same-site", False), (b"cross-site", False), (b"", False),
            (b"SAME-ORIGIN", False),
        ):  # fmt: skip
            with self.subTest(value=value):
                self.assertEqual(passes(b"nas", sec_fetch_site=value, origin=b"http://evil.example"), expected)

    def test_origin(self) -> None:
        """Otherwise `Origin` must have the authority of `Host`, default ports aside."""
        for origin, host, expected in (
            (b"http://nas:8080", b"nas:8080", True),
            (b"http://NAS:8080", b"nas:8080", True),
            (b"http://nas", b"nas:80", True),
            (b"http://nas:80", b"nas", True),
            (b"https://nas", b"nas:443", True),
            (b"http://[::1]:8080", b"[::1]:8080", True),
            (b"http://nas:8081", b"nas:8080", False),
            (b"https://nas", b"nas:80", False),
            (b"http://evil.example", b"nas", False),
            (b"http://nas.evil.example", b"nas", False),
            (b"http://user@nas", b"evil", False),
            (b"null", b"nas", False),
            (b"", b"nas", False),
            (b"file://", b"nas", False),
            (b"nas", b"nas", False),
            (b"http://nas:99999", b"nas", False),
            (b"http://[nas", b"nas", False),
        ):
            with self.subTest(origin=origin, host=host):
                self.assertEqual(passes(origin=origin, host=host), expected)

    def test_scheme(self) -> None:
        """What came over TLS was sent by a page that came over TLS; else a proxy may have taken it off."""
        for origin, secure, expected in (
            (b"https://nas", True, True),
            (b"http://nas", True, False),
            (b"http://nas:443", True, False),
            (b"https://nas", False, True),
        ):
            with self.subTest(origin=origin, secure=secure):
                self.assertEqual(passes(b"nas", secure=secure, origin=origin), expected)

    def test_no_authority(self) -> None:
        """A page's request that names no host comes from nowhere that we know."""
        self.assertFalse(passes(None, origin=b"http://nas"))

    def test_two_origins(self) -> None:
        """Two Origins are one too many."""
        self.assertFalse(passes(origin=[b"http://nas", b"http://nas"], host=b"nas"))
