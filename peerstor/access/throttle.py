"""Slowing those down who guess secrets (`threats.md`, "timing, brute force")."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address

from attrs import define

from peerstor.errors import TooMany

FREE = 5
"""Wrong secrets that are answered at once: people mistype."""

SLOWEST = 4.0
"""Seconds that an answer waits at most: longer would keep connections open for nothing."""

FORGOTTEN_AFTER = 300.0
"""Seconds without a wrong secret after which nobody remembers the earlier ones."""

WAITING_AT_MOST = 100
WAITING_AT_MOST_FROM_ONE = 8
"""Answers that wait at once, over all and from one address; more guesses are refused unheard."""

REMEMBERED = 10_000
"""Sources of guesses that are remembered; beyond, the one that has been quiet longest is forgotten."""


@define
class _Source:
    failures: int
    last: float
    waiting: int = 0


class Throttle:
    """Counts wrong secrets by where they come from and what they are for.

    It never stands in the way of a right secret: it is asked only after one has proved wrong.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Remember nothing.

        :param seconds: a clock.
        """
        self._seconds = seconds
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._waiting = 0

    def begin(self, address: str, accounts: Sequence[str] = ()) -> float:
        """Take note of a wrong secret, and tell how long its answer is to wait; `end` follows when it is over.

        :param address: whence it came.
        :param accounts: what it was to open, where that is one thing of several.
        :return: seconds.
        :raise TooMany: as many answers wait as may; this one isn't noted, and `end` must not follow.
        """
        now = self._seconds()
        sources = [self._source(name, now) for name in _names(address, accounts)]
        if self._waiting >= WAITING_AT_MOST or sources[0].waiting >= WAITING_AT_MOST_FROM_ONE:
            raise TooMany(retry_after=int(SLOWEST))
        for source in sources:
            source.failures += 1
            source.last = now
        sources[0].waiting += 1
        self._waiting += 1
        return max(_delay(source.failures) for source in sources)

    def end(self, address: str) -> None:
        """Take note that an answer no longer waits."""
        self._waiting -= 1
        name = _names(address, ())[0]
        if name in self._sources:
            self._sources[name].waiting -= 1

    def _source(self, name: str, now: float) -> _Source:
        source = self._sources.setdefault(name, _Source(0, now))
        if now - source.last > FORGOTTEN_AFTER:
            source.failures = 0
        self._sources.move_to_end(name)
        if len(self._sources) > REMEMBERED:
            self._forget_one()
        return source

    def _forget_one(self) -> None:
        for name, source in self._sources.items():
            if not source.waiting:
                del self._sources[name]
                return


def _names(address: str, accounts: Sequence[str]) -> list[str]:
    return [f"from {_network(address)}", *(f"for {account}" for account in accounts)]


def _network(address: str) -> str:
    """Give what one customer has: an IPv4 address, or the /64 of an IPv6 one, within which they are free."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return found.exploded[:19]
    return address


def _delay(failures: int) -> float:
    return 0.0 if failures <= FREE else min(SLOWEST, 0.25 * 2.0 ** min(failures - FREE - 1, 10))
