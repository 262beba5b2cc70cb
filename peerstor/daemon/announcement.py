"""Tells people where the server is reached, once it is."""

import os
from collections.abc import Mapping, Sequence
from typing import TextIO

from twisted.application.service import Service
from twisted.logger import Logger

from peerstor.daemon.qrcode import phone_address, qr_lines, shows_code, takes_colours
from peerstor.values import Anonymous

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
    :param code: shown behind the lines; None for none.
    """

    def __init__(
        self,
        *,
        lines: Sequence[str],
        warnings: Sequence[str],
        output: TextIO | None,
        in_log: bool,
        code: "Code | None" = None,
    ) -> None:
        self._lines = list(lines)
        self._warnings = list(warnings)
        self._output = output
        self._in_log = in_log
        self._code = code

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
            if self._code is not None:
                self._code.show(output)
        except (OSError, ValueError):
            # Whoever was to read it is gone; that is no reason not to serve.
            _log.warn("Standard output is closed, so nobody was told where the server is.")


class Code:
    """Shows the address that a phone would use as a QR code.

    :param addresses: where the server is reached, the best first.
    :param wanted: whether it is shown; None shows it on a terminal wide enough for it, and nowhere else.
    :param environment: tells what the terminal is like.
    """

    def __init__(
        self,
        *,
        addresses: Sequence[str],
        wanted: bool | None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._addresses = list(addresses)
        self._wanted = wanted
        self._environment = environment

    def show(self, output: TextIO) -> None:
        """Show it, where that is wanted.

        :raise OSError, ValueError: nothing can be written there.
        """
        if self._wanted is False:
            return
        address = phone_address(self._addresses)
        if address is not None:
            self._show(address, output)
        elif self._wanted:
            _log.warn("There is no QR code: only this machine itself reaches this server.")

    def _show(self, address: str, output: TextIO) -> None:
        lines = qr_lines(address, coloured=False)
        if not self._wanted and not shows_code(output, len(lines[0])):
            return
        if takes_colours(output, self._environment):
            lines = qr_lines(address, coloured=True)
        try:
            output.write("".join(f"{line}\n" for line in lines))
            output.flush()
        except UnicodeEncodeError:  # a ValueError as well
            _log.warn("There is no QR code: standard output takes no block letters (see LANG and PYTHONUTF8).")


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
