"""The owner of `--token`."""

from peerstor.access.owner import Owner
from tests.access.scaffold import StateCase


class OwnerTests(StateCase):
    def owner(self, secret: str | None) -> Owner:
        digest = self.digest()
        with self.database().transaction() as base:
            digest.ensure(base)
        return Owner(secret=secret, digest=digest)

    def test_secret(self) -> None:
        """The whole secret is the owner's, and nothing else."""
        owner = self.owner("geheim, ganz")
        self.assertTrue(owner.has(b"geheim, ganz"))
        for wrong in (b"", b"geheim", b"geheim, ganz ", b"Geheim, ganz", b"\xff"):
            self.assertFalse(owner.has(wrong))

    def test_letters(self) -> None:
        """Letters beyond ASCII are meant as UTF-8."""
        self.assertTrue(self.owner("Schlüssel").has("Schlüssel".encode()))

    def test_none(self) -> None:
        """Without a secret nobody is the owner, not even with an empty one."""
        owner = self.owner(None)
        self.assertFalse(owner.wanted)
        self.assertFalse(owner.has(b"") or owner.has(b"None"))
        self.assertIsNone(owner.identity)
        self.assertFalse(owner.live("owner:"))

    def test_identity(self) -> None:
        """The identity is that of the secret: the same after a restart, another for another secret."""
        first, again, other = self.owner("first secret"), self.owner("first secret"), self.owner("other secret")
        assert first.identity is not None
        self.assertEqual(first.identity, again.identity)
        self.assertNotEqual(first.identity, other.identity)
        self.assertEqual((again.live(first.identity), other.live(first.identity)), (True, False))
        self.assertNotIn("first", first.identity)
