"""What ends it that a request is answered as one before: the same for all ways of doing so."""

from collections.abc import Callable
from typing import Any

from attrs import evolve

from tests.web.house import Answer, House


class Ends:
    """Tests for a case of `RepeatingCase` that has these.

    :cvar some: three requests, of which each is answered as the one before.
    :cvar closed: a level of `--anonymous` at which none of them is.
    :ivar decided: sends requests one after the other; tells of each whether the ordinary way decided on it.
    :ivar last: the answer to the last of them.
    """

    some: tuple[str, str, str]
    closed: str
    last: Answer
    decided: Callable[..., list[bool]]
    build: Callable[[], House]
    assertEqual: Any

    def test_settings(self) -> None:
        """After a change of settings each is decided anew."""
        house = self.build()
        self.assertEqual(self.decided(house, *self.some[:2]), [True, False])
        house.live.change(evolve(house.live.now, anonymous=self.closed))
        self.assertEqual((self.decided(house, self.some[2]), self.last.status), ([True], 403))

    def test_tokens_not_looked_at(self) -> None:
        """Once nobody has looked for new tokens for half a second, the ordinary way does first."""
        house = self.build()
        self.decided(house, self.some[0])
        house.clock.advance(0.6)
        self.assertEqual(self.decided(house, *self.some[1:]), [True, False])

    def test_stopping(self) -> None:
        """While the server stops, the connection is closed behind the answer."""
        house = self.build()
        self.decided(house, self.some[0])
        house.site.stopping = True
        self.assertEqual(self.decided(house, self.some[1]), [False])
        self.assertEqual(self.last.headers["connection"], "close")
