"""Secrets and their digests."""

import os
import re
import stat

from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.digests import OWNER, SESSION, TOKEN, SecretDigest, new_secret
from peerstor.access.rights import Right
from peerstor.errors import StartupError
from tests.access.scaffold import INSTANCE, StateCase


class SecretTests(SynchronousTestCase):
    def test_form(self) -> None:
        """A secret has 256 bits in letters that need no quoting, behind its prefix, and is another each time."""
        made = {new_secret("ps_") for _ in range(100)}
        self.assertEqual(len(made), 100)
        for secret in made:
            self.assertTrue(re.fullmatch(r"ps_[A-Za-z0-9_-]{43}", secret))


class DigestTests(StateCase):
    def made(self) -> SecretDigest:
        digest = self.digest()
        with self.database().transaction() as base:
            digest.ensure(base)
        return digest

    def test_no_key(self) -> None:
        """Without a key there is no digest, and asking makes none."""
        digest = self.digest()
        self.assertFalse(digest.load())
        self.assertIsNone(digest.of(b"secret", TOKEN))
        self.assertEqual(os.listdir(self.folder), [])

    def test_key(self) -> None:
        """The key is made once, is its owner's alone, and gives the same digests in every process."""
        first = self.made()
        path = os.path.join(self.folder, SecretDigest.name_for(INSTANCE))
        self.assertEqual(path, self.folder + b"/access-0123456789abcdef.key")
        self.assertEqual((stat.S_IMODE(os.stat(path).st_mode), os.stat(path).st_size), (0o600, 32))
        self.assertEqual(first.of(b"secret", TOKEN), self.made().of(b"secret", TOKEN))

    def test_another_key(self) -> None:
        """Under another key everything has another digest."""
        first = self.made()
        os.unlink(os.path.join(self.folder, SecretDigest.name_for(INSTANCE)))
        self.assertNotEqual(first.of(b"secret", TOKEN), self.made().of(b"secret", TOKEN))

    def test_purposes(self) -> None:
        """A secret of one kind is none of another, even by the same letters; all are of one length."""
        digest = self.made()
        found = [digest.of(secret, purpose) for secret in (b"a", b"") for purpose in (TOKEN, SESSION, OWNER)]
        self.assertEqual(len(set(found)), 6)
        self.assertEqual({len(one or b"") for one in found}, {32})

    def test_damaged(self) -> None:
        """What is no key is refused in one line."""
        self.made()
        with open(os.path.join(self.folder, SecretDigest.name_for(INSTANCE)), "wb") as file:
            file.write(b"short")
        with self.assertRaises(StartupError) as caught:
            self.digest().load()
        self.assertIn("is no key", str(caught.exception))

    def test_kept_when_the_file_goes(self) -> None:
        """Who has the key goes on with it when its file is gone."""
        digest = self.made()
        os.unlink(os.path.join(self.folder, SecretDigest.name_for(INSTANCE)))
        before = digest.of(b"secret", TOKEN)
        self.assertTrue(digest.load())
        self.assertEqual(digest.of(b"secret", TOKEN), before)

    def test_lost(self) -> None:
        """No new key is made while there are tokens that only the lost one can tell."""
        self.tokens().add("a", Right.READ, (), None)
        os.unlink(os.path.join(self.folder, SecretDigest.name_for(INSTANCE)))
        with self.assertRaises(StartupError) as caught:
            self.tokens().add("b", Right.READ, (), None)
        self.assertIn("is gone", str(caught.exception))
        self.assertEqual([token.name for token in self.tokens().all()], ["a"])
