"""How many uploads have come to what, as plain numbers that whoever wants to may read."""

from collections.abc import Iterator
from contextlib import contextmanager


class UploadCounts:
    """Numbers since the start of the process. Use it in the reactor's thread.

    :ivar begun: uploads of which a first byte was waited for, resumable ones and files sent at once.
    :ivar resumed: times that one went on after it was broken off: by its client, by a restart, by a long rest.
    :ivar finished: files that were published.
    :ivar abandoned: resumable uploads that their clients dropped.
    :ivar expired: resumable uploads that did not go on for too long.
    :ivar failed: files sent at once of which nothing is left, since they were cut off, refused or had no room.
    :ivar receiving: bodies that are being received now.
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self.begun = 0
        self.resumed = 0
        self.finished = 0
        self.abandoned = 0
        self.expired = 0
        self.failed = 0
        self.receiving = 0

    @contextmanager
    def reception(self) -> Iterator[None]:
        """Count a body as being received while the context is entered."""
        self.receiving += 1
        try:
            yield
        finally:
            self.receiving -= 1
