"""The visits to shares that were counted as downloads, as long as they count for one."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

DAY = 86400.0
"""Seconds for which a visit that was counted may download on without being counted again."""

REMEMBERED = 50_000
"""Visits over all shares; beyond, the one that was counted longest ago is forgotten, and would count again."""


class Visits:
    """Remembers counted visits, within bounds."""

    def __init__(self, *, wall: Callable[[], float]) -> None:
        """Remember none.

        :param wall: the time, seconds since the epoch.
        """
        self._wall = wall
        self._counted: OrderedDict[tuple[str, bytes], float] = OrderedDict()

    def counted(self, share_id: str, visit: bytes) -> bool:
        """Tell whether a visit was counted within the last day."""
        at = self._counted.get((share_id, visit))
        return at is not None and self._wall() - at < DAY

    def note(self, share_id: str, visit: bytes, at: float) -> None:
        """Remember that a visit was counted.

        :param at: when, seconds since the epoch.
        """
        self._counted[share_id, visit] = max(at, self._counted.get((share_id, visit), at))
        self._counted.move_to_end((share_id, visit))
        while len(self._counted) > REMEMBERED:
            self._counted.popitem(last=False)

    def take(self, rows: Iterable[tuple[str, bytes, float]]) -> None:
        """Remember what was written before; what is known already is as new or newer."""
        for share_id, visit, at in rows:
            if (share_id, visit) not in self._counted and self._wall() - at < DAY:
                self.note(share_id, visit, at)
