"""Rules of TLS as a client meets them in its handshake."""

import contextlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL
from OpenSSL._util import lib
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import http
from twisted.web.resource import Resource
from zope.interface.verify import verifyObject

from peerstor.http.site import StreamingSite
from peerstor.http.tls import GROUPS, NoCommonProtocol, ServerContexts, reason_of, server_context
from tests.certificates import Authority, Issued, new_key

AUTHORITY = Authority()
ISSUED = AUTHORITY.issue()


def context(issued: Issued = ISSUED) -> SSL.Context:
    return server_context(issued.key, issued.chain, protocols=[b"http/1.1"])


def client(**options: Any) -> SSL.Connection:
    """Make a client.

    :param options: `least`, `most` (versions), `alpn`, `ciphers`, `name` (SNI); or `after`, a connection to resume.
    """
    if "after" in options:
        connection = SSL.Connection(options["after"].get_context(), None)
        connection.set_session(options["after"].get_session())
        connection.set_connect_state()
        return connection
    made = SSL.Context(SSL.TLS_CLIENT_METHOD)
    made.set_min_proto_version(options.get("least", SSL.TLS1_VERSION))
    if "most" in options:
        made.set_max_proto_version(options["most"])
    made.set_cipher_list(options.get("ciphers", b"ALL:@SECLEVEL=0"))
    if "alpn" in options:
        made.set_alpn_protos(options["alpn"])
    connection = SSL.Connection(made, None)
    if "name" in options:
        connection.set_tlsext_host_name(options["name"])
    connection.set_connect_state()
    return connection


class HandshakeTests(SynchronousTestCase):
    def shake(self, contexts: ServerContexts, **options: Any) -> SSL.Connection:
        """Shake hands with a new connection.

        :raises SSL.Error: one side refuses.
        """
        here, there = client(**options), contexts.serverConnectionForTLS(None)
        there.set_accept_state()
        for _ in range(4):
            for one, other in ((here, there), (there, here)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                self.carry(one, other)
        self.server = there
        return here

    @staticmethod
    def carry(one: SSL.Connection, other: SSL.Connection) -> None:
        with contextlib.suppress(SSL.WantReadError):
            other.bio_write(one.bio_read(1 << 20))

    def test_versions(self) -> None:
        """TLS 1.3 is spoken with whoever knows it, 1.2 with others, and nothing older."""
        contexts = ServerContexts(context())
        self.assertEqual(self.shake(contexts).get_protocol_version_name(), "TLSv1.3")
        older = self.shake(contexts, most=SSL.TLS1_2_VERSION)
        self.assertEqual(older.get_protocol_version_name(), "TLSv1.2")
        for version in (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION):
            with self.assertRaises(SSL.Error):
                self.shake(contexts, most=version)

    def test_ciphers(self) -> None:
        """In TLS 1.2, what has no forward secrecy or authenticates after it encrypts is refused."""
        contexts = ServerContexts(context())
        for good in (b"ECDHE-ECDSA-AES256-GCM-SHA384", b"ECDHE-ECDSA-CHACHA20-POLY1305"):
            self.assertEqual(
                self.shake(contexts, most=SSL.TLS1_2_VERSION, ciphers=good).get_cipher_name(), good.decode()
            )
        for bad in (b"AES128-GCM-SHA256", b"ECDHE-ECDSA-AES128-SHA256", b"DHE-RSA-AES128-GCM-SHA256", b"kRSA"):
            with self.assertRaises(SSL.Error):
                self.shake(contexts, most=SSL.TLS1_2_VERSION, ciphers=bad)

    def test_alpn(self) -> None:
        """HTTP/1.1 is agreed on whatever else a client offers; one that offers nothing is served too."""
        contexts = ServerContexts(context())
        both = self.shake(contexts, alpn=[b"h2", b"http/1.1"])
        self.assertEqual(both.get_alpn_proto_negotiated(), b"http/1.1")
        for offers in ({}, {"alpn": [b"http/1.0"]}):
            self.assertEqual(self.shake(contexts, **offers).get_alpn_proto_negotiated(), b"")

    def test_no_common_protocol(self) -> None:
        """A client that speaks only other protocols is refused (RFC 7301, section 3.2)."""
        for most in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            with self.assertRaises(NoCommonProtocol) as caught:
                self.shake(ServerContexts(context()), alpn=[b"h2", b"imap"], most=most)
            self.assertEqual(reason_of(caught.exception), "no application protocol")

    def test_any_name(self) -> None:
        """The name that a client asks for (SNI) makes no difference."""
        self.assertEqual(self.certificate(self.shake(ServerContexts(context()), name=b"other.example")), ISSUED)

    def certificate(self, connection: SSL.Connection) -> Issued:
        chain = connection.get_peer_cert_chain(as_cryptography=True)
        return Issued(ISSUED.key, tuple(chain or ()))

    def test_exchanged_certificate(self) -> None:
        """From the exchange on, new connections get the new certificate with its whole chain; old ones go on."""
        contexts = ServerContexts(context())
        old, server = self.shake(contexts), None
        server = self.server
        new = AUTHORITY.issue(key=ISSUED.key)
        contexts.use(context(new))
        self.assertEqual(self.certificate(self.shake(contexts)), new)
        old.send(b"still here")
        self.carry(old, server)
        self.assertEqual(server.recv(100), b"still here")

    def test_no_renegotiation(self) -> None:
        """A client can't have a connection of TLS 1.2 negotiate again."""
        connection = self.shake(ServerContexts(context()), most=SSL.TLS1_2_VERSION)
        connection.renegotiate()
        with self.assertRaises(SSL.Error):
            for _ in range(4):
                with contextlib.suppress(SSL.WantReadError):
                    connection.do_handshake()
                self.carry(connection, self.server)
                with contextlib.suppress(SSL.WantReadError):
                    self.server.recv(100)
                self.carry(self.server, connection)
                connection.recv(100)

    def test_no_resumption(self) -> None:
        """No session is resumed: its tickets would be sealed with one key for as long as the process runs."""
        for most in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            contexts = ServerContexts(context())
            first = self.shake(contexts, most=most)
            with self.assertRaises(SSL.WantReadError):
                first.recv(1)  # TLS 1.3 would send tickets behind the handshake
            again = self.shake(contexts, after=first)
            self.assertEqual(lib.SSL_session_reused(again._ssl), 0)


class ContextTests(SynchronousTestCase):
    def test_offers(self) -> None:
        """The site offers HTTP/1.1 and nothing else, whether twisted could speak HTTP/2 or not."""
        for enabled in (True, False):
            self.patch(http, "H2_ENABLED", enabled)
            self.assertEqual(StreamingSite(Resource(), reactor=Clock()).acceptableProtocols(), [b"http/1.1"])

    def test_contract(self) -> None:
        """It is what twisted asks for the TLS side of connections."""
        verifyObject(IOpenSSLServerConnectionCreator, ServerContexts(context()))

    def test_other_key(self) -> None:
        """A key that isn't the certificate's is refused, with a reason."""
        with self.assertRaises(SSL.Error) as caught:
            context(Issued(new_key(), ISSUED.chain))
        self.assertIn("key values mismatch", reason_of(caught.exception))

    def test_weak_key(self) -> None:
        """A key that is too short is refused, with a reason."""
        with self.assertRaises(SSL.Error) as caught:
            context(AUTHORITY.issue(key=rsa.generate_private_key(65537, 1024)))
        self.assertIn("too small", reason_of(caught.exception))

    def test_reason_unknown(self) -> None:
        """Where OpenSSL says nothing, something is said."""
        self.assertEqual(reason_of(SSL.Error()), "OpenSSL refuses it")

    def test_groups(self) -> None:
        """An OpenSSL that doesn't know the first list of groups gets the second; a binding without any is let be."""
        asked: list[int] = []

        class Old:
            ERR_clear_error = staticmethod(lambda: None)

            @staticmethod
            def SSL_CTX_set1_curves_list(where: Any, groups: Any) -> int:
                asked.append(len(groups) - 1)
                return int(len(asked) == 2)

        self.patch(__import__("peerstor.http.tls", fromlist=["lib"]), "lib", Old)
        context()
        self.assertEqual(asked, [len(groups) for groups in GROUPS])
        self.patch(__import__("peerstor.http.tls", fromlist=["lib"]), "lib", object())
        context()
