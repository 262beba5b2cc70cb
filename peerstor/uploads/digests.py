"""What a client says that its bytes add up to, and the running digests that tell whether they do."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import field, frozen
from blake3 import blake3


class Running(Protocol):
    """A digest that takes bytes as they come."""

    @property
    def digest_size(self) -> int:
        """Bytes that the result has."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """Give the result."""


ALGORITHMS: Mapping[str, Callable[[], Running]] = {
    "sha-256": hashlib.sha256,
    "sha-512": hashlib.sha512,
    "blake3": blake3,
}
"""By the names that RFC 9530, section 7.2 has for them; BLAKE3, which has none there, is the one kept anyway."""


@frozen
class Digest:
    """What some bytes are said to add up to.

    :ivar algorithm: one of `ALGORITHMS`.
    :ivar value: as many bytes as that has.
    :raise ValueError: it is none of these, or the value has another length.
    """

    algorithm: str
    value: bytes = field()

    @value.validator
    def _check_length(self, _: object, value: bytes) -> None:
        if self.algorithm not in ALGORITHMS or len(value) != ALGORITHMS[self.algorithm]().digest_size:
            raise ValueError(f"no digest of {self.algorithm}")

    def __str__(self) -> str:
        """As `digest=` has it: the algorithm, a colon, hex."""
        return f"{self.algorithm}:{self.value.hex()}"


class Checks:
    """Runs over bytes, and tells whether they are what they were said to be."""

    def __init__(self, said: Sequence[Digest], *, beside: blake3 | None = None) -> None:
        """Begin.

        :param said: what was said; all of it has to be true.
        :param beside: a digest that is wanted for itself, and runs along.
        """
        self.beside = beside
        self._running: list[tuple[bytes, Running]] = [(one.value, ALGORITHMS[one.algorithm]()) for one in said]

    @property
    def idle(self) -> bool:
        """Whether nothing needs the bytes."""
        return not self._running and self.beside is None

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes. Blocks where they are many; call it in a thread."""
        for _, running in self._running:
            running.update(data)
        if self.beside is not None:
            self.beside.update(data)

    @property
    def hold(self) -> bool:
        """Whether all that was said is true of the bytes so far."""
        return all(running.digest() == value for value, running in self._running)
