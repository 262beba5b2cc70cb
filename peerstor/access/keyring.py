"""The keyring: every credential that the daemon knows, kept as fresh as the database."""

import math
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from peerstor.access.database import Database
from peerstor.access.digests import SecretDigest
from peerstor.access.owner import Owner
from peerstor.access.sessions import Sessions
from peerstor.access.tokens import Tokens
from peerstor.errors import Fault
from peerstor.interfaces import IThreads

_log = Logger()

FRESH = 0.5
"""Seconds for which what was read holds: a token that was revoked by command is dead after that."""

PATIENCE = 1.0
"""Seconds that a request waits for the disk. Then what was known last holds, so that nobody is locked out."""


class Credentials(Protocol):
    """One kind of credentials. An identity is its kind, a colon and what tells it from others of the kind."""

    kind: str

    def read(self) -> Any:
        """Read all of them; called in a thread."""

    def take(self, found: Any) -> None:
        """Hold what `read` gave instead of what was held; called in the reactor's thread, as is the rest."""

    def live(self, identity: str) -> bool:
        """Tell whether one of this kind holds at this moment."""

    def next_end(self, after: float) -> float:
        """Tell when the next one ends by itself after a time, seconds since the epoch; infinity for never."""


class Keyring:
    """The credentials of one storage: the owner, tokens and sessions, and whatever `include` adds.

    Command-line processes change the same database. A look at it asks for its stamp, which costs microseconds,
    and reads it again only when that differs. While the keyring is started it looks every `FRESH` seconds, so
    that running transfers of what has ended can be cut; a request that shows a credential awaits `refresh`.

    When the database can't be read, what was known last holds, and one line in the log says so.

    :ivar on_change: called without arguments in the reactor's thread whenever a credential may have ended.
    """

    def __init__(
        self,
        *,
        folder: bytes,
        instance_id: str,
        fsync: bool,
        secret: str | None,
        threads: IThreads,
        clock: Any,
        wall: Callable[[], float],
    ) -> None:
        """Know nothing yet; `open` it.

        :param folder: path of the state folder; it is there.
        :param instance_id: of the storage, 32 hex digits.
        :param secret: of `--token`; None is none.
        :param threads: a single thread of its own.
        :param clock: provides `IReactorTime`.
        :param wall: the time, seconds since the epoch.
        """
        self._threads = threads
        self._clock = clock
        self._wall = wall
        self.digest = SecretDigest(folder=folder, name=SecretDigest.name_for(instance_id))
        self.database = Database(path=Database.path_in(folder, instance_id), key=self.digest.path, fsync=fsync)
        self.owner = Owner(secret=secret, digest=self.digest)
        self.tokens = Tokens(database=self.database, digest=self.digest, wall=wall)
        self.sessions = Sessions(
            database=self.database,
            digest=self.digest,
            threads=threads,
            wall=wall,
            alive=self.live,
            ended=self._announce,
        )
        self.on_change: list[Callable[[], None]] = []
        self._kinds: dict[str, Credentials] = {}
        for kind in (self.owner, self.tokens, self.sessions):
            self.include(kind)
        self._stamp: object = None
        self._looked = -math.inf
        self._look_began: float | None = None
        self._waiting: list[Deferred[None]] = []
        self._faulty = False
        self._next_end = math.inf
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock

    def include(self, kind: Credentials) -> None:
        """Keep another kind of credentials fresh as well; before `open`."""
        self._kinds[kind.kind] = kind

    # Its life

    def open(self) -> None:
        """Read everything, and the key that the owner's secret needs. Blocks.

        The file is closed again: the process may fork before the keyring is used.

        :raise StartupError: a newer PeerStor wrote the database, or it is lost, or the key is lost, damaged or
            open to others.
        :raise NoSpace, StorageUnavailable: the database can't be read or made.
        """
        try:
            if self.owner.wanted and not self.digest.load():
                with self.database.transaction() as base:
                    self.digest.ensure(base)
            found = self._read_all()
        finally:
            self.database.close()
        self._take_all(found)
        self.digest.check(len(self.tokens))

    def start(self) -> None:
        """Begin to look at the database of its own accord."""
        self._loop.start(FRESH, now=False)

    async def stop(self) -> None:
        """Look no more, and close the database."""
        if self._loop.running:
            self._loop.stop()
        await self._threads.run(self.database.close)

    # What it knows

    @property
    def any(self) -> bool:
        """Whether there is any token at all, named or the owner's, also one that has expired."""
        return self.owner.wanted or len(self.tokens) > 0

    def live(self, credential: str) -> bool:
        """Tell whether a credential of any kind holds at this moment."""
        kind = self._kinds.get(credential.partition(":")[0])
        return kind is not None and kind.live(credential)

    def behind(self, credential: str) -> str | None:
        """Give what a credential comes down to: what a session was begun with, else itself; None if it ended."""
        if not self.live(credential):
            return None
        if credential.partition(":")[0] == self.sessions.kind:
            return self.sessions.begun_with(credential)
        return credential

    def changed(self) -> None:
        """Take note that a kind which was included has changed of its own accord."""
        self._announce()

    @property
    def fresh(self) -> bool:
        """Whether what is known is at most `FRESH` seconds old."""
        return bool(self._clock.seconds() - self._looked < FRESH)

    async def refresh(self) -> None:
        """See to it that what is known is at most `FRESH` seconds old, unless the disk doesn't answer."""
        if self.fresh:
            return
        began = self._begin_look()
        if self._clock.seconds() - began < PATIENCE:
            await self._looked_at()

    # Looking

    async def _tick(self) -> None:
        began = self._begin_look()
        if self._clock.seconds() - began < PATIENCE:
            await self._looked_at()
        if self._wall() >= self._next_end:
            self._announce()
        Deferred.fromCoroutine(self._note_uses())

    def _begin_look(self) -> float:
        """Begin a look unless one is under way; tell when it began."""
        if self._look_began is not None:
            return self._look_began
        began: float = self._clock.seconds()
        self._look_began = began
        patience = self._clock.callLater(PATIENCE, self._give_up)
        Deferred.fromCoroutine(self._look(began, patience))
        return began

    async def _look(self, began: float, patience: IDelayedCall) -> None:
        try:
            found = await self._threads.run(self._read_changed)
            self._faulty = False
            if found is not None:
                self._take_all(found)
                self._announce()
        except Fault as fault:
            self._complain("{fault}", fault=fault)
        except Exception as error:
            self._complain("{error!r}", error=error)
        self._looked, self._look_began = began, None
        if patience.active():
            patience.cancel()
        self._let_go()

    def _looked_at(self) -> Deferred[None]:
        """Wait for the end of the look under way, or of the patience with it."""
        done: Deferred[None] = Deferred()
        if self._look_began is None:
            done.callback(None)
        else:
            self._waiting.append(done)
        return done

    def _give_up(self) -> None:
        self._complain("the disk doesn't answer")
        self._let_go()

    def _let_go(self) -> None:
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            if not done.called:
                done.callback(None)

    def _complain(self, reason: str, **values: object) -> None:
        if not self._faulty:
            self._faulty = True
            text = "The access database can't be read; what was known of tokens goes on to hold: "
            _log.warn(text + reason, **values)

    async def _note_uses(self) -> None:
        try:
            await self.sessions.note_uses()
        except Fault as fault:
            self._complain("{fault}", fault=fault)
        except Exception:
            _log.failure("The use of sessions could not be noted")

    def _announce(self) -> None:
        self._next_end = min(kind.next_end(self._wall()) for kind in self._kinds.values())
        for changed in list(self.on_change):
            try:
                changed()
            except Exception:
                _log.failure("Somebody could not be told that credentials have changed")

    # In the thread

    def _read_changed(self) -> list[tuple[Credentials, Any]] | None:
        """Read everything if anybody else has changed it since it was last read."""
        stamp = self.database.stamp()
        if stamp == self._stamp:
            return None
        found = self._read_all()
        self._stamp = stamp
        return found

    def _read_all(self) -> list[tuple[Credentials, Any]]:
        return [(kind, kind.read()) for kind in self._kinds.values()]

    def _take_all(self, found: list[tuple[Credentials, Any]]) -> None:
        for kind, rows in found:
            kind.take(rows)
        self._next_end = min(kind.next_end(self._wall()) for kind in self._kinds.values())
