"""A start that brings in no more than it needs, and leaves nothing for the first clients to wait for."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Thread
from typing import Any

from twisted.application.service import Service

SETTLE_AFTER = 1.0
"""Seconds from the start until the rest is done: what a script asks for at once comes before it."""

PUT_OFF = "jinja2.ext"
"""What is imported then; `peerstor.web.pages` does it itself where a visitor comes sooner."""


@contextmanager
def lean_imports() -> Iterator[None]:
    """Import what a start needs in less time and memory than its libraries take by themselves.

    Looking for garbage meanwhile finds next to none, and costs a tenth of the time.

    Twisted's plain sockets bring in pyOpenSSL and cryptography, 12 MiB, for a method that is never called here
    (`startTLS`), and do without where pyOpenSSL isn't installed. So for as long as this lasts it isn't, unless it
    is there already. With HTTPS it comes afterwards (`peerstor.tls`), without what twisted's reactor would have
    brought along: how certificates of other servers are checked, 1 MiB.
    """
    hidden = "OpenSSL" not in sys.modules
    collecting = gc.isenabled()
    gc.disable()
    if hidden:
        sys.modules["OpenSSL"] = None  # type: ignore[assignment] # this is how an import is made to fail
    try:
        yield
    finally:
        if hidden:
            del sys.modules["OpenSSL"]
        if collecting:
            gc.enable()


class Settling(Service):
    """Does what a start may put off, soon after it and in nobody's way.

    What pages are made with is imported in a thread: a first visitor would wait for it, and a script never needs
    it. Then all that is there goes off the books of the garbage collector, since it stays for as long as the
    process does: every full collection would look at it again, and hold up all clients for 15 ms.
    """

    def __init__(self, reactor: Any) -> None:
        """Wait for the start.

        :param reactor: provides `IReactorTime` and `IReactorFromThreads`.
        """
        self._reactor = reactor
        self._call: Any = None

    def startService(self) -> None:
        """Settle soon."""
        super().startService()
        self._call = self._reactor.callLater(SETTLE_AFTER, self._begin)

    def stopService(self) -> None:
        """Don't, where that is still to come."""
        super().stopService()
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _begin(self) -> None:
        Thread(target=self._import, name="settling", daemon=True).start()

    def _import(self) -> None:
        import_module(PUT_OFF)
        self._reactor.callFromThread(self._freeze)

    def _freeze(self) -> None:
        gc.collect()
        gc.freeze()
