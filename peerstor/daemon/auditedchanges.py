"""Changes of the tree, as events of the audit log."""

from zope.interface import implementer

from peerstor.interfaces import IAudit, IChangeListener


@implementer(IChangeListener)
class AuditedChanges:
    """Notes what was added, replaced, moved, copied, deleted and restored."""

    def __init__(self, audit: IAudit) -> None:
        self._audit = audit

    def published(self, path: bytes, size: int, by: str, replaced: bool, address: str | None) -> None:
        """See `IChangeListener`."""
        event = "replace" if replaced else "upload"
        self._audit.note(event, principal=by, address=address, path=b"/" + path, size=size)

    def removed(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._audit.note("delete", principal=by, address=address, path=b"/" + path)

    def made(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._audit.note("folder", principal=by, address=address, path=b"/" + path)

    def moved(self, path: bytes, to: bytes, by: str, replaced: bool, address: str | None) -> None:
        """See `IChangeListener`."""
        self._audit.note("move", principal=by, address=address, path=b"/" + path, to=b"/" + to, replaced=replaced)

    def copied(self, path: bytes, to: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._audit.note("copy", principal=by, address=address, path=b"/" + path, to=b"/" + to)

    def restored(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._audit.note("restore", principal=by, address=address, path=b"/" + path)

    def purged(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        self._audit.note("purge", principal=by, address=address, path=b"/" + path)
