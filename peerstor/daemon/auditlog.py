"""The audit log: who did what."""

from typing import Any

from zope.interface import implementer

from peerstor.interfaces import IAudit


@implementer(IAudit)
class NoAudit:
    """Keeps nothing, where the owner wants no audit log."""

    def note(self, event: str, *, principal: str, address: str | None, **details: Any) -> None:
        """See `IAudit`."""
