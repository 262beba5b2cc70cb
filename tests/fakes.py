"""Stand-ins that tests share, each checked against the same contract as the real thing."""

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from zope.interface import implementer

from peerstor.interfaces import IAudit, IThreads


@implementer(IThreads)
class ImmediateThreads:
    """Runs each function at once, in the caller."""

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        return maybeDeferred(function, *args, **kwargs)


@implementer(IThreads)
class HeldThreads:
    """Keeps each function until the test lets it run."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred(lambda d: None)
        self.waiting.append((done, function, args, kwargs))
        return done

    def release(self, count: int = 1) -> None:
        """Run the oldest `count` functions and fire their Deferreds."""
        for _ in range(count):
            done, function, args, kwargs = self.waiting.pop(0)
            try:
                result = function(*args, **kwargs)
            except Exception:
                if not done.called:
                    done.errback(Failure())
            else:
                if not done.called:
                    done.callback(result)

    def release_all(self) -> None:
        """Run everything, including what that work asks for in turn."""
        while self.waiting:
            self.release()


@implementer(IAudit)
class KeptAudit:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.noted: list[dict[str, Any]] = []

    def note(self, event: str, *, principal: str, address: str | None, **details: Any) -> None:
        self.noted.append({"event": event, "principal": principal, "address": address, **details})


def roomy(fd: int) -> os.statvfs_result:
    """Tell, as `os.fstatvfs`, of a disk of 100 GB that is empty, whichever the tests run on."""
    blocks = 100 * 10**9 // 4096
    return os.statvfs_result((4096, 4096, blocks, blocks, blocks, 10**6, 10**6, 10**6, 0, 255))
