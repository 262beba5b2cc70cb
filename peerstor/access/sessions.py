"""Sessions: what the cookie of the login page stands for."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import define

from peerstor.access.database import Database
from peerstor.access.digests import SESSION, SecretDigest, new_secret
from peerstor.interfaces import IThreads

IDLE = 30 * 86400.0
"""Seconds without use after which a session ends."""

NOTED_EVERY = 3600.0
"""Seconds between two notes of a session's use: often enough for `IDLE`, and no write for each request."""

PER_CREDENTIAL, IN_ALL = 100, 10_000
"""How many there may be; the one that was used longest ago makes room."""


@define
class _Session:
    identity: str
    used: float
    noted: float


class Sessions:
    """The sessions of one storage: asked in memory, kept in the database, where only their digests are.

    All but `read` is called in the reactor's thread.
    """

    kind = "session"

    def __init__(
        self,
        *,
        database: Database,
        digest: SecretDigest,
        threads: IThreads,
        wall: Callable[[], float],
        alive: Callable[[str], bool],
        ended: Callable[[], None],
    ) -> None:
        """Know no session yet.

        :param threads: one thread, in which everything that concerns the database runs.
        :param wall: the time, seconds since the epoch.
        :param alive: tells whether the credential that a session was begun with still holds.
        :param ended: called when a session has ended by what was done here.
        """
        self._database = database
        self._digest = digest
        self._threads = threads
        self._wall = wall
        self._alive = alive
        self._told_of_end = ended
        self._held: dict[bytes, _Session] = {}
        self._due: set[bytes] = set()
        # Those that somebody ended: what was read of the database just before must not bring them back.
        self._ended: set[bytes] = set()

    async def begin(self, identity: str, now: float) -> str:
        """Begin a session; durable.

        :param identity: of the credential that was shown.
        :param now: the time, seconds since the epoch.
        :return: the value of the cookie, 43 characters that need no quoting.
        :raise NoSpace, StorageUnavailable, StartupError: it could not be written.
        """
        cookie = new_secret()
        rows = await self._threads.run(self._begin, cookie, identity, now)
        before = set(self._held)
        self.take(rows)
        if not before <= set(self._held):
            self._told_of_end()
        return cookie

    def find(self, cookie: bytes) -> str | None:
        """Tell the identity of the credential that a cookie's session was begun with, and count it as used.

        None when there is no such session, it was idle for too long, or its credential has ended.
        """
        digest = self._digest.of(cookie, SESSION)
        session = self._live(digest)
        if session is None or digest is None:
            return None
        session.used = self._wall()
        if abs(session.used - session.noted) >= NOTED_EVERY:
            self._due.add(digest)
        return session.identity

    def credential(self, cookie: bytes) -> str | None:
        """Give the identity of the session itself, which ends when it or its credential does; None as `find`."""
        digest = self._digest.of(cookie, SESSION)
        return f"{self.kind}:{digest.hex()}" if digest is not None and self._live(digest) else None

    async def end(self, cookie: bytes) -> None:
        """End a session: in memory at once, then durably.

        :raise NoSpace, StorageUnavailable: it could not be written; after a restart the session may be back.
        """
        digest = self._digest.of(cookie, SESSION)
        if digest is None or self._held.pop(digest, None) is None:
            return
        self._ended.add(digest)
        self._told_of_end()
        await self._threads.run(self._delete, digest)
        self._ended.discard(digest)

    def live(self, identity: str) -> bool:
        """Tell whether a session of `credential` still holds."""
        _, _, text = identity.partition(":")
        return self._live(bytes.fromhex(text)) is not None

    def begun_with(self, identity: str) -> str | None:
        """Give the identity of what a session of `credential` was begun with; None when it holds no more."""
        session = self._live(bytes.fromhex(identity.partition(":")[2]))
        return None if session is None else session.identity

    def next_end(self, after: float) -> float:
        """Tell when the next one ends by itself: never, as long as it is in use."""
        return math.inf

    def __len__(self) -> int:
        """Count them."""
        return len(self._held)

    async def note_uses(self) -> None:
        """Write down which were used, where that is due.

        :raise NoSpace, StorageUnavailable: it could not be written; it is due again in an hour.
        """
        due, self._due = self._due, set()
        uses = []
        for digest in due:
            session = self._held.get(digest)
            if session is not None:
                session.noted = session.used
                uses.append((session.used, digest))
        if uses:
            await self._threads.run(self._note, uses)

    def read(self) -> list[tuple[Any, ...]]:
        """Read the rows that `take` understands. Blocks."""
        return self._database.read("SELECT digest, identity, used FROM sessions")

    def take(self, rows: Iterable[Sequence[Any]]) -> None:
        """Hold what `read` has found instead of what was held."""
        before, self._held = self._held, {}
        for digest, identity, noted in rows:
            if digest not in self._ended:
                used = max(noted, before[digest].used) if digest in before else noted
                self._held[digest] = _Session(identity, used, noted)

    def _live(self, digest: bytes | None) -> _Session | None:
        if digest is None:
            return None
        # What the look-up's time tells is of the digest, which nobody can steer without the key.
        session = self._held.get(digest)
        if session is None or self._wall() - session.used >= IDLE or not self._alive(session.identity):
            return None
        return session

    # In the thread

    def _begin(self, cookie: str, identity: str, now: float) -> list[tuple[Any, ...]]:
        with self._database.transaction() as base:
            self._digest.ensure(base)
            digest = self._digest.of(cookie.encode(), SESSION)
            base.execute("DELETE FROM sessions WHERE used <= ?", (now - IDLE,))
            # By its place, not by its time: a clock that was set back makes the new one the oldest.
            oldest = "ORDER BY used DESC LIMIT -1 OFFSET ?"
            base.execute(
                f"DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE identity = ? {oldest})",
                (identity, PER_CREDENTIAL - 1),
            )
            base.execute(
                f"DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions {oldest})", (IN_ALL - 1,)
            )
            base.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (digest, identity, now, now))
        return self.read()

    def _delete(self, digest: bytes) -> None:
        with self._database.transaction() as base:
            base.execute("DELETE FROM sessions WHERE digest = ?", (digest,))

    def _note(self, uses: list[tuple[float, bytes]]) -> None:
        with self._database.transaction() as base:
            base.executemany("UPDATE sessions SET used = ? WHERE digest = ?", uses)
