"""Cutting the ids of share links out of what is logged: whoever has one can open it."""

import re

_ID = re.compile(
    rb"((?:^|/)(?:(?:-|%2d)/[/.]*(?:s|%73|shares|unlock)|api/+shares)(?:;[^/?#\s]*)?/[/.]*[^/?#\s]{8})[^/?#\s]+",
    re.IGNORECASE,
)
"""Also where an address was misspelled, by hand or by a program that joins it: it leads nowhere then, and its id
is right all the same."""


def without_ids(address: bytes) -> bytes:
    """Cut each id of a share in an address to its first eight characters: enough to know it by, not to open it.

    :param address: percent-encoded, with or without what stands before and behind its path.
    """
    return _ID.sub(rb"\1...", address)
