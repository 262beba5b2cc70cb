"""The server's side of TLS: which versions, ciphers and groups are spoken, and with which certificate."""

import socket
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509 import Certificate
from OpenSSL import SSL
from OpenSSL._util import ffi, lib
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256",
    b"ECDHE-RSA-AES128-GCM-SHA256",
    b"ECDHE-ECDSA-AES256-GCM-SHA384",
    b"ECDHE-RSA-AES256-GCM-SHA384",
    b"ECDHE-ECDSA-CHACHA20-POLY1305",
    b"ECDHE-RSA-CHACHA20-POLY1305",
)
"""Of TLS 1.2: those that keep what was said secret when the key is lost later, and authenticate what they encrypt.
The client chooses among them, since it knows whether its machine has AES built in."""

SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
"""Of TLS 1.3."""

GROUPS = (b"X25519MLKEM768:X25519:P-256:P-384", b"X25519:P-256:P-384")
"""Groups for the exchange of keys, and again for an OpenSSL that doesn't know the first (before 3.5)."""

OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET
"""No tickets: they would all be sealed with one key for as long as the process runs, which undoes the forward
secrecy of TLS 1.2, and a whole handshake costs a fraction of a millisecond."""


_PARTIAL_WRITE = 0x1
"""See SSL_CTX_set_mode(3). pyOpenSSL switches it on, and has no public name for it."""


class NoCommonProtocol(SSL.Error):
    """The client offers protocols, and ours is not among them."""

    def __init__(self) -> None:
        # In the form of OpenSSL's own errors, which twisted takes apart.
        super().__init__([("SSL routines", "", "no application protocol")])


def server_context(
    key: EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey,
    chain: Sequence[Certificate],
    *,
    protocols: Sequence[bytes],
) -> SSL.Context:
    """Make what new connections are made from; it isn't changed any more once the first one was.

    :param key: of the first certificate.
    :param chain: the server's certificate and those that lead from it towards a root.
    :param protocols: what is offered to a client that asks (ALPN, RFC 7301), best first.
    :raises SSL.Error: OpenSSL takes the certificate or key for too weak, or they don't belong together.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(OPTIONS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle connection keeps 34 kB less
    context.clear_mode(_PARTIAL_WRITE)  # with which each call ends behind one record
    context.set_cipher_list(b":".join(CIPHERS))
    context.set_tls13_ciphersuites(SUITES)
    _set_groups(context)
    context.use_certificate(chain[0])
    for further in chain[1:]:
        context.add_extra_chain_cert(further)
    context.use_privatekey(key)
    context.check_privatekey()
    context.set_alpn_select_callback(_selecting(protocols))
    return context


@implementer(IOpenSSLServerConnectionCreator)
class ServerContexts:
    """Makes the TLS side of new connections; the certificate can be exchanged while others go on with theirs."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def use(self, context: SSL.Context) -> None:
        """Make connections from `context` from now on."""
        self._context = context

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """See `IOpenSSLServerConnectionCreator`."""
        return SSL.Connection(self._context, None)

    def on_socket(self, connected: socket.socket) -> SSL.Connection:
        """Make the TLS side of a connection for which OpenSSL itself reads and writes the socket."""
        connection = SSL.Connection(self._context, connected)
        connection.set_accept_state()
        return connection


def reason_of(error: SSL.Error) -> str:
    """Say in OpenSSL's words why it refused something."""
    queue = error.args[0] if error.args else None
    return str(queue[-1][-1]) if isinstance(queue, list) and queue else "OpenSSL refuses it"


def _selecting(protocols: Sequence[bytes]) -> Any:
    def select(connection: SSL.Connection, offered: list[bytes]) -> Any:
        for protocol in protocols:
            if protocol in offered:
                return protocol
        if b"http/1.0" in offered:  # curl -0; that it gets no answer here doesn't hinder it
            return SSL.NO_OVERLAPPING_PROTOCOLS
        raise NoCommonProtocol()

    return select


def _set_groups(context: SSL.Context) -> None:
    """Leave out the groups that hardly anybody uses; pyOpenSSL has no public name for it yet."""
    if not hasattr(lib, "SSL_CTX_set1_curves_list"):
        return
    for groups in GROUPS:
        if lib.SSL_CTX_set1_curves_list(context._context, ffi.new("char[]", groups)) == 1:
            return
        lib.ERR_clear_error()
