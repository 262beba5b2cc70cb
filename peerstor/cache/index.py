"""What is kept, by how long ago it was used, and how many bytes that takes."""

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock

from attrs import define

Mark = tuple[int, int, int, int]
"""What fstat told of an entry when it was found whole: inode, size, and its times in nanoseconds."""

_ROOM = 4096

MOST = 50_000
"""Entries that are kept at most, however small: each costs some 300 bytes of memory."""


def room(size: int) -> int:
    """Bytes that a file of `size` bytes takes on a disk."""
    return -(-size // _ROOM) * _ROOM


@define(eq=False)
class Known:
    """What is known of one entry.

    :ivar size: what it takes, bytes.
    :ivar used: when it was last used, seconds since the epoch, to the minute.
    :ivar mark: as it was when it was found whole; None while that hasn't been seen.
    """

    size: int
    used: float
    mark: Mark | None = None


class Index:
    """Counts entries, and bytes that are promised to some that are being written. For several threads.

    :ivar limit: what all together may take, bytes.
    """

    def __init__(self) -> None:
        """Know nothing, and allow nothing."""
        self.limit = 0
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._kept = 0
        self._promised = 0
        self._lock = Lock()

    @property
    def taken(self) -> int:
        """Bytes that are kept or promised."""
        return self._kept + self._promised

    @property
    def kept(self) -> int:
        """Bytes of whole entries."""
        return self._kept

    def __contains__(self, name: str) -> bool:
        """Tell whether there is such an entry; doesn't block."""
        return name in self._known

    def get(self, name: str) -> Known | None:
        """Look an entry up."""
        return self._known.get(name)

    def add(self, name: str, known: Known, *, promised: int = 0) -> None:
        """Take an entry in as the one last used; in place of an older one of this name.

        :param promised: bytes that were promised to it.
        """
        with self._lock:
            self._promised -= promised
            self._pop(name)
            self._known[name] = known
            self._kept += known.size

    def use(self, name: str) -> None:
        """Count an entry as the one last used."""
        with self._lock:
            if name in self._known:
                self._known.move_to_end(name)

    def drop(self, name: str) -> None:
        """Forget an entry; one that isn't there is none the less forgotten."""
        with self._lock:
            self._pop(name)

    def promise(self, size: int) -> list[str] | None:
        """Promise bytes to an entry that is being written.

        :return: the entries that have to go for it, already forgotten here; None where even all of them would not
            do, and then nothing is promised.
        """
        with self._lock:
            if self._promised + size > self.limit:
                return None
            self._promised += size
            return [*self._surplus()]

    def release(self, size: int) -> None:
        """Take a promise back, bytes."""
        with self._lock:
            self._promised -= size

    def surplus(self) -> list[str]:
        """Forget the entries that were used longest ago, until all is within the limit, and name them."""
        with self._lock:
            return [*self._surplus()]

    def oldest(self, before: float | None = None) -> str | None:
        """Forget the entry that was used longest ago, and name it.

        :param before: only if it wasn't used since then, seconds since the epoch.
        """
        with self._lock:
            name = next(iter(self._known), None)
            if name is None or (before is not None and self._known[name].used >= before):
                return None
            self._pop(name)
            return name

    def _surplus(self) -> Iterator[str]:
        while self._known and (self._kept + self._promised > self.limit or len(self._known) >= MOST):
            name = next(iter(self._known))
            self._pop(name)
            yield name

    def _pop(self, name: str) -> None:
        known = self._known.pop(name, None)
        if known is not None:
            self._kept -= known.size
