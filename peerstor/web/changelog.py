"""One line in the log for each change of the tree."""

from twisted.logger import Logger
from zope.interface import implementer

from peerstor.interfaces import IChangeListener
from peerstor.tree.paths import TreePath

_log = Logger()


@implementer(IChangeListener)
class ChangeLog:
    """Writes what changed, by whom; names with their control characters escaped."""

    def published(self, path: bytes, size: int, by: str, replaced: bool, address: str | None) -> None:
        """See `IChangeListener`."""
        _log.info(
            "{what} {path} ({size} bytes) by {by} from {address}",
            what="replaced" if replaced else "stored",
            path=_shown(path),
            size=size,
            by=by,
            address=address or "-",
        )

    def removed(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        _log.info(
            "moved {path} to the trash by {by} from {address}", path=_shown(path), by=by, address=address or "-"
        )

    def made(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        _log.info(
            "made the folder {path} by {by} from {address}", path=_shown(path), by=by, address=address or "-"
        )

    def moved(self, path: bytes, to: bytes, by: str, replaced: bool, address: str | None) -> None:
        """See `IChangeListener`."""
        _log.info(
            "moved {path} to {to}{instead} by {by} from {address}",
            path=_shown(path),
            to=_shown(to),
            instead=", which was replaced," if replaced else "",
            by=by,
            address=address or "-",
        )

    def copied(self, path: bytes, to: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        _log.info(
            "copied {path} to {to} by {by} from {address}",
            path=_shown(path),
            to=_shown(to),
            by=by,
            address=address or "-",
        )

    def restored(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        _log.info("put {path} back by {by} from {address}", path=_shown(path), by=by, address=address or "-")

    def purged(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""
        _log.info(
            "dropped {path} from the trash by {by} from {address}",
            path=_shown(path),
            by=by,
            address=address or "-",
        )


def _shown(path: bytes) -> str:
    return str(TreePath(tuple(path.split(b"/")), slash=False))
