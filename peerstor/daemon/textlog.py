"""The server's log as lines of text: exactly those of twisted, in half of the time.

One line for each change of the tree is a tenth of what a small upload costs.
"""

import sys
from functools import lru_cache
from math import floor

from twisted.logger import ILogObserver, LogEvent, formatEventAsClassicLogText, formatTime
from zope.interface import implementer

from peerstor.daemon.jsonlog import Writes

OBSERVER = f"{__name__}.observer"
"""What twistd's `--logger` is told."""


@implementer(ILogObserver)
class TextLog:
    """Writes each event as twisted's own `textFileLogObserver` does.

    :param output: a file that somebody else opens and closes.
    """

    def __init__(self, output: Writes) -> None:
        self._output = output

    def __call__(self, event: LogEvent) -> None:
        """Write an event, unless there is nothing to say of it. Raises OSError."""
        line = line_of(event)
        if line:
            self._output.write(line)
            self._output.flush()


def observer() -> TextLog:
    """Give what writes to standard output, as `--logger` asks for it: before twistd puts its log in its place."""
    return TextLog(sys.stdout)


def line_of(event: LogEvent) -> str | None:
    """Write an event, with its line end; None where there is nothing to say of it."""
    text = _plain(event)
    if not text:
        return formatEventAsClassicLogText(event)
    level = event.get("log_level")
    where = f"{event.get('log_namespace', '-')}#{'-' if level is None else level.name}"
    line = f"{_time(floor(event['log_time']))} [{where}] {text}"
    return line.replace("\n", "\n\t") + "\n"


_SPECIAL = ("log_flattened", "log_failure", "log_system")


def _plain(event: LogEvent) -> str | None:
    """Fill the format of an event in which nothing is to be called, and of which nothing else is to be said."""
    text = event.get("log_format")
    if not isinstance(text, str) or "()" in text or event.get("log_time") is None:
        return None
    if any(name in event for name in _SPECIAL):
        return None
    try:
        return text.format_map(event)
    except Exception:  # twisted says what is wrong with it
        return None


@lru_cache(maxsize=4)
def _time(second: int) -> str:
    return formatTime(second)
