"""A bounded pool of threads for what may block, with the reactor handed in."""

from collections.abc import Callable
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from peerstor.interfaces import IThreads

P = ParamSpec("P")
T = TypeVar("T")


class _Daemon(Thread):
    """A thread that doesn't keep a process alive which wants to end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "daemon": True})


class _DaemonPool(ThreadPool):
    threadFactory = _Daemon


@implementer(IThreads)
class Threads:
    """Runs functions in at most `size` threads of its own.

    Kinds of work that must not wait for each other (a slow upload disk, a listing) get a pool each.
    """

    def __init__(self, *, reactor: IReactorFromThreads, name: str, size: int) -> None:
        self._reactor = reactor
        self._pool = _DaemonPool(minthreads=0, maxthreads=size, name=name)

    def start(self) -> None:
        """Begin to take work; before this, work waits in the queue."""
        self._pool.start()

    def stop(self, patience: float) -> None:
        """Finish what was begun and end the threads.

        :param patience: seconds to wait for them; one that hangs in the disk is left behind, and as a daemon it
            doesn't keep the process.
        """
        stopping = Thread(target=self._pool.stop, daemon=True)
        stopping.start()
        stopping.join(patience)

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """See `IThreads`."""
        return deferToThreadPool(self._reactor, self._pool, function, *args, **kwargs)
