"""Rules of sending at once."""

from typing import Any, cast

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.outright import emptied
from peerstor.http.tls import ServerContexts
from tests.http.test_tls import context
from tests.http.wire import Wire


class EmptiedTests(SynchronousTestCase):
    def test_plain(self) -> None:
        """A plain transport that holds nothing is taken past its buffer, and one that holds something is not."""
        wire = Wire()
        self.assertTrue(emptied(wire))
        wire._tempDataLen = 1
        self.assertFalse(emptied(wire))

    def test_tls(self) -> None:
        """Over TLS never: what lies below would send it in plain text, and answers to every name of a transport."""
        inner = Factory.forProtocol(Protocol)
        factory = TLSMemoryBIOFactory(ServerContexts(context()), False, cast(Any, inner), cast(Any, Clock()))
        secure = cast(Any, factory.buildProtocol(cast(Any, None)))
        secure.makeConnection(Wire())
        self.assertTrue(hasattr(secure, "_tempDataLen"))
        self.assertFalse(emptied(secure))

    def test_wrapped(self) -> None:
        """Nor past any other wrapper."""
        wrapper = ProtocolWrapper(WrappingFactory(cast(Any, Factory())), Protocol())
        wrapper.makeConnection(Wire())
        self.assertFalse(emptied(wrapper))
