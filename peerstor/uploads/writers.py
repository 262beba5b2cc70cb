"""Who holds an upload: one at a time, and what becomes of one who has gone silent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from blake3 import blake3
from twisted.internet.defer import Deferred

from peerstor.errors import Busy
from peerstor.uploads.marks import SyncedMark
from peerstor.uploads.parts import OpenPart
from peerstor.uploads.records import Record, State, UploadKey

STALE = 2.0
"""Seconds of a writer's silence after which another may take its place: long enough for a bad radio link, short
enough for a client that comes back to wait out (`http.md`, section 3)."""


class Receives(Protocol):
    """Where the bytes of one call go: see `Sink`, which is one."""

    written: int

    @property
    def silence(self) -> float:
        """Seconds since the client last gave anything."""

    @property
    def over(self) -> bool:
        """Whether the delivery has ended."""

    def cut(self, reason: Exception) -> None:
        """End the delivery at once."""


class Holder:
    """One call that has an upload to itself, or waits to.

    :ivar reason: why it was told to end, or None.
    :ivar knows: whether it has looked at the upload, so that what is in memory is true.
    """

    def __init__(self, *, brief: bool = False, session: str | None = None) -> None:
        """Make a holder.

        :param brief: whether it only ever waits for the disk, so that others wait for it instead of being refused.
        :param session: what the client's calls have in common, where it said so.
        """
        self.reason: Exception | None = None
        self.knows = False
        self._brief = brief
        self._session = session
        self._sink: Receives | None = None
        self._counted: int | None = None
        self._waiting: list[Deferred[None]] = []
        self._curious: list[Deferred[None]] = []

    def cut(self, reason: Exception) -> None:
        """Tell it to end: bytes that arrived are still written. Only the first reason counts."""
        if self.reason is None:
            self.reason = reason
            if self._sink is not None:
                self._sink.cut(reason)

    def check(self) -> None:
        """Raise the reason to end, where there is one."""
        if self.reason is not None:
            raise self.reason

    def writes(self, sink: Receives, *, counted: int | None = None) -> None:
        """Note that it receives now; raises the reason to end, where one came before.

        :param counted: bytes that count meanwhile, where those that come have to be checked first.
        """
        self.check()
        self._sink, self._counted = sink, counted

    @property
    def written(self) -> int | None:
        """The offset that its sink has reached, as far as that counts, bytes; None where it has none."""
        if self._sink is None or self._counted is not None:
            return self._counted
        return self._sink.written

    @property
    def ending(self) -> bool:
        """Whether it will be done without its client's doing, so that it is worth waiting for."""
        return self._brief or self.reason is not None or (self._sink is not None and self._sink.over)

    def yields_to(self, other: "Holder") -> bool:
        """Whether another may take its place: it is silent, or it belongs to the same client."""
        if self._session is not None and self._session == other._session:
            return True
        return self._sink is not None and self._sink.silence >= STALE

    def released(self) -> Deferred[None]:
        """Fires when it holds the upload no longer."""
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        return done

    def looked(self) -> Deferred[None]:
        """Fires when it has looked at the upload, or holds it no longer."""
        done: Deferred[None] = Deferred()
        self._curious.append(done)
        return done

    def has_looked(self) -> None:
        """Let those who wait for its look go on."""
        self.knows = True
        curious, self._curious = self._curious, []
        for done in curious:
            done.callback(None)

    def release(self) -> None:
        """Let those who wait go on, the first come first."""
        self.has_looked()
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)


class Upload:
    """One upload in memory. Only its holder changes it, and only in the reactor's thread.

    :ivar record: its row; None where there is none.
    :ivar part: its open part file; None where the row has none, or it isn't loaded.
    :ivar hasher: has run over all bytes up to `offset`; None where that has to be made up for.
    :ivar users: calls that hold it or wait for it; it stays in memory while there are any.
    :ivar interrupted: whether whoever goes on with it resumes it: its last chunk did not come to its end, or it
        comes from the ledger.
    """

    def __init__(self, key: UploadKey) -> None:
        """Make an upload of which nothing is known yet."""
        self.key = key
        self.record: Record | None = None
        self.part: OpenPart | None = None
        self.mark: SyncedMark | None = None
        self.hasher: blake3 | None = None
        self.holder: Holder | None = None
        self.settled = 0
        self.users = 0
        self.interrupted = True
        self.idle_since = 0.0

    @property
    def offset(self) -> int:
        """Bytes that are in the part file at this moment."""
        written = self.holder.written if self.holder is not None else None
        return self.settled if written is None else written

    @property
    def partial(self) -> Record | None:
        """Its row, unless it is published already."""
        return None if self.record is None or self.record.state is State.DONE else self.record

    @asynccontextmanager
    async def held_by(self, holder: Holder) -> AsyncIterator[None]:
        """Give the upload to one holder, after those who are about to end.

        :raise Busy: another makes progress.
        """
        while self.holder is not None:
            other = self.holder
            if not other.ending:
                if not other.knows:
                    await other.looked()
                    holder.check()
                    continue
                if not other.yields_to(holder):
                    raise Busy(self.offset)
                other.cut(Busy(self.offset))
            if self.holder is other:
                await other.released()
            holder.check()
        self.holder = holder
        try:
            yield
        finally:
            self.holder = None
            holder.release()

    def opened(self, part: OpenPart, offset: int, mark: SyncedMark | None) -> None:
        """Take an open part file over."""
        self.part, self.mark, self.settled = part, mark, offset
        self.hasher = blake3() if offset == 0 else None

    def closed(self) -> None:
        """Forget the part file, which somebody else closes."""
        self.part = self.mark = self.hasher = None
        self.settled = 0
