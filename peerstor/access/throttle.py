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
"""Sources of guesses that are remembered; beyond, the one that has been quiet longest is forgotten. As many that
have shown a right secret are."""

REPEATED = 8
"""The last wrong secrets of a source that are known again: a program that repeats an old one doesn't guess."""

HEARD = 1000
"""Different wrong secrets of one source beside which the server's own secrets are still looked at, right or wrong:
no neighbour's mistakes come to as many, and no secret of eight characters falls to as few."""

PROVED_FOR = 86400.0
"""Seconds for which whoever has shown a right secret is listened to whatever comes from their address."""


@define
class _Source:
    failures: int
    last: float
    waiting: int = 0
    deaf_until: float = 0.0
    guesses: int = 0
    wrong: tuple[int, ...] = ()

    def guessed(self, secret: bytes, until: float) -> None:
        """Be deaf for some time, unless the secret came a moment ago already."""
        known = hash(secret)  # under a key of this process
        if known not in self.wrong:
            self.guesses += 1
            self.wrong = (*self.wrong[-REPEATED + 1 :], known)
            self.deaf_until = max(self.deaf_until, until)


class Throttle:
    """Counts wrong secrets by where they come from and what they are for.

    A right secret never waits. So whoever doesn't wait for the answer either would know a wrong one by that, and
    could try thousands in a second: secrets that people choose are looked at only where `check` lets them pass. It
    does everywhere but where somebody goes on guessing, and there too for what has been right before.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Remember nothing.

        :param seconds: a clock.
        """
        self._seconds = seconds
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._proved: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._waiting = 0

    def check(self, address: str, account: str, *, heard: int = 0) -> None:
        """Let a secret that somebody chose be looked at, or not.

        :param address: whence it came.
        :param account: what it is to open.
        :param heard: how many guesses from there are no reason to refuse anything.
        :raise TooMany: there were more, and the answer to another wrong one from there would still wait,
            whether anybody waits for it or not. Right or wrong, this one is refused unheard.
        """
        now, name = self._seconds(), _names(address, ())[0]
        source = self._sources.get(name)
        if source is None or source.guesses <= heard or now >= source.deaf_until:
            return
        if now - self._proved.get((name, account), -PROVED_FOR) >= PROVED_FOR:
            raise TooMany(retry_after=int(SLOWEST))

    def proved(self, address: str, account: str) -> None:
        """Take note of a right secret that somebody chose."""
        key = _names(address, ())[0], account
        self._proved[key] = self._seconds()
        self._proved.move_to_end(key)
        if len(self._proved) > REMEMBERED:
            self._proved.popitem(last=False)

    def begin(self, address: str, accounts: Sequence[str] = (), *, secret: bytes = b"") -> float:
        """Take note of a wrong secret, and tell how long its answer is to wait; `end` follows when it is over.

        :param address: whence it came.
        :param accounts: what it was to open, where that is one thing of several.
        :param secret: the wrong one itself; nothing of it is kept that tells it.
        :return: seconds.
        :raise TooMany: as many answers wait as may, and `end` must not follow.
        """
        now = self._seconds()
        sources = [self._source(name, now) for name in _names(address, accounts)]
        if self._waiting >= WAITING_AT_MOST or sources[0].waiting >= WAITING_AT_MOST_FROM_ONE:
            sources[0].guessed(secret, now + SLOWEST)
            raise TooMany(retry_after=int(SLOWEST))
        for source in sources:
            source.failures += 1
            source.last = now
        sources[0].waiting += 1
        self._waiting += 1
        delay = max(_delay(source.failures) for source in sources)
        sources[0].guessed(secret, now + delay)
        return delay

    def end(self, address: str) -> None:
        """Take note that an answer no longer waits."""
        self._waiting -= 1
        name = _names(address, ())[0]
        if name in self._sources:
            self._sources[name].waiting -= 1

    def _source(self, name: str, now: float) -> _Source:
        source = self._sources.setdefault(name, _Source(0, now))
        if now - source.last > FORGOTTEN_AFTER:
            source.failures = source.guesses = 0
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
    return [f"from {network(address)}", *(f"for {account}" for account in accounts)]


def network(address: str) -> str:
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
