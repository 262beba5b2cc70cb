"""What a service manager is told of the life of this process: the protocol of sd_notify(3)."""

import errno
import os
import socket
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

STATUS_EVERY = 10.0
"""Seconds between looks whether the status line has changed: soon enough for people, and next to no work."""

EXTEND_EVERY = 5.0
"""Seconds between pleas for more time while transfers end."""

EXTENSION = 3 * EXTEND_EVERY
"""Seconds that each of them asks for: two may come late, and a process that hangs is killed all the same."""

AGAIN = 0.1
"""Seconds until a manager that was too busy to listen is told again."""

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

_log = Logger()


class Notifier:
    """Tells the manager when the server is ready, reads again, ends, and that its reactor still turns.

    Without a manager it does nothing. What the manager has no room for is told again; whatever else goes wrong is
    said once, and keeps nobody from being served.
    """

    def __init__(
        self,
        *,
        address: str | None,
        reactor: Any,
        watchdog: float | None = None,
        watchdog_pid: int | None = None,
    ) -> None:
        """Tell nothing yet.

        :param address: of the manager's socket, `@` before one in the abstract namespace; None for no manager.
        :param reactor: provides `IReactorCore` and `IReactorTime`.
        :param watchdog: seconds after which the manager takes this process to hang; None for no watchdog.
        :param watchdog_pid: the process that it watches; None for whichever this is.
        """
        self.where = ""
        self._address = address
        self._reactor = reactor
        self._watchdog = watchdog
        self._watchdog_pid = watchdog_pid
        self._socket: socket.socket | None = None
        self._waiting: deque[bytes] = deque()
        self._loops: list[LoopingCall] = []
        self._status: Callable[[], str] = str
        self._said = ""
        self._ready = False
        self._stopping = False
        self._failed = False

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str], reactor: Any) -> "Notifier":
        """Read what the manager has left there, and take it out: no program that is started from here gets it."""
        address, microseconds, pid = (environ.pop(name, "") for name in VARIABLES)
        interval = int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None
        return cls(
            address=address if address[:1] in ("/", "@") else None,
            reactor=reactor,
            watchdog=interval,
            watchdog_pid=int(pid) if pid.isdecimal() else None,
        )

    def start(self, status: Callable[[], str]) -> None:
        """Tell that the server is ready as soon as the reactor runs, and from then on how it is.

        :param status: words in one line what is going on.
        """
        if self._address is None:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._status = status
        self._reactor.callWhenRunning(self._begin)

    async def reloading(self) -> None:
        """Tell that things are being read again."""
        if self._ready and not self._stopping:
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")

    async def reloaded(self) -> None:
        """Tell that they have been."""
        if self._ready and not self._stopping:
            self._tell("READY=1")

    def stopping(self) -> None:
        """Tell that the server ends, and ask for time until it has."""
        if self._socket is None or self._stopping:
            return
        self._stopping = True
        self._tell("STOPPING=1")
        self._repeat(EXTEND_EVERY, self._extend)

    def stop(self) -> None:
        """Tell nothing more."""
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.stop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _begin(self) -> None:
        if self._socket is None or self._stopping:
            return
        self._ready = True
        self._said = self._line()
        # The process may be another one than the manager started: a daemon forks.
        self._tell("READY=1", f"MAINPID={os.getpid()}", self._said)
        self._repeat(STATUS_EVERY, self._tell_status)
        if self._watchdog is not None and self._watchdog_pid in (None, os.getpid()):
            self._repeat(self._watchdog / 2, self._alive)

    def _repeat(self, interval: float, function: Callable[[], None]) -> None:
        loop = LoopingCall(function)
        loop.clock = self._reactor
        self._loops.append(loop)
        loop.start(interval)

    def _alive(self) -> None:
        if not self._waiting:
            self._tell("WATCHDOG=1")

    def _extend(self) -> None:
        self._tell(f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1e6)}", self._line())

    def _tell_status(self) -> None:
        line = self._line()
        if line != self._said and not self._stopping:
            self._said = line
            self._tell(line)

    def _line(self) -> str:
        return "STATUS=" + "; ".join(filter(None, (self.where, self._status()))).replace("\n", " ")

    def _tell(self, *fields: str) -> None:
        self._waiting.append("\n".join(fields).encode("utf-8", "backslashreplace"))
        if len(self._waiting) == 1:
            self._send()

    def _send(self) -> None:
        while self._waiting and self._socket is not None and self._address is not None:
            try:
                self._socket.sendto(self._waiting[0], _socket_address(self._address))
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                    self._reactor.callLater(AGAIN, self._send)
                    return
                self._fail(error)
            self._waiting.popleft()

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            _log.warn("The service manager can't be told anything: {reason}.", reason=error.strerror)


def _socket_address(address: str) -> bytes:
    name = os.fsencode(address)
    return b"\0" + name[1:] if name.startswith(b"@") else name
