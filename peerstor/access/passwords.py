"""Passwords that people choose: hashed so slowly that guessing a stolen hash doesn't pay (RFC 9106)."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from peerstor.errors import TooMany
from peerstor.interfaces import IThreads

if TYPE_CHECKING:  # see _hasher
    from argon2 import PasswordHasher

T = TypeVar("T")

LONGEST = 256
"""Characters."""

WAITING_AT_MOST = 16
"""Passwords that are looked at or wait for it; two at once would take a second for these."""


class Passwords:
    """Hashes and checks passwords in threads of their own, the number of which bounds the memory."""

    def __init__(self, *, threads: IThreads) -> None:
        """Use these threads."""
        self._threads = threads
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Give the hash of a new password.

        :raise TooMany: too many others wait.
        """
        return await self._run(_hash, password)

    async def right(self, kept: str, password: str) -> bool:
        """Tell whether a password is the one whose hash was kept.

        :raise TooMany: too many others wait.
        """
        if len(password) > LONGEST:
            return False
        return await self._run(_right, kept, password)

    async def _run(self, function: Callable[..., T], *args: str) -> T:
        if self._waiting >= WAITING_AT_MOST:
            raise TooMany()
        self._waiting += 1
        work = self._threads.run(function, *args)
        # Also when the client left meanwhile: the thread doesn't know.
        work.addBoth(self._done)
        return await work

    def _done(self, outcome: T) -> T:
        self._waiting -= 1
        return outcome


@cache
def _hasher() -> "PasswordHasher":
    """Hash with OWASP's least for Argon2id, 19 MiB and some 30 ms of a core: a guest can make us do this."""
    # Not at the top: most servers have no password to look at, and whoever calls this is in a thread.
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _hash(password: str) -> str:
    return _hasher().hash(password)


def _right(kept: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # see _hasher

    try:
        return _hasher().verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
