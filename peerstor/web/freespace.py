"""How much room the disks have, asked without ever waiting long for one that hangs."""

import os
from collections.abc import Mapping

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from peerstor.interfaces import IThreads
from peerstor.web.health import Pulse


@frozen
class Room:
    """What a file system has, bytes.

    :param size: of the whole of it.
    :param free: what this process may still write.
    """

    size: int
    free: int


class Disk:
    """One folder's file system, asked by one question at a time, whose answer holds for a second."""

    def __init__(self, path: bytes, *, threads: IThreads, clock: IReactorTime) -> None:
        """Know nothing yet."""
        self._path = path
        self._room: Room | None = None
        self._pulse = Pulse(look=self._look, threads=threads, clock=clock)

    async def room(self) -> Room | None:
        """Give its room; None where it doesn't tell within two seconds."""
        return self._room if await self._pulse.felt() else None

    def _look(self) -> None:
        found = os.statvfs(self._path)
        self._room = Room(found.f_frsize * found.f_blocks, found.f_frsize * found.f_bavail)


class Disks:
    """The file systems of several folders."""

    def __init__(self, folders: Mapping[str, bytes], *, threads: IThreads, clock: IReactorTime) -> None:
        """Know nothing yet.

        :param folders: their paths, by what people call them.
        """
        self._disks = {name: Disk(path, threads=threads, clock=clock) for name, path in folders.items()}

    async def rooms(self) -> dict[str, Room | None]:
        """Give the room of each, all asked at once."""
        asked = {name: Deferred.fromCoroutine(disk.room()) for name, disk in self._disks.items()}
        return {name: await room for name, room in asked.items()}
