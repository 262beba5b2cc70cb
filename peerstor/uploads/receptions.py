"""Whole files of clients: each comes to its end whatever its client does, and is told of then."""

from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from peerstor.interfaces import IByteSource
from peerstor.uploads.collecting import Kept
from peerstor.uploads.oneshot import Receiver
from peerstor.uploads.records import Completed
from peerstor.uploads.storing import Elsewhere
from peerstor.uploads.tasks import Running
from peerstor.uploads.terms import Terms
from peerstor.uploads.writers import Holder

Announce = Callable[[Completed, str, str | None], None]
"""Tells those who listen of a published file, by whom it is, and from which address."""


class Receptions:
    """Has whole files received. Use it in the reactor's thread; what it raises, `Engine.receive` says."""

    def __init__(self, *, receiver: Receiver, running: Running, announce: Announce) -> None:
        """Make one for an engine.

        :param running: keeps what is under way.
        """
        self._receiver = receiver
        self._running = running
        self._announce = announce

    async def take(
        self, terms: Terms, source: IByteSource, address: str | None, *, small: bool = True
    ) -> Completed:
        """Receive what a source gives; it is cut when the client leaves.

        :param address: of the client.
        :param small: see `Receiver.receive`.
        """
        holder = Holder()
        work = self._receiver.receive(holder, terms, source, small=small)
        return await self._running.run(self._announced(work, terms, address), holder)

    def store(self, terms: Terms, content: bytes, address: str | None) -> Deferred[Completed]:
        """Receive what is here.

        :param address: of the client.
        """
        try:
            self._running.check()
        except Exception:
            return fail()
        done = self._receiver.store(terms, content)
        if done is None:
            return self._take(terms, content, address)
        context = copy_context()
        done.addCallback(lambda completed: context.run(self._told, completed, terms, address))
        done.addErrback(lambda failure: context.run(self._failed, failure, terms, content, address))
        self._running.count(done)
        return done

    def _failed(
        self, failure: Failure, terms: Terms, content: bytes, address: str | None
    ) -> Failure | Deferred[Completed]:
        """Take the way of large files where a small one can't have its own."""
        return self._take(terms, content, address) if isinstance(failure.value, Elsewhere) else failure

    def _take(self, terms: Terms, content: bytes, address: str | None) -> Deferred[Completed]:
        return Deferred.fromCoroutine(self.take(terms, IByteSource(Kept(content)), address, small=False))

    async def _announced(
        self, work: Coroutine[Deferred[Any], Any, Completed], terms: Terms, address: str | None
    ) -> Completed:
        return self._told(await work, terms, address)

    def _told(self, done: Completed, terms: Terms, address: str | None) -> Completed:
        self._announce(done, terms.by, address)
        return done
