"""The owner: whoever has the secret of `--token`."""

import math
from hmac import compare_digest

from peerstor.access.digests import OWNER, SecretDigest


class Owner:
    """The credential of `--token`. It is known by its secret's digest, so another secret is another owner."""

    kind = "owner"

    def __init__(self, *, secret: str | None, digest: SecretDigest) -> None:
        """Know the secret; None is no owner."""
        self._secret = secret.encode() if secret is not None else None
        self._digest = digest

    @property
    def wanted(self) -> bool:
        """Whether there is a secret."""
        return self._secret is not None

    @property
    def identity(self) -> str | None:
        """The credential's identity; None without a secret, or before the key was loaded."""
        digest = self._digest.of(self._secret, OWNER) if self._secret is not None else None
        return f"{self.kind}:{digest.hex()}" if digest is not None else None

    def has(self, secret: bytes) -> bool:
        """Tell whether a secret is the owner's, in a time that tells nothing of it."""
        if self._secret is None:
            return False
        own, shown = self._digest.of(self._secret, OWNER), self._digest.of(secret, OWNER)
        return own is not None and shown is not None and compare_digest(own, shown)

    def live(self, identity: str) -> bool:
        """Tell whether an identity is the present owner's."""
        return self._secret is not None and identity == self.identity

    def next_end(self, after: float) -> float:
        """Tell when it ends by itself: never."""
        return math.inf

    def read(self) -> None:
        """Read nothing: the command line holds it."""

    def take(self, found: None) -> None:
        """Take nothing."""
