"""A state folder, and what a process keeps in it."""

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.database import Database
from peerstor.access.digests import SecretDigest
from peerstor.access.keyring import Keyring
from peerstor.access.tokens import Tokens
from peerstor.interfaces import IThreads
from tests.fakes import ImmediateThreads
from tests.scratch import scratch_folder

INSTANCE = "0123456789abcdef" * 2
START = 1_700_000_000.0


class StateCase(SynchronousTestCase):
    """Gives each test a state folder (`self.folder`), a time (`self.now`) and a clock."""

    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))
        self.path = Database.path_in(self.folder, INSTANCE)
        self.now = START
        self.clock = Clock()

    def database(self, **changes: Any) -> Database:
        """Open the database as one more process would."""
        database = Database(**{"path": self.path, "key": self.digest().path, "fsync": False, **changes})
        self.addCleanup(database.close)
        return database

    def digest(self) -> SecretDigest:
        """Know the key's place."""
        return SecretDigest(folder=self.folder, name=SecretDigest.name_for(INSTANCE))

    def tokens(self) -> Tokens:
        """Use the tokens as a command would."""
        return Tokens(database=self.database(), digest=self.digest(), wall=lambda: self.now)

    def keyring(self, *, secret: str | None = None, threads: IThreads | None = None) -> Keyring:
        """Make a daemon's keyring."""
        keyring = Keyring(
            folder=self.folder,
            instance_id=INSTANCE,
            fsync=False,
            secret=secret,
            threads=threads or ImmediateThreads(),
            clock=self.clock,
            wall=lambda: self.now,
        )
        self.addCleanup(keyring.database.close)
        return keyring

    def result(self, coroutine: Any) -> Any:
        """Run something to its end that needs no waiting."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def pass_time(self, seconds: float) -> None:
        """Let the clocks go on."""
        self.now += seconds
        self.clock.advance(seconds)
