"""Rules of joining certificate, TLS and site."""

import os
import socket
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from peerstor.config.live import LiveSettings
from peerstor.errors import StartupError
from peerstor.http.firstbyte import FirstByte
from peerstor.http.site import StreamingSite
from peerstor.http.tlslane import TlsLaneFactory
from peerstor.settings import Settings
from peerstor.tls import Tls, build_tls
from tests.certificates import Authority, Issued
from tests.fakes import ImmediateThreads
from tests.scratch import scratch_folder

AUTHORITY = Authority()


class BuildTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.clock = Clock()

    def build(self, lanes: bool = True, **settings: Any) -> Tls:
        return build_tls(
            live=LiveSettings(Settings(https=True, **settings)),
            state=os.fsencode(self.folder),
            instance_id="0123456789abcdef" * 2,
            site=StreamingSite(Resource(), reactor=self.clock, lanes=lanes),
            threads=ImmediateThreads(),
            reactor=self.clock,
        )

    def give(self, issued: Issued) -> dict[str, str]:
        """Lay an own certificate there, and give the settings that name it."""
        cert, key = issued.write(self.folder)
        return {"cert": cert, "key": key}

    def test_own_making(self) -> None:
        """Without a certificate one is made, for allowed names too, in the folder for secrets."""
        tls = self.build(allow_host=("files.example.org",))
        self.assertEqual(os.listdir(self.folder), ["tls-0123456789abcdef.pem"])
        self.assertIn("files.example.org", str(tls.certificate.identity.chain[0].extensions))
        self.assertEqual(self.build().certificate.identity, tls.certificate.identity)
        self.assertIsInstance(tls.either.buildProtocol(None), FirstByte)

    def test_unusable(self) -> None:
        """A certificate that OpenSSL doesn't take is one line at the start."""
        with self.assertRaises(StartupError) as caught:
            self.build(**self.give(AUTHORITY.issue(key=rsa.generate_private_key(65537, 1024))))
        self.assertRegex(str(caught.exception), r"^The certificate can't be used: .*too small\.$")

    def test_exchange(self) -> None:
        """A new certificate is used when it is read again; one that OpenSSL doesn't take leaves the old one."""
        for lanes in (True, False):
            tls = self.build(lanes, **self.give(AUTHORITY.issue()))
            for key, exchanged in ((None, True), (rsa.generate_private_key(65537, 1024), False)):
                before, context = tls.certificate.identity, self.context(tls)
                self.give(AUTHORITY.issue(key=key))
                self.successResultOf(Deferred.fromCoroutine(tls.certificate.reload()))
                self.assertEqual(tls.certificate.identity != before, exchanged)
                self.assertEqual(self.context(tls) is not context, exchanged)

    def test_ways(self) -> None:
        """OpenSSL gets the socket itself where lanes are wanted, and both ways have the same context."""
        tls = self.build()
        self.assertIsInstance(tls.secure, TlsLaneFactory)
        self.assertIs(self.context(tls), tls.secure.otherwise._creatorCallable(None).get_context())
        self.assertIsInstance(self.build(lanes=False).secure, TLSMemoryBIOFactory)

    def context(self, tls: Tls) -> object:
        """Give what the next connection is made from."""
        if isinstance(tls.secure, TlsLaneFactory):
            with socket.socket() as raw:
                return tls.secure.contexts.on_socket(raw).get_context()
        return tls.secure._creatorCallable(None).get_context()
