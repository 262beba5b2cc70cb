"""Secrets, and the keyed digests of them that are kept instead."""

import os
import secrets
import sqlite3
from hashlib import blake2b

from peerstor.errors import StartupError
from peerstor.secretfiles import read_secret, write_secret

KEY_BYTES = 32
DIGEST_BYTES = 32

# What a digest is for goes into it (at most 16 bytes), so that one kind of secret is never taken for another.
TOKEN, SESSION, OWNER = b"peerstor token", b"peerstor session", b"peerstor owner"


def new_secret(prefix: str = "") -> str:
    """Make a secret of 256 random bits, in letters that need no quoting anywhere.

    :param prefix: by which people and programs that look for leaked secrets know one.
    """
    return prefix + secrets.token_urlsafe(32)


class SecretDigest:
    """Digests of secrets under a key of this storage, which lies in a file beside the database.

    A fast digest suffices for secrets that are random. The key makes a database that leaked alone worthless even
    for those that somebody chose. Methods that touch the file block; the key, once loaded, is kept.
    """

    @staticmethod
    def name_for(instance_id: str) -> bytes:
        """Name the file of a storage's key.

        :param instance_id: of the storage, 32 hex digits.
        """
        return b"access-%s.key" % instance_id[:16].encode()

    def __init__(self, *, folder: bytes, name: bytes) -> None:
        """Know where the key is kept; nothing is read yet.

        :param folder: path of the state folder.
        :param name: of the file in it (`name_for`).
        """
        self._folder = folder
        self._name = name
        self._key: bytes | None = None

    @property
    def path(self) -> bytes:
        """Path of the key, there or not."""
        return os.path.join(self._folder, self._name)

    def load(self) -> bool:
        """Read the key, and tell whether there is one now; where the file is gone, the one at hand stays.

        :raise StartupError: it can't be read, is none, or can't be closed to others.
        """
        found = read_secret(self._folder, self._name)
        if found is not None:
            if len(found) != KEY_BYTES:
                raise StartupError(f"{self._shown} is no key of PeerStor's. Restore it from a backup.")
            self._key = found
        return self._key is not None

    def ensure(self, base: sqlite3.Connection) -> None:
        """Load the key; make one where there is none.

        :param base: of a transaction of the database: two processes must not each make one, and without its
            database no key is ever there (`check_not_gone`).
        :raise StartupError: as `load`, or it can't be written, or there are tokens that were made with a key
            that is lost.
        """
        if self.load():
            return
        check_not_lost(base.execute("SELECT count(*) FROM tokens").fetchone()[0], self._shown)
        write_secret(self._folder, self._name, secrets.token_bytes(KEY_BYTES))
        self.load()

    def check(self, tokens: int) -> None:
        """Refuse to go on without a key when there are tokens.

        :param tokens: how many there are.
        :raise StartupError: none of them could be recognised any more.
        """
        if self._key is None:
            check_not_lost(tokens, self._shown)

    def of(self, secret: bytes, purpose: bytes) -> bytes | None:
        """Digest a secret; None while there is no key. Doesn't block.

        :param purpose: TOKEN, SESSION, OWNER or another one of at most 16 bytes.
        :return: 32 bytes.
        """
        if self._key is None:
            return None
        return blake2b(secret, digest_size=DIGEST_BYTES, key=self._key, person=purpose).digest()

    @property
    def _shown(self) -> str:
        return self.path.decode("utf-8", "backslashreplace")


def check_not_lost(tokens: int, shown: str) -> None:
    """Refuse to take a key for never made when there are tokens that were made with it."""
    if tokens:
        raise StartupError(
            f"The key of the tokens, {shown}, is gone, and no token can be told without it. Restore it from a"
            " backup, or remove the .sqlite file of that name too and add tokens anew."
        )
