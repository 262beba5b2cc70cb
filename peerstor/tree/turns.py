"""Turns at something that has a key: one thread at a time for each."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager

from attrs import define, field


@define(eq=False)
class _Turn:
    lock: threading.Lock = field(factory=threading.Lock)
    wanted_by: int = 0


class Turns:
    """A lock for each key, made when first wanted and gone when nobody wants it any more."""

    def __init__(self) -> None:
        self._all: dict[Hashable, _Turn] = {}
        self._guard = threading.Lock()

    @contextmanager
    def take(self, key: Hashable) -> Iterator[None]:
        """Wait for the turn at `key` and hold it for the length of a `with`. Blocks."""
        with self._guard:
            turn = self._all.setdefault(key, _Turn())
            turn.wanted_by += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._guard:
                turn.wanted_by -= 1
                if not turn.wanted_by:
                    del self._all[key]

    @contextmanager
    def take_all(self, *keys: tuple[int, ...]) -> Iterator[None]:
        """Hold the turns at several keys, taken in one order, so that nobody waits in a circle. Blocks."""
        with ExitStack() as held:
            for key in sorted(set(keys)):
                held.enter_context(self.take(key))
            yield
