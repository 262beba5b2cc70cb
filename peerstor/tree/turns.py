"""Turns at something that has a key: one thread at a time for each."""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

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
        turn = self._want(key)
        try:
            with turn.lock:
                yield
        finally:
            self._unwant(key, turn)

    @contextmanager
    def take_all(self, *keys: tuple[int, ...]) -> Iterator["Held"]:
        """Hold the turns at several keys, taken in one order, so that nobody waits in a circle. Blocks.

        :return: these, to which more can be added.
        """
        held = Held(self._want, self._unwant)
        try:
            for key in sorted(set(keys)):
                held.take(key, wait=True)
            yield held
        finally:
            held.give_back()

    def _want(self, key: Hashable) -> _Turn:
        with self._guard:
            turn = self._all.setdefault(key, _Turn())
            turn.wanted_by += 1
            return turn

    def _unwant(self, key: Hashable, turn: _Turn) -> None:
        with self._guard:
            turn.wanted_by -= 1
            if not turn.wanted_by:
                del self._all[key]


class Held:
    """Turns that one thread holds, each once however often it is taken."""

    def __init__(self, want: Callable[[Hashable], _Turn], unwant: Callable[[Hashable, _Turn], None]) -> None:
        self._want = want
        self._unwant = unwant
        self._turns: dict[Hashable, _Turn] = {}

    def take(self, key: Hashable, *, wait: bool = False) -> bool:
        """Hold one more turn, and tell whether it could be had.

        :param wait: whether to wait for whoever has it. Who holds others may not, or two wait for each other.
        """
        if key in self._turns:
            return True
        turn = self._want(key)
        if not turn.lock.acquire(blocking=wait):
            self._unwant(key, turn)
            return False
        self._turns[key] = turn
        return True

    def give_back(self) -> None:
        """Hold none any more."""
        while self._turns:
            key, turn = self._turns.popitem()
            turn.lock.release()
            self._unwant(key, turn)
