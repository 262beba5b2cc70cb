"""Tokens that come and go while the daemon runs stand in the audit log."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Grant, Right
from peerstor.access.tokens import Tokens, spelled
from peerstor.access.tokenwatch import TokenWatch
from tests.fakes import KeptAudit


class TokenWatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 100.0
        self.tokens = Tokens(database=None, digest=None, wall=lambda: self.now)  # type: ignore[arg-type]
        self.audit = KeptAudit()
        self.take("old")
        self.watch = TokenWatch(tokens=self.tokens, audit=self.audit)

    def take(self, *names: str, **expiring: float) -> None:
        """Let there be these tokens."""
        rows: list[Any] = [
            (
                name.encode(),
                f"token:{name}",
                name,
                spelled(Grant((), Right.READ).rights),
                b"",
                0.0,
                expiring.get(name),
            )
            for name in (*names, *expiring)
        ]
        self.tokens.take(rows)

    def told(self) -> list[tuple[str, str]]:
        """What was noted since this was last asked."""
        self.watch()
        noted, self.audit.noted = self.audit.noted, []
        self.assertTrue(all((one["principal"], one["address"]) == ("-", None) for one in noted))
        return [(one["event"], one["token"]) for one in noted]

    def test_nothing_new(self) -> None:
        """What was there at the start, or is there as it was, is no event."""
        self.assertEqual(self.told(), [])
        self.take("old")
        self.assertEqual(self.told(), [])

    def test_added_and_revoked(self) -> None:
        """Each token that came or went is one event, once."""
        self.take("old", "new")
        self.assertEqual(self.told(), [("token_added", "new")])
        self.take("new")
        self.assertEqual(self.told(), [("token_revoked", "old")])
        self.assertEqual(self.told(), [])

    def test_expired(self) -> None:
        """One that has run out is told apart from one that was taken away."""
        self.take("old", short=105.0)
        self.assertEqual(self.told(), [("token_added", "short")])
        self.now = 105.0
        self.assertEqual(self.told(), [("token_expired", "short")])
        self.take("old")
        self.assertEqual(self.told(), [])
