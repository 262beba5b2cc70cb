"""Joins certificate, TLS and site: the part of the composition that is only there with HTTPS."""

import time
from typing import Any, cast

from attrs import frozen
from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOFactory

from peerstor.config.live import LiveSettings
from peerstor.daemon.certfiles import CertificateFiles
from peerstor.daemon.certificate import KeptCertificate, Source
from peerstor.daemon.identity import Identity
from peerstor.daemon.selfsigned import SelfSigned, machine_names
from peerstor.errors import StartupError
from peerstor.http.firstbyte import FirstByteFactory
from peerstor.http.site import StreamingSite
from peerstor.http.tls import ServerContexts, reason_of, server_context
from peerstor.http.tlslane import TlsLaneFactory
from peerstor.interfaces import IThreads


@frozen
class Tls:
    """What HTTPS is made of.

    :param secure: makes connections that speak TLS.
    :param either: makes connections whose first byte tells whether they do.
    """

    secure: Any
    either: Any
    certificate: KeptCertificate


def build_tls(
    *, live: LiveSettings, state: bytes, instance_id: str, site: StreamingSite, threads: IThreads, reactor: Any
) -> Tls:
    """Load or make the certificate, and put TLS before the site. Blocks.

    :param live: the settings.
    :param state: path of the folder for secrets.
    :param threads: where the certificate is loaded later on.
    :raise StartupError: the certificate can't be read, made or used.
    """
    source = _source(live, state, instance_id)
    identity = source.load()
    protocols = site.acceptableProtocols()
    contexts = ServerContexts(_context(identity, protocols))
    secure: Any = TLSMemoryBIOFactory(contexts, False, cast(Any, site), reactor)
    if site.lanes:
        secure = TlsLaneFactory(contexts=contexts, protocols=cast(Any, site), otherwise=secure)
    kept = KeptCertificate(
        source=source,
        identity=identity,
        use=lambda other: contexts.use(_context(other, protocols)),
        threads=threads,
        clock=reactor,
    )
    return Tls(secure, FirstByteFactory(house=site, secure=secure, plain=cast(Any, site)), kept)


def check_usable(identity: Identity) -> None:
    """See that TLS can be spoken with a certificate: a key may be too small, a curve unknown.

    :raise StartupError: it can't.
    """
    _context(identity, [b"http/1.1"])


def _source(live: LiveSettings, state: bytes, instance_id: str) -> Source:
    settings = live.now
    if settings.cert is not None:
        return CertificateFiles(cert=settings.cert, key=settings.key, wall=time.time)
    return SelfSigned(
        folder=state,
        instance_id=instance_id,
        names=lambda: machine_names(live.now.allow_host),
        wall=time.time,
    )


def _context(identity: Identity, protocols: list[bytes]) -> SSL.Context:
    try:
        return server_context(identity.key, identity.chain, protocols=protocols)
    except SSL.Error as error:
        raise StartupError(f"The certificate can't be used: {reason_of(error)}.") from None
