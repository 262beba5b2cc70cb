"""The server's log as lines of JSON, for what gathers the logs of many programs.

twistd's own way to it: `twistd --logger=peerstor.daemon.jsonlog.observer`; `--log-format json` is the same.
"""

import json
import math
import sys
from datetime import UTC, datetime
from typing import Any, Protocol

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.daemon.requestcontext import REQUEST_ID

OBSERVER = f"{__name__}.observer"
"""What twistd's `--logger` is told."""

LEGACY = frozenset(("message", "time", "system", "format", "isError", "failure", "why", "log_legacy", "printed"))
"""Fields that twisted's old log adds for its own ends, and that say nothing more."""

SECRET = frozenset(("authorization", "cookie", "key", "password", "secret", "session", "token"))
"""Fields that nothing here logs. Should something ever, they stay out of sight."""


class Writes(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object:
        """Append a line."""

    def flush(self) -> object:
        """Hold nothing back."""


@implementer(ILogObserver)
class JsonLog:
    """Writes each event as one line of ASCII, which no control character or line end of anybody's gets into.

    :param output: a file that somebody else opens and closes.
    """

    def __init__(self, output: Writes) -> None:
        self._output = output

    def __call__(self, event: LogEvent) -> None:
        """Write an event. Raises OSError."""
        self._output.write(line_of(event))
        self._output.flush()


def observer() -> JsonLog:
    """Give what writes to standard output, as `--logger` asks for it: before twistd puts its log in its place."""
    return JsonLog(sys.stdout)


def line_of(event: LogEvent) -> str:
    """Write an event, with its line end. Whatever the event is, there is a line."""
    try:
        return json.dumps(_told(event)) + "\n"
    except Exception as error:
        return json.dumps({"message": f"An event of the log could not be written: {error!r}"}) + "\n"


def _told(event: LogEvent) -> dict[str, Any]:
    level = event.get("log_level")
    told: dict[str, Any] = {
        "time": _time(event.get("log_time")),
        "level": level.name if level is not None else LogLevel.info.name,
        "namespace": event.get("log_namespace") or event.get("log_system") or "-",
        "message": formatEvent(event),
    }
    request = event.get("request") or REQUEST_ID.get()
    if request is not None:
        told["request"] = str(request)
    fields = {name: value for name, value in event.items() if _own(name) and _simple(value)}
    if fields:
        told["fields"] = fields
    failure = event.get("log_failure") or event.get("failure")
    if isinstance(failure, Failure):
        told["trace"] = failure.getTraceback()
    return told


def _time(seconds: object) -> str:
    """Write a time as RFC 3339 has it, in UTC, to the millisecond."""
    when = datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, float) else datetime.now(UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _own(name: str) -> bool:
    return not (name.startswith("log_") or name in LEGACY or name in SECRET or name == "request")


def _simple(value: object) -> bool:
    """Tell whether JSON can say a value truly; whatever else an event holds stands in its message."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)
