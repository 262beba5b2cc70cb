"""The certificate that new connections get, kept up to date while the server runs."""

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from peerstor.daemon.identity import Identity
from peerstor.errors import Fault
from peerstor.interfaces import IThreads

LOOK_EVERY = 86400.0
"""Seconds between looks whether it has changed or is due for renewal."""

_log = Logger()


class Source(Protocol):
    """Where the identity comes from."""

    def load(self) -> Identity:
        """Read it. Blocks.

        :raises StartupError: it can't be read, or isn't what it should be.
        """


class KeptCertificate:
    """Loads the identity when told to and once a day, and gives a new one to whoever uses it.

    What can't be loaded or used leaves everything as it is, with a line in the log.
    """

    def __init__(
        self,
        *,
        source: Source,
        identity: Identity,
        use: Callable[[Identity], None],
        threads: IThreads,
        clock: Any,
    ) -> None:
        """Keep an identity that is in use.

        :param identity: what `source` gave.
        :param use: takes a new one into use; raises StartupError where that is not possible.
        :param threads: where it is loaded.
        :param clock: provides `IReactorTime`.
        """
        self.identity = identity
        self._source = source
        self._use = use
        self._threads = threads
        self._looking = LoopingCall(lambda: Deferred.fromCoroutine(self.reload()))
        self._looking.clock = clock

    def start(self) -> None:
        """Begin to look once a day."""
        self._looking.start(LOOK_EVERY, now=False)

    def stop(self) -> None:
        """End that."""
        if self._looking.running:
            self._looking.stop()

    async def reload(self) -> None:
        """Load it, and take it into use if it is another one."""
        try:
            identity = await self._threads.run(self._source.load)
            if identity == self.identity:
                return
            self._use(identity)
        except Fault as fault:
            _log.error("The certificate stays as it is: {fault}", fault=fault)
            return
        except Exception:
            _log.failure("The certificate stays as it is")
            return
        self.identity = identity
        for line in identity.lines():
            _log.info("new connections get another certificate. {line}", line=line)
