"""The engine's own disk work, off the reactor's thread, its errors stated as faults."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from peerstor.errors import Fault, NoSpace, Overloaded, StorageUnavailable
from peerstor.interfaces import IThreads
from peerstor.tree.faults import fault_of

P = ParamSpec("P")
T = TypeVar("T")


def disk_fault(error: OSError, free: int | None = None) -> Fault:
    """State what an error of our own files means: unlike a client's names, an absent one is the storage's trouble.

    :param free: bytes left, where known.
    :return: NoSpace, Overloaded or StorageUnavailable.
    """
    fault = fault_of(error)
    if isinstance(fault, NoSpace):
        return NoSpace(free)
    return fault if isinstance(fault, Overloaded) else StorageUnavailable(str(error))


class Disk:
    """Runs blocking functions in the disk's threads."""

    def __init__(self, *, threads: IThreads) -> None:
        """Make one of a pool of threads."""
        self._threads = threads

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread and wait for it.

        :raise NoSpace, Overloaded, StorageUnavailable: where it raised OSError.
        """
        try:
            return await self._threads.run(function, *args, **kwargs)
        except OSError as error:
            raise disk_fault(error) from error

    async def fault_of_write(self, error: OSError, free: Callable[[], int]) -> Fault:
        """State what a failed write means; the disk that refused it may refuse to tell its room as well.

        :param free: asks, in a thread, for the bytes that are left.
        :return: as `disk_fault`.
        """
        fault = disk_fault(error)
        if not isinstance(fault, NoSpace):
            return fault
        try:
            return NoSpace(await self.run(free))
        except Fault:
            return fault
