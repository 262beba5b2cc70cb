"""What stands before the first boundary of a form, and means nothing (RFC 2046, section 5.1.1)."""


class Preamble:
    """Drops the preamble, wherever the network cuts it.

    The parser takes a boundary in the middle of a line for the first one when the bytes before it came in an
    earlier piece, and else not.
    """

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"\r\n--" + boundary
        self._kept: bytes | None = b"\r\n"  # a boundary may stand at the very beginning

    def behind(self, data: bytes) -> bytes:
        """Give what of the next bytes belongs to the form, from the first boundary on."""
        if self._kept is None:
            return data
        data = self._kept + data
        place = data.find(self._mark)
        self._kept = data[1 - len(self._mark) :] if place < 0 else None
        return b"" if place < 0 else data[place + 2 :]
