"""Named tokens: a secret each, and what whoever has it may do."""

import math
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from hmac import compare_digest
from secrets import token_hex
from typing import Any

from attrs import field, frozen

from peerstor.access.database import Database
from peerstor.access.digests import TOKEN, SecretDigest, new_secret
from peerstor.access.rights import Grant, Right
from peerstor.errors import BadName, Exists

PREFIX = "ps_"
"""Of every token's secret."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_RESERVED = ("anonymous", "owner")


@frozen
class Token:
    """A named token; its secret is known to whoever has it only.

    :param identity: tells it from every other, also from a later one of the same name.
    :param grant: what it allows, and where.
    :param created: seconds since the epoch.
    :param expires: from when on it is none any more, seconds since the epoch; None is never.
    """

    identity: str
    name: str
    grant: Grant
    created: float
    expires: float | None

    def is_live(self, now: float) -> bool:
        """Tell whether it has not expired at a time, seconds since the epoch."""
        return self.expires is None or now < self.expires


@frozen
class _Held:
    """All tokens, as one value that is exchanged whole: a thread may load while another asks."""

    by_digest: dict[bytes, tuple[bytes, Token]] = field(factory=dict)
    by_identity: dict[str, Token] = field(factory=dict)


class Tokens:
    """The tokens of one storage: asked in memory, kept in the database."""

    kind = "token"

    def __init__(self, *, database: Database, digest: SecretDigest, wall: Callable[[], float]) -> None:
        """Know no token yet; `load` them.

        :param wall: the time, seconds since the epoch.
        """
        self._database = database
        self._digest = digest
        self._wall = wall
        self._held = _Held()

    # In memory

    def find(self, secret: bytes) -> Token | None:
        """Find the token of a secret; None when it is none, was revoked or has expired."""
        digest = self._digest.of(secret, TOKEN)
        if digest is None:
            return None
        known, token = self._held.by_digest.get(digest, (None, None))
        # What the look-up's time tells is of the digest, which nobody can steer without the key.
        if known is None or token is None or not compare_digest(known, digest):
            return None
        return token if token.is_live(self._wall()) else None

    def get(self, identity: str) -> Token | None:
        """Find a token by its identity; None when it is unknown, was revoked or has expired."""
        token = self._held.by_identity.get(identity)
        return token if token is not None and token.is_live(self._wall()) else None

    def live(self, identity: str) -> bool:
        """Tell whether `get` finds one."""
        return self.get(identity) is not None

    def next_end(self, after: float) -> float:
        """Tell when the next one expires after a time; infinity when none does."""
        ends = [token.expires for token in self._held.by_identity.values() if token.expires is not None]
        return min((end for end in ends if end > after), default=math.inf)

    def __len__(self) -> int:
        """Count them, those that have expired too: a server must not open because its last token ran out."""
        return len(self._held.by_identity)

    def held(self) -> dict[str, str]:
        """Give the names of all that hold, by their identities."""
        now = self._wall()
        return {token.identity: token.name for token in self._held.by_identity.values() if token.is_live(now)}

    def known(self, identity: str) -> bool:
        """Tell whether there is a token of this identity, also one that has expired."""
        return identity in self._held.by_identity

    def take(self, rows: Iterable[Sequence[Any]]) -> None:
        """Hold what `read` has found instead of what was held."""
        found = [(row[0], _token(row)) for row in rows]
        self._held = _Held(
            by_digest={digest: (digest, token) for digest, token in found},
            by_identity={token.identity: token for _, token in found},
        )

    # On disk: these block, and raise what `Database` does

    def read(self) -> list[tuple[Any, ...]]:
        """Read the rows that `take` understands."""
        self._digest.load()
        return self._database.read("SELECT digest, identity, name, rights, path, created, expires FROM tokens")

    def load(self) -> None:
        """Read all tokens into memory."""
        self.take(self.read())

    def all(self) -> list[Token]:
        """Read all tokens, also those that have expired, in the order of their names."""
        return sorted((_token(row) for row in self.read()), key=lambda token: token.name.lower())

    def add(self, name: str, rights: Right, parts: tuple[bytes, ...], expires: float | None) -> str:
        """Make a token; durable.

        :param name: of it: letters, digits and `._@-`, at most 64 characters, the first a letter or digit.
        :param rights: what it allows.
        :param parts: names of the path that it is for, from the root down.
        :param expires: when it ends, seconds since the epoch; None is never.
        :return: its secret, which is kept nowhere.
        :raise BadName: the name is no such one, or `anonymous` or `owner`.
        :raise Exists: another token has the name, in whatever case.
        :raise StartupError: the key can't be read or made.
        """
        check_name(name)
        secret = new_secret(PREFIX)
        with self._database.transaction() as base:
            self._digest.ensure(base)
            digest, identity = self._digest.of(secret.encode(), TOKEN), f"{self.kind}:{token_hex(16)}"
            values = (digest, identity, name, spelled(rights), b"/".join(parts), self._wall(), expires)
            try:
                base.execute(
                    "INSERT INTO tokens (digest, identity, name, rights, path, created, expires)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
            except sqlite3.IntegrityError:
                raise Exists() from None
        self.load()
        return secret

    def revoke(self, name: str) -> bool:
        """End a token and the sessions that were begun with it; durable.

        :return: False when there is none of that name.
        """
        # A database that isn't there is not to be made for this.
        if not self._database.read("SELECT 1 FROM tokens WHERE name = ?", (name,)):
            return False
        with self._database.transaction() as base:
            base.execute(
                "DELETE FROM sessions WHERE identity IN (SELECT identity FROM tokens WHERE name = ?)", (name,)
            )
            count = base.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount
        self.load()
        return count > 0


def check_name(name: str) -> None:
    """Refuse what can't be a token's name.

    :raise BadName: see `Tokens.add`.
    """
    if not _NAME.fullmatch(name) or name.lower() in _RESERVED:
        raise BadName()


def spelled(rights: Right) -> str:
    """Spell rights for people and for the database: `read,create`."""
    return ",".join(str(right.name).lower() for right in rights)


def _token(row: Sequence[Any]) -> Token:
    _, identity, name, rights, path, created, expires = row
    allowed = Right.NONE
    for right in filter(None, rights.split(",")):
        allowed |= Right[right.upper()]
    parts = tuple(path.split(b"/")) if path else ()
    return Token(identity=identity, name=name, grant=Grant(parts, allowed), created=created, expires=expires)
