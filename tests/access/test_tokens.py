"""Named tokens, against a plain model of them."""

import os
import shutil
import tempfile
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from peerstor.access.database import Database
from peerstor.access.digests import SecretDigest
from peerstor.access.rights import EVERY, Grant, Right
from peerstor.access.tokens import Token, Tokens, check_name, spelled
from peerstor.errors import BadName, Exists
from tests.access.scaffold import INSTANCE, START, StateCase


class TokensTests(StateCase):
    def test_comes_back_as_it_was(self) -> None:
        """A token is found by its secret and by its identity, with all that it allows, in another process too."""
        parts, rights = (b"a b", b"\xff\n"), Right.READ | Right.SHARE
        secret = self.tokens().add("Laptop.1", rights, parts, START + 5)
        tokens = self.tokens()
        tokens.load()
        found = tokens.find(secret.encode())
        assert found is not None
        self.assertEqual(found, Token(found.identity, "Laptop.1", Grant(parts, rights), START, START + 5))
        self.assertEqual(tokens.get(found.identity), found)
        self.assertTrue(tokens.live(found.identity))
        self.assertTrue(found.identity.startswith("token:"))

    def test_root(self) -> None:
        """A token for everything is one for the root."""
        tokens = self.tokens()
        tokens.add("a", EVERY, (), None)
        self.assertEqual(tokens.all()[0].grant, Grant((), EVERY))

    def test_wrong_secrets(self) -> None:
        """Nothing but the whole secret finds a token, and nothing finds one where there is none."""
        tokens = self.tokens()
        self.assertIsNone(tokens.find(b"anything"))
        secret = tokens.add("a", Right.READ, (), None).encode()
        for wrong in (
            b"",
            secret[:-1],
            secret + b"x",
            secret.swapcase(),
            secret.removeprefix(b"ps_"),
            b"\xff" * 9999,
        ):
            self.assertIsNone(tokens.find(wrong))
        self.assertIsNotNone(tokens.find(secret))

    def test_secret_is_nowhere(self) -> None:
        """No file holds the secret."""
        secret = self.tokens().add("a", Right.READ, (), None).encode()
        for name in os.listdir(self.folder):
            with open(os.path.join(self.folder, name), "rb") as file:
                self.assertNotIn(secret[3:], file.read())

    def test_names(self) -> None:
        """A name is short and plain, and is not one that stands for somebody else."""
        for name in ("a", "Z9", "me@home", "a._-@", "x" * 64, "owners"):
            check_name(name)
        wrong = [
            "",
            "x" * 65,
            "-a",
            ".a",
            "_a",
            "a b",
            "a/b",
            "é",
            "a\n",
            "a\0",
            "²",
            "anonymous",
            "Owner",
            "share 1",
        ]
        for name in wrong:
            with self.subTest(name=name), self.assertRaises(BadName):
                self.tokens().add(name, Right.READ, (), None)

    def test_one_of_a_name(self) -> None:
        """A name is taken in whatever case, and the failed attempt changes nothing."""
        tokens = self.tokens()
        secret = tokens.add("Laptop", Right.READ, (), None)
        with self.assertRaises(Exists):
            tokens.add("lapTOP", EVERY, (), None)
        self.assertEqual(len(tokens.all()), 1)
        self.assertIsNotNone(tokens.find(secret.encode()))

    def test_name_again(self) -> None:
        """A revoked token's name may be given again: it is another token, with another secret."""
        tokens = self.tokens()
        first = tokens.add("a", Right.READ, (), None).encode()
        before = tokens.find(first)
        assert before is not None
        self.assertTrue(tokens.revoke("A"))
        second = tokens.add("a", Right.READ, (), None).encode()
        after = tokens.find(second)
        assert after is not None
        self.assertIsNone(tokens.find(first))
        self.assertIsNone(tokens.get(before.identity))
        self.assertNotEqual(before.identity, after.identity)

    def test_expired_still_count(self) -> None:
        """A token that has expired lets nobody in, and nobody without a token either: it still counts."""
        tokens = self.tokens()
        secret = tokens.add("a", Right.READ, (), START + 10).encode()
        token = tokens.find(secret)
        assert token is not None
        self.assertEqual((tokens.next_end(START), tokens.next_end(START + 10)), (START + 10, float("inf")))
        self.now = START + 10
        self.assertIsNone(tokens.find(secret))
        self.assertFalse(tokens.live(token.identity))
        self.assertEqual((len(tokens), bool(tokens)), (1, True))

    def test_revoke_makes_nothing(self) -> None:
        """To revoke what isn't there makes no file."""
        self.assertFalse(self.tokens().revoke("a"))
        self.assertEqual(os.listdir(self.folder), [])

    def test_spelling(self) -> None:
        """Rights are spelled in their order."""
        self.assertEqual(spelled(Right.CHANGE | Right.READ), "read,change")
        self.assertEqual(spelled(EVERY), "read,create,change,share,admin")


NAMES = st.sampled_from(["a", "A", "b", "c.d", "E@x"])
RIGHTS = st.lists(st.sampled_from(list(EVERY)), min_size=1).map(
    lambda some: Right(sum({right.value for right in some}))
)
PARTS = st.lists(st.binary(min_size=1, max_size=4).filter(lambda part: b"/" not in part), max_size=3).map(tuple)


class TokensMachine(RuleBasedStateMachine):
    """Two processes that add and revoke, and one that only asks, behave as one dictionary does."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = os.fsencode(tempfile.mkdtemp())
        self.now = START
        self.databases: list[Database] = []
        self.writers = [self.process(), self.process()]
        self.reader = self.process()
        self.model: dict[str, tuple[str, Grant, float | None, bytes]] = {}
        self.dead: set[bytes] = set()

    def process(self) -> Tokens:
        digest = SecretDigest(folder=self.folder, name=SecretDigest.name_for(INSTANCE))
        database = Database(path=Database.path_in(self.folder, INSTANCE), key=digest.path, fsync=False)
        self.databases.append(database)
        return Tokens(database=database, digest=digest, wall=lambda: self.now)

    def teardown(self) -> None:
        for database in self.databases:
            database.close()
        shutil.rmtree(self.folder)

    @rule(
        who=st.integers(0, 1),
        name=NAMES,
        rights=RIGHTS,
        parts=PARTS,
        lasts=st.none() | st.integers(min_value=1, max_value=50),
    )
    def add(self, who: int, name: str, rights: Right, parts: Any, lasts: int | None) -> None:
        expires = None if lasts is None else self.now + lasts
        if name.lower() in self.model:
            try:
                self.writers[who].add(name, rights, parts, expires)
            except Exists:
                return
            raise AssertionError("a name was given twice")
        secret = self.writers[who].add(name, rights, parts, expires).encode()
        self.model[name.lower()] = (name, Grant(parts, rights), expires, secret)

    @rule(who=st.integers(0, 1), name=NAMES)
    def revoke(self, who: int, name: str) -> None:
        known = self.model.pop(name.lower(), None)
        assert self.writers[who].revoke(name) == (known is not None)
        if known is not None:
            self.dead.add(known[3])

    @rule(seconds=st.integers(min_value=1, max_value=30))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def agrees(self) -> None:
        self.reader.load()
        assert len(self.reader) == len(self.model)
        assert [token.name for token in self.reader.all()] == sorted(
            (name for name, *_ in self.model.values()), key=str.lower
        )
        for name, grant, expires, secret in self.model.values():
            found = self.reader.find(secret)
            if expires is not None and expires <= self.now:
                assert found is None
            else:
                assert found is not None
                assert (found.name, found.grant, found.expires) == (name, grant, expires)
                assert self.reader.get(found.identity) == found
        assert not any(self.reader.find(secret) for secret in self.dead)


TokensMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTokensMachine = TokensMachine.TestCase
