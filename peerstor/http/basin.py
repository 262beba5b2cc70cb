"""The buffer into which the bodies of all connections are read."""

READ_AT_MOST = 1024 * 1024
"""Bytes of one read, where nobody else reads: more saves nothing, and a small request waits behind each."""

READ_AT_LEAST = 64 * 1024
"""Bytes of one read, however many bodies flow, and of the first: nobody knows yet how slow the disk is."""


class Basin:
    """The buffer of all connections of a site: whoever reads into it is done with it before the next one reads.

    :ivar bodies: how many flow into it at present.
    """

    def __init__(self) -> None:
        """Make one that takes no memory until it is used."""
        self.bodies = 0
        self._room: memoryview | None = None

    def room(self, size: int) -> memoryview:
        """Lend room for one read; what lies in it is gone with the next.

        :param size: bytes that are wanted; it may be less. When many bodies flow, each gets a smaller share, so
            that a round of them all doesn't take longer.
        """
        if self._room is None:
            self._room = memoryview(bytearray(READ_AT_MOST))
        share = max(READ_AT_LEAST, READ_AT_MOST // max(1, self.bodies))
        return self._room[: min(size, share)]
