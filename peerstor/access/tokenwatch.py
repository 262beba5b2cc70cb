"""Tokens that come and go by command, as events of the audit log."""

from peerstor.access.tokens import Tokens
from peerstor.interfaces import IAudit


class TokenWatch:
    """Compares, whenever it is called, the tokens that hold with those that did.

    Who typed the command isn't known: it ran in another process, which changed the database alone.
    """

    def __init__(self, *, tokens: Tokens, audit: IAudit) -> None:
        """Watch; what holds already is no news.

        :param tokens: loaded.
        """
        self._tokens = tokens
        self._audit = audit
        self._held = tokens.held()

    def __call__(self) -> None:
        """Note what has changed."""
        before, self._held = self._held, self._tokens.held()
        for identity in before.keys() - self._held.keys():
            event = "token_expired" if self._tokens.known(identity) else "token_revoked"
            self._note(event, before[identity])
        for identity in self._held.keys() - before.keys():
            self._note("token_added", self._held[identity])

    def _note(self, event: str, name: str) -> None:
        self._audit.note(event, principal="-", address=None, token=name)
