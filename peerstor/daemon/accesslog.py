"""The access log: one line a request in the combined format, written off the reactor's thread."""

import os
import re
import time
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from peerstor.daemon.secretpaths import without_ids
from peerstor.interfaces import IThreads

# Seconds that lines are gathered for: one write and one look at the file for all of them.
INTERVAL = 1.0

# Lines kept while the file can't be written fast enough, about 15 MB; what comes above is counted and dropped.
MOST_WAITING = 100_000

# Parameters whose values tell no secret. Whatever else a URL carries may be one.
HARMLESS = frozenset(
    (
        *(b"dir", b"name", b"offset", b"size", b"sort", b"order", b"limit", b"cursor", b"archive", b"format"),
        *(b"path", b"from", b"to", b"conflict", b"parents", b"id", b"into"),
    )
)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ODD = re.compile(rb"[^ !#-\[\]-~]")
_USER = re.compile(rb"^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*@")

_log = Logger()


class AccessLog:
    """Gathers lines and appends them to a file once a second.

    The file is opened anew for every write, so that whoever rotates it just renames it.

    :param path: the file; it is created when it isn't there. None for none.
    :param threads: runs the writes, one at a time.
    :param clock: seconds until the next write.
    :param now: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        path: bytes | None,
        threads: IThreads,
        clock: IReactorTime,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path or b""
        self._wanted = path is not None
        self._threads = threads
        self._clock = clock
        self._now = now
        self._lines: list[bytes] = []
        self._dropped = 0
        self._failing = False
        self._timer: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._stamp = (-1, b"")
        self._running = False

    def start(self) -> None:
        """Begin to write; lines logged before wait until then."""
        self._running = True
        self._schedule()

    def stop(self) -> Deferred[None]:
        """Write what is left; fires when it is in the file."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return Deferred.fromCoroutine(self._finish())

    @property
    def wanted(self) -> bool:
        """Whether there is a file that requests are noted in."""
        return self._wanted

    def write_to(self, path: bytes | None) -> None:
        """Take another file from now on, or none. Lines that wait go to the new one, or else to the old."""
        self._wanted = path is not None
        if path is not None:
            self._path = path
            self._failing = False

    def log(
        self,
        address: str,
        method: bytes,
        uri: bytes,
        protocol: bytes,
        status: int,
        sent: int,
        referer: bytes | None,
        agent: bytes | None,
    ) -> None:
        """Note one request that was answered.

        :param address: the client's IP address.
        :param uri: the target as the client sent it; secrets are cut here.
        :param protocol: as `HTTP/1.1`.
        :param sent: bytes of the answer's content.
        """
        if not self._wanted:
            return
        if len(self._lines) >= MOST_WAITING:
            self._dropped += 1
            return
        self._lines.append(
            b'%s - - [%s] "%s %s %s" %d %d "%s" "%s"\n'
            % (
                escaped(address.encode("ascii", "backslashreplace")),
                self._time(),
                escaped(method),
                escaped(without_secrets(uri)),
                escaped(protocol),
                status,
                sent,
                escaped(without_query(referer)) if referer else b"-",
                escaped(agent) if agent else b"-",
            )
        )
        if self._timer is None:
            self._schedule()

    def _time(self) -> bytes:
        second = int(self._now())
        if second != self._stamp[0]:
            self._stamp = (second, timestamp(second))
        return self._stamp[1]

    def _schedule(self) -> None:
        if self._running and self._lines and self._timer is None and self._writing is None:
            self._timer = self._clock.callLater(INTERVAL, self._due)

    def _due(self) -> None:
        self._timer = None
        self._writing = Deferred.fromCoroutine(self._write())
        self._writing.addCallback(self._written)

    def _written(self, _: None) -> None:
        self._writing = None
        self._schedule()

    async def _finish(self) -> None:
        if self._writing is not None:
            await self._writing
        # Connections that are cut meanwhile add their lines.
        while self._lines:
            await self._write()

    async def _write(self) -> None:
        lines, self._lines = self._lines, []
        dropped, self._dropped = self._dropped, 0
        path = self._path
        if not lines:
            return
        try:
            await self._threads.run(_append, path, b"".join(lines))
        except OSError as error:
            # Said once, not every second: a disk that is full stays so for a while.
            if not self._failing:
                _log.error(
                    "Can't write the access log {path}: {reason}. Its lines are lost until that is mended.",
                    path=os.fsdecode(path),
                    reason=error.strerror,
                )
            self._failing = True
        else:
            self._failing = False
        if dropped:
            _log.warn("{dropped} lines of the access log were dropped: its disk is too slow.", dropped=dropped)


def escaped(value: bytes) -> bytes:
    r"""Write bytes of a client so that they stay in their field: `"`, `\` and all but ASCII as \xNN."""
    return _ODD.sub(lambda odd: b"\\x%02X" % odd[0][0], value)


def without_secrets(uri: bytes) -> bytes:
    """Cut the values of all parameters but the harmless ones to `name=-`, and a user from an absolute target.

    A parameter without `=` is all value, so it becomes `-`.
    """
    address, mark, query = _USER.sub(rb"\1//", uri).partition(b"?")
    return without_ids(address) + mark + b"&".join(_without_secret(part) for part in query.split(b"&"))


def without_query(referer: bytes) -> bytes:
    """Cut a Referer before its query or fragment, and a user from its authority."""
    return without_ids(_USER.sub(rb"\1//", re.split(rb"[?#]", referer, maxsplit=1)[0]))


def timestamp(second: int) -> bytes:
    """Write a time as the combined format has it: `10/Oct/2000:13:55:36 -0700`, local.

    :param second: seconds since the epoch.
    """
    local = time.localtime(second)
    minutes = local.tm_gmtoff // 60
    return b"%02d/%s/%04d:%02d:%02d:%02d %s%02d%02d" % (
        local.tm_mday,
        _MONTHS[local.tm_mon - 1].encode("ascii"),  # strftime would ask the locale
        local.tm_year,
        local.tm_hour,
        local.tm_min,
        local.tm_sec,
        b"-" if minutes < 0 else b"+",
        *divmod(abs(minutes), 60),
    )


def _without_secret(parameter: bytes) -> bytes:
    name, mark, _ = parameter.partition(b"=")
    if name in HARMLESS or not parameter:
        return parameter
    return name + b"=-" if mark else b"-"


def _append(path: bytes, data: bytes) -> None:
    """Append `data`. Blocks; call it in a thread."""
    with open(path, "ab", buffering=0) as log:
        rest = memoryview(data)
        while rest:
            rest = rest[log.write(rest) :]
