"""What is read again when somebody sends SIGHUP, which never ends the process."""

import signal
from collections.abc import Awaitable, Callable, Sequence
from types import FrameType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

_log = Logger()


class Reloading:
    """Does what it was given at each SIGHUP, one after the other.

    :param reactor: provides `IReactorFromThreads`.
    :param actions: what to do; whatever one raises keeps no other from its turn.
    """

    def __init__(self, *, reactor: Any, actions: Sequence[Callable[[], Awaitable[None]]]) -> None:
        self._reactor = reactor
        self._actions = list(actions)
        self._before: Any = None
        self._running = False
        self._again = False

    def start(self) -> None:
        """Take the signal over."""
        self._before = signal.signal(signal.SIGHUP, self._caught)

    def stop(self) -> None:
        """Leave it to whoever had it before."""
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._before)
            self._before = None

    def reload(self) -> None:
        """Do it all, or once more when it is being done: what changed since it began counts too."""
        if self._running:
            self._again = True
            return
        self._running = True
        Deferred.fromCoroutine(self._run())

    def _caught(self, number: int, frame: FrameType | None) -> None:
        # Between any two steps of the program, where nothing but this may be done.
        self._reactor.callFromThread(self.reload)

    async def _run(self) -> None:
        _log.info("reading again what may have changed (SIGHUP)")
        for action in self._actions:
            try:
                await action()
            except Exception:
                _log.failure("Something could not be read again")
        self._running = False
        if self._again:
            self._again = False
            self.reload()
