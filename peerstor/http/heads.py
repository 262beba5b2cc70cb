"""The fast lane of heads: one that comes whole is cut into its lines at once.

Twisted looks for the end of one line at a time, and keeps each header until it has seen that the next line doesn't
go on with it. Where the whole head is there, and no line of it goes on with another, that is known beforehand. The
lines themselves are checked by the very same code either way.
"""

AT_MOST = 8 * 1024
"""Bytes of a head that is cut at once. Twisted allows more in all, so none of its bounds can be met here."""


def lines_of(data: bytes) -> list[bytes] | None:
    """Give the lines of the head that bytes begin with, without the empty one that ends it.

    :return: None where the head isn't whole, is long, begins with an empty line, or has one that is folded
        (RFC 9112, section 5.2): that takes the ordinary way.
    """
    end = data.find(b"\r\n\r\n", 0, AT_MOST)
    if end <= 0 or data.startswith(b"\r\n"):
        return None
    lines = data[:end].split(b"\r\n")
    return None if any(line.startswith((b" ", b"\t")) for line in lines) else lines
