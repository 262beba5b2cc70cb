"""Telling those who listen that a file has appeared."""

from collections.abc import Iterable

from twisted.logger import Logger

from peerstor.interfaces import IChangeListener
from peerstor.uploads.records import Completed

_log = Logger()


def announce(listeners: Iterable[IChangeListener], done: Completed, by: str, address: str | None) -> None:
    """Tell each listener of a published file; one that fails keeps neither the others nor the client from it.

    :param by: name of the principal.
    :param address: of the client; None where a crash lay between its request and this.
    """
    for listener in listeners:
        try:
            listener.published(done.path.joined, done.size, by, done.replaced, address)
        except Exception:
            _log.failure("A listener to changes failed")
