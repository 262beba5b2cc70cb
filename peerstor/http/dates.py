"""The present moment as HTTP spells it, which is the same for a whole second."""

from collections.abc import Callable
from functools import lru_cache
from time import time

from twisted.web.http import datetimeToString


def http_now(now: Callable[[], float] = time) -> bytes:
    """Give the value of `Date` (RFC 9110, section 6.6.1).

    :param now: the time, seconds since the epoch.
    """
    return _spelled(int(now()))


@lru_cache(maxsize=2)
def _spelled(second: int) -> bytes:
    return bytes(datetimeToString(second))
