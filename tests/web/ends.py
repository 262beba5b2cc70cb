"""What ends it that a request is answered as one before: the same for all ways of doing so."""

from typing import Any

from attrs import evolve

from tests.web.house import Answer, House


class Ends:
    """Tests for a case of `RepeatingCase` that has these.

    :cvar some: three requests, of which each is answered as the one before.
    :cvar closed: a level of `--anonymous` at which none of them is.
    """

    some: tuple[str, str, str]
    closed: str
    build: Any
    assertEqual: Any

    def decided(self, house: House, *requests: str) -> list[bool]:
        """Send requests one after the other; tell of each whether the ordinary way decided on it."""
        raise NotImplementedError

    @property
    def last(self) -> Answer:
        """The answer to the last of them."""
        raise NotImplementedError

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
