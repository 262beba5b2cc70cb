"""The audit log: who did what, one line of JSON each, written within 20 ms of when it has happened."""

import os
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from peerstor.daemon.auditfile import AuditFile
from peerstor.daemon.auditlines import audit_line
from peerstor.interfaces import IAudit, IThreads

MOST_WAITING = 10_000
"""Lines that wait for a disk that can't be written, some 2 MB. Those above are counted, and the count written."""

ROUND = 500
"""Lines in one visit to the thread, so that the end of a long queue needn't wait for all of it at once."""

GATHER = 0.02
"""Seconds from one round to the next, in which lines gather: a visit to the thread for each costs more than its
writing. The first of all is written at once."""

RETRY = 5.0
"""Seconds between tries of a disk that refused: soon enough for one that is back, no load on one that isn't."""

_log = Logger()


@implementer(IAudit)
class AuditLog:
    """Writes events to a file in the order in which they were noted, off the reactor's thread.

    A file that can't be written holds nobody up: it is said once in the log, events wait, and it is tried again.
    """

    @staticmethod
    def path_in(state_folder: bytes | None, private_folder: bytes, instance_id: str) -> bytes:
        """Name the file of a storage.

        :param state_folder: what `--state` says, which storages may share; None where it isn't given.
        :param private_folder: of the storage.
        :param instance_id: of the storage, 32 hex digits.
        """
        if state_folder is None:
            return os.path.join(private_folder, b"audit.log")
        return os.path.join(state_folder, b"audit-%s.log" % instance_id[:16].encode())

    def __init__(
        self,
        *,
        path: bytes | None,
        threads: IThreads,
        clock: IReactorTime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Make a log; events noted before `start` wait.

        :param path: of the file; None keeps nothing, where the owner wants no audit log.
        :param threads: runs the writes; a thread of its own, which a hanging disk may hold for ever.
        :param wall: the time, seconds since the epoch.
        """
        self._wanted = path is not None
        self._file = AuditFile(path or b"")
        self._threads = threads
        self._clock = clock
        self._wall = wall
        self._lines: deque[bytes] = deque()
        self._lost = 0
        self._running = False
        self._failing = False
        self._next: IDelayedCall | None = None
        self._busy = False
        self._writing: Deferred[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._running = True
        self._go_on()

    async def stop(self) -> None:
        """Write what is left, as far as that is possible."""
        self._running = False
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._writing is not None:
            await self._writing
        while self._lines and await self._write_round():
            pass

    def write_to(self, path: bytes | None) -> None:
        """Take another file from now on, or none. Events that wait go to the new one, or else to the old."""
        self._wanted = path is not None
        if path is None or path == self._file.path:
            return
        self._file = AuditFile(path)
        self._failing = False
        if self._next is not None:
            self._next.cancel()
            self._round_begins()

    def note(self, event: str, *, principal: str, address: str | None, **details: Any) -> None:
        """See `IAudit`."""
        if not self._wanted:
            return
        if len(self._lines) >= MOST_WAITING:
            self._lost += 1
            return
        try:
            self._lines.append(audit_line(self._wall(), event, principal, address, details))
        except Exception:
            _log.failure("An event could not be written for the audit log")
            return
        self._go_on()

    def _go_on(self) -> None:
        if self._running and self._lines and not self._busy and self._next is None:
            self._busy = True
            self._writing = Deferred.fromCoroutine(self._write())

    async def _write(self) -> None:
        good = await self._write_round()
        while good and len(self._lines) >= ROUND:
            good = await self._write_round()
        self._busy = False
        if self._running:
            self._next = self._clock.callLater(GATHER if good else RETRY, self._round_begins)

    def _round_begins(self) -> None:
        self._next = None
        self._go_on()

    async def _write_round(self) -> bool:
        """Write the oldest lines; tells whether they are in the file."""
        lines = [*islice(self._lines, ROUND)]
        try:
            count = await self._threads.run(self._file.append, lines)
        except OSError as error:
            self._failed(error)
            return False
        except Exception:
            _log.failure("The audit log could not be written")
            return False
        for _ in range(count):
            self._lines.popleft()
        self._written()
        return True

    def _failed(self, error: OSError) -> None:
        # Said once, not every five seconds: a disk that is full stays so for a while.
        if not self._failing:
            _log.warn(
                "Can't write the audit log {path}: {reason}. Events wait, up to {most} of them.",
                path=self._file.path.decode("utf-8", "backslashreplace"),
                reason=error.strerror or str(error),
                most=MOST_WAITING,
            )
        self._failing = True

    def _written(self) -> None:
        if self._failing:
            self._failing = False
            _log.info("The audit log is written again.")
        if self._lost and len(self._lines) < MOST_WAITING:
            lost, self._lost = self._lost, 0
            self.note("events_lost", principal="-", address=None, outcome="lost", count=lost)
