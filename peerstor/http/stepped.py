"""Blocks that are made in threads, one step at a time, at the pace of whoever takes them."""

from collections.abc import Callable, Iterator
from typing import Protocol

from twisted.internet.defer import Deferred

from peerstor.http.blocks import Runs

GATHERED = 128 * 1024
"""Bytes that a step of `Gathered` gives at least. Each step costs a hop to a thread and back (some 0.1 ms), and a
client that reads slowly has one of them sent to it and another one made."""


class Steps(Protocol):
    """Work that gives bytes step by step. `step` and `close` block; they are called in threads, one at a time."""

    @property
    def ended(self) -> bool:
        """Whether the last bytes have been given; tells so in any thread."""

    def forget(self) -> None:
        """Let a step that is under way end soon; doesn't block, and may be called in any thread."""

    def step(self) -> bytes:
        """Give the next bytes, `b""` after the last."""

    def close(self) -> None:
        """Let go of everything; once more does nothing."""


class SteppedBlocks:
    """The bytes of some steps, in blocks (see `peerstor.http.blocks.BlockSource`).

    While one block is sent, the next is made, and then nothing more until that one is asked for: a slow reader
    keeps no thread.

    :param steps: what makes the blocks; closed here, in a thread.
    :param threads: where they are made, one at a time.
    """

    def __init__(self, steps: Steps, *, threads: Runs) -> None:
        self._steps = steps
        self._threads = threads
        self._ahead: Deferred[bytes] | None = None
        self._closed = False

    def next_block(self) -> bytes | Deferred[bytes]:
        """Return the next block; it fails with whatever the step raised."""
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            if self._steps.ended:
                return b""
            ahead = self._threads.run(self._steps.step)
        return ahead.addCallback(self._arrived)

    def close(self) -> None:
        """Forget what is left, when the step that is under way has ended."""
        self._closed = True
        self._steps.forget()
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.addBoth(lambda _: self._threads.run(self._steps.close))
        else:
            self._threads.run(self._steps.close)

    def _arrived(self, block: bytes) -> bytes:
        if not (self._closed or self._steps.ended):
            self._ahead = self._threads.run(self._steps.step)
        return block


class Gathered:
    """Steps that gather pieces of any size (see `Steps`).

    :param pieces: gives them, and may block; it is asked in threads.
    :param closing: lets go of what the pieces are made of, in a thread.
    """

    def __init__(self, pieces: Iterator[bytes], *, closing: Callable[[], None]) -> None:
        self._pieces = pieces
        self._closing: Callable[[], None] | None = closing
        self._wanted = True
        self._ended = False

    @property
    def ended(self) -> bool:
        """See `Steps`."""
        return self._ended

    def forget(self) -> None:
        """See `Steps`; what a piece is made of may take longer, and has to be told by its own means."""
        self._wanted = False

    def step(self) -> bytes:
        """See `Steps`."""
        gathered, length = [], 0
        while self._wanted and length < GATHERED:
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
                break
            gathered.append(piece)
            length += len(piece)
        return gathered[0] if len(gathered) == 1 else b"".join(gathered)

    def close(self) -> None:
        """See `Steps`."""
        closing, self._closing = self._closing, None
        self._pieces = iter(())
        if closing is not None:
            closing()
