"""The file of the server's own log, which whoever rotates it may rename."""

import os
import signal
from typing import Any

from twisted.logger import (
    ILogObserver,
    LimitedHistoryLogObserver,
    Logger,
    globalLogPublisher,
)

from peerstor.daemon.jsonlog import JsonLog
from peerstor.daemon.textlog import TextLog
from peerstor.errors import StartupError

NOWHERE = "twisted.logger.LogPublisher"
"""What twistd's `--logger` is told, so that it writes nothing itself: it makes an observer that drops all."""

_log = Logger()


class LogFile:
    """Takes the place of the file that twistd writes, for `--logfile`.

    twistd's own starts a new file at each megabyte and keeps all of them, isn't opened again by SIGHUP, and writes
    behind a hole of zeros when somebody empties it. This one grows until it is renamed, or emptied.

    Each event is one write at the file's end, from whichever thread.
    """

    def __init__(self, path: str, *, as_json: bool = False) -> None:
        """Open nothing yet.

        :param path: absolute.
        :param as_json: whether events are written as JSON, and not as twistd does.
        """
        self.path = path
        self._as_json = as_json
        self._fd = -1
        self._observer: ILogObserver | None = None

    def gather(self) -> None:
        """Keep what is logged until the file is opened, which it only is when nothing is wrong any more."""
        self._watch(LimitedHistoryLogObserver())

    def open(self) -> None:
        """Open it, creating it, and have everything that is logged written there.

        :raises StartupError: it can't be opened.
        """
        try:
            self._fd = self._opened()
        except OSError as error:
            raise StartupError(f"The log {self.path} can't be written: {error.strerror}.") from None
        # twistd rotates its own on SIGUSR1, and who sends that here shall not end the server.
        if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
            signal.signal(signal.SIGUSR1, lambda *_: self._reopened())
        writing: ILogObserver = JsonLog(self) if self._as_json else TextLog(self)
        gathered = self._observer
        if isinstance(gathered, LimitedHistoryLogObserver):
            gathered.replayTo(writing)
        self._watch(writing)

    async def reopen(self) -> None:
        """Go on in the file that has the name now; where that can't be opened, in the old one, and say so."""
        error = self._reopened()
        if error is not None:
            _log.warn(
                "Can't open the log {path} again: {reason}. Its lines go on into the file of before.",
                path=self.path,
                reason=error.strerror,
            )

    def write(self, data: str | bytes) -> None:
        """Append one event. Raises OSError."""
        rest: Any = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def flush(self) -> None:
        """Have nothing to do: nothing is held back."""

    def close(self) -> None:
        """Close it."""
        self._watch(None)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _watch(self, observer: ILogObserver | None) -> None:
        if self._observer is not None:
            globalLogPublisher.removeObserver(self._observer)
        self._observer = observer
        if observer is not None:
            globalLogPublisher.addObserver(observer)

    def _reopened(self) -> OSError | None:
        try:
            new = self._opened()
        except OSError as error:
            return error
        # In one step, under the same number: whoever is writing writes into the one or the other.
        os.dup2(new, self._fd, inheritable=False)
        os.close(new)
        return None

    def _opened(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
