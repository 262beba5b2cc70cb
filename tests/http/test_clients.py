"""Who is at the other end, as requests tell it."""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.clients import client_address, unmapped
from tests.http.wire import Plain, Secure


class End:
    """A transport with another end."""

    def __init__(self, peer: object) -> None:
        self._peer = peer

    def getPeer(self) -> object:
        return self._peer


class Spelling(SynchronousTestCase):
    def test_addresses(self) -> None:
        """An address is spelled as it is, one of IPv4 always as IPv4; a UNIX socket has a word of its own."""
        for peer, expected in (
            (IPv4Address("TCP", "192.0.2.7", 1), "192.0.2.7"),
            (IPv6Address("TCP", "2001:db8::7", 1), "2001:db8::7"),
            (IPv6Address("TCP", "fe80::1%eth0", 1), "fe80::1%eth0"),
            (IPv6Address("TCP", "::ffff:192.0.2.7", 1), "192.0.2.7"),
            (IPv6Address("TCP", "::ffff:c000:207", 1), "192.0.2.7"),
            (IPv6Address("TCP", "::fffe:c000:207", 1), "::fffe:c000:207"),
            (UNIXAddress(b"/run/x"), "unix"),
            (UNIXAddress(None), "unix"),
            (None, "-"),
        ):
            self.assertEqual(client_address(End(peer)), expected)
        self.assertEqual(unmapped("::FFFF:10.0.0.1"), "10.0.0.1")


class Requests(SynchronousTestCase):
    def test_from_the_connection(self) -> None:
        """A request knows its client's address, whether it is encrypted, and the host as it was spelled."""
        for make, secure in ((Plain, False), (Secure, True)):
            c = make(lambda request: None)
            c.send(b"GET / HTTP/1.1\r\nHost: NAS.local:80\r\n\r\n")
            request = c.requests[0]
            self.assertEqual((request.remote, request.secure), ("192.0.2.7", secure))
            self.assertEqual(request.authority, b"NAS.local:80")

    def test_absolute_form(self) -> None:
        """The authority of an absolute target is the one that counts."""
        c = Plain(lambda request: None)
        c.send(b"GET http://there/x HTTP/1.1\r\nHost: here\r\n\r\n")
        self.assertEqual(c.requests[0].authority, b"there")

    def test_no_host(self) -> None:
        """HTTP/1.0 needs to name no host."""
        c = Plain(lambda request: None)
        c.send(b"GET / HTTP/1.0\r\n\r\n")
        self.assertIsNone(c.requests[0].authority)
