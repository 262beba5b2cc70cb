"""The settings that hold at this moment, and who wants to hear when they change."""

from collections.abc import Callable

from attrs import evolve, frozen
from twisted.logger import Logger

from peerstor.config.names import NAMED
from peerstor.settings import Settings

_log = Logger()


@frozen
class Changes:
    """What other settings came to.

    :param made: names of those that hold from now on.
    :param waiting: names of those that can only change when the server is started again.
    """

    made: tuple[str, ...]
    waiting: tuple[str, ...]


class LiveSettings:
    """Holds the settings. Use it in the reactor's thread.

    :ivar now: those that hold.
    """

    def __init__(self, settings: Settings) -> None:
        """Begin with the settings that the server was started with."""
        self.now = settings
        self._followers: list[Callable[[Settings], None]] = []

    def follow(self, take: Callable[[Settings], None]) -> None:
        """Have a part of the server told of later settings, whenever any has changed."""
        self._followers.append(take)

    def change(self, to: Settings) -> Changes:
        """Take other settings over, as far as a running server can.

        What is under way goes on as it began.
        """
        different = [named for named in NAMED if getattr(to, named.setting) != getattr(self.now, named.setting)]
        live = [named for named in different if named.option.live]
        if live:
            self.now = evolve(self.now, **{named.setting: getattr(to, named.setting) for named in live})
            for take in self._followers:
                try:
                    take(self.now)
                except Exception:
                    _log.failure("A part of the server could not take the new settings over")
        return Changes(
            tuple(named.key for named in live), tuple(named.key for named in different if not named.option.live)
        )
