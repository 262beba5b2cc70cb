"""Mutation of a corpus by a seeded generator: what runs where atheris isn't to be had."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from attrs import frozen

LARGEST = 4096
"""Bytes of one input: long enough for several requests, short enough for thousands of tries a second."""

INTERESTING = (b"\0", b"\r", b"\n", b"\r\n", b"\t", b" ", b"\x7f", b"\x80", b"\xff", b"-1", b"0", b"9" * 20, b"%")


@frozen
class Finding(Exception):
    """An input that breaks a rule.

    :param data: the input.
    :param error: what `check` raised.
    """

    data: bytes
    error: BaseException


class Mutator:
    """Makes new inputs of known ones: by bytes, by the target's words, and by joining two."""

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes], *, seed: int) -> None:
        self._seeds = list(seeds) or [b""]
        self._words = [*words, *INTERESTING]
        self._random = random.Random(seed)

    def make(self) -> bytes:
        """Give the next input."""
        data = bytearray(self._random.choice(self._seeds))
        for _ in range(self._random.choice((1, 1, 2, 3, 5, 8))):
            self._random.choice(self._ways)(self, data)
        return bytes(data[:LARGEST])

    def _place(self, data: bytearray) -> int:
        return self._random.randint(0, len(data))

    def _span(self, data: bytearray) -> slice:
        begin = self._place(data)
        return slice(begin, begin + self._random.choice((1, 1, 2, 4, 16, 64)))

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)

    def _insert(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = self._random.choice(self._words)

    def _replace(self, data: bytearray) -> None:
        data[self._span(data)] = self._random.choice(self._words)

    def _cut(self, data: bytearray) -> None:
        del data[self._span(data)]

    def _double(self, data: bytearray) -> None:
        piece, place = data[self._span(data)], self._place(data)
        data[place:place] = piece * self._random.choice((1, 2, 20))

    def _join(self, data: bytearray) -> None:
        other = self._random.choice(self._seeds)
        data[self._place(data) :] = other[self._random.randint(0, len(other)) :]

    _ways = (_flip, _insert, _insert, _replace, _replace, _cut, _double, _join)


def run(check: Callable[[bytes], None], mutator: Mutator, *, seconds: float) -> int:
    """Try inputs for so long.

    :return: how many were tried.
    :raise Finding: the first that breaks a rule.
    """
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutator.make()
        count += 1
        try:
            check(data)
        except Exception as error:
            raise Finding(data, error) from error
    return count
