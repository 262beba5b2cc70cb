"""Tells people where the server is reached, once it is."""

from collections.abc import Sequence
from typing import TextIO

from twisted.application.service import Service
from twisted.logger import Logger

from peerstor.settings import Anonymous

_log = Logger()

_OPEN: dict[Anonymous, str] = {
    "none": "nobody may do anything",
    "read": "everybody who reaches it may read the files",
    "create": "everybody who reaches it may read the files and add new ones",
    "full": "everybody who reaches it may read, add, replace and delete files",
}


class Announcement(Service):
    """Says where the server is reached when it starts; it belongs behind the services that it speaks of.

    :param lines: the lines to say.
    :param warnings: lines that are logged as warnings.
    :param output: where people see the lines bare; None when nobody looks.
    :param in_log: whether the lines are logged as well.
    """

    def __init__(
        self, *, lines: Sequence[str], warnings: Sequence[str], output: TextIO | None, in_log: bool
    ) -> None:
        self._lines = list(lines)
        self._warnings = list(warnings)
        self._output = output
        self._in_log = in_log

    def startService(self) -> None:
        """Say it."""
        super().startService()
        if self._in_log:
            for line in self._lines:
                _log.info("{line}", line=line)
        for line in self._warnings:
            _log.warn("{line}", line=line)
        if self._output is not None:
            self._print(self._output)

    def _print(self, output: TextIO) -> None:
        try:
            output.write("".join(f"{line}\n" for line in self._lines))
            output.flush()
        except (OSError, ValueError):
            # Whoever was to read it is gone; that is no reason not to serve.
            _log.warn("Standard output is closed, so nobody was told where the server is.")


def open_warning(anonymous: Anonymous, *, beyond_loopback: bool, tokens: bool) -> str | None:
    """Word the warning of a server that the network reaches and that no token guards; None without need.

    :param anonymous: what somebody without a token may do.
    """
    if not beyond_loopback or tokens:
        return None
    return (
        f"No token is set, and other machines reach this server: {_OPEN[anonymous]} (--anonymous {anonymous})."
        " --host 127.0.0.1 keeps it to this machine."
    )
