"""Slowing guesses down, and only those."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.throttle import (
    FORGOTTEN_AFTER,
    FREE,
    HEARD,
    PROVED_FOR,
    REMEMBERED,
    SLOWEST,
    WAITING_AT_MOST,
    WAITING_AT_MOST_FROM_ONE,
    Throttle,
)
from peerstor.errors import TooMany


class ThrottleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.throttle = Throttle(self.clock.seconds)

    def guess(self, address: str = "192.0.2.1", *accounts: str) -> float:
        """Guess once, and wait for the answer."""
        delay = self.throttle.begin(address, accounts)
        self.throttle.end(address)
        return delay

    def test_mistypes_cost_nothing_and_guesses_ever_more(self) -> None:
        """The first few wrong secrets are answered at once; each further one waits twice as long, up to a bound."""
        delays = [self.guess() for _ in range(FREE + 8)]
        self.assertEqual(delays[:FREE], [0.0] * FREE)
        self.assertEqual(delays[FREE : FREE + 4], [0.25, 0.5, 1.0, 2.0])
        self.assertEqual(delays[-1], SLOWEST)

    def test_others_are_not_slowed(self) -> None:
        """Whoever guesses elsewhere, or at something else, starts anew."""
        for _ in range(FREE + 5):
            self.guess("192.0.2.1", "a")
        self.assertEqual(self.guess("192.0.2.2", "b"), 0.0)
        self.assertGreater(self.guess("192.0.2.3", "a"), 0.0)

    def test_addresses_of_one_network(self) -> None:
        """All addresses of an IPv6 /64 are one guesser's."""
        for number in range(FREE):
            self.guess(f"2001:db8::{number + 1:x}")
        self.assertGreater(self.guess("2001:db8::ffff:1"), 0.0)
        self.assertEqual(self.guess("2001:db8:0:1::1"), 0.0)

    def test_forgotten(self) -> None:
        """Whoever has been quiet for long enough starts anew."""
        for _ in range(FREE + 5):
            self.guess()
        self.clock.advance(FORGOTTEN_AFTER + 1)
        self.assertEqual(self.guess(), 0.0)

    def test_waiting_from_one_address_is_bounded(self) -> None:
        """More than a few answers don't wait for one address, which is told when to come again."""
        for _ in range(WAITING_AT_MOST_FROM_ONE):
            self.throttle.begin("192.0.2.1")
        error = self.assertRaises(TooMany, self.throttle.begin, "192.0.2.1")
        self.assertGreaterEqual(error.retry_after, 1)
        self.throttle.begin("192.0.2.2")
        self.throttle.end("192.0.2.1")
        self.throttle.begin("192.0.2.1")

    def deaf(self, address: str = "192.0.2.1", account: str = "a") -> bool:
        """Tell whether what comes from there isn't even looked at."""
        try:
            self.throttle.check(address, account)
        except TooMany:
            return True
        return False

    def guess_anew(self, number: int, address: str = "192.0.2.1") -> None:
        """Try another secret, and leave without waiting for the answer; what isn't heard isn't tried."""
        if not self.deaf(address):
            self.throttle.begin(address, ("a",), secret=b"%d" % number)
            self.throttle.end(address)

    def test_guesser_who_does_not_wait(self) -> None:
        """Leaving before the answer gains nothing: nobody listens until its time, and then to one more guess."""
        for number in range(100):
            self.guess_anew(number)
        self.assertTrue(self.deaf())
        self.assertFalse(self.deaf("192.0.2.2"))
        heard = 0
        for number in range(1000):
            self.clock.advance(0.1)
            heard += not self.deaf()
            self.guess_anew(100 + number)
        self.assertLessEqual(heard, 5 + 100 / SLOWEST)

    def test_guesser_who_fills_the_places(self) -> None:
        """Nor does having as many answers wait as may, so that the next guess is refused at once."""
        for _ in range(WAITING_AT_MOST_FROM_ONE):
            self.throttle.begin("192.0.2.1", secret=b"always the same")
        self.assertRaises(TooMany, self.throttle.begin, "192.0.2.1", secret=b"another")
        self.assertTrue(self.deaf())

    def test_many_guesses_are_no_reason_yet(self) -> None:
        """A thousand wrong secrets from one address keep no right one of the server's own from being looked at."""
        for number in range(HEARD):
            self.throttle.begin("192.0.2.1", secret=b"%d" % number)
            self.throttle.end("192.0.2.1")
        self.throttle.check("192.0.2.1", "a", heard=HEARD)
        self.throttle.begin("192.0.2.1", secret=b"one more")
        self.assertRaises(TooMany, self.throttle.check, "192.0.2.1", "a", heard=HEARD)

    def test_old_secret_again_and_again(self) -> None:
        """A program that goes on with a secret that was right once keeps nobody beside it from being heard."""
        for _ in range(100):
            self.guess_anew(1)
        self.assertFalse(self.deaf())

    def test_proved(self) -> None:
        """What was right from an address goes on to be heard there, for that and for a day."""
        self.throttle.proved("192.0.2.1", "a")
        for number in range(100):
            self.throttle.begin("192.0.2.1", secret=b"%d" % number)
            self.throttle.end("192.0.2.1")
        self.assertEqual((self.deaf(), self.deaf(account="b")), (False, True))
        self.clock.advance(PROVED_FOR)
        self.throttle.begin("192.0.2.1", secret=b"x")
        self.assertFalse(self.deaf(account="b"))  # the guesser was quiet for long enough

    def test_proofs_are_bounded(self) -> None:
        """A crowd that comes with right secrets makes it forget the first of them."""
        for number in range(REMEMBERED + 50):
            self.throttle.proved(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "a")
        self.assertEqual(len(self.throttle._proved), REMEMBERED)

    def test_waiting_in_all_is_bounded(self) -> None:
        """Many addresses together hold no more than a bounded number of answers up."""
        for number in range(WAITING_AT_MOST):
            self.throttle.begin(f"198.51.{number // 250}.{number % 250}")
        self.assertRaises(TooMany, self.throttle.begin, "203.0.113.1")

    def test_memory_is_bounded(self) -> None:
        """A crowd of addresses makes it forget the quietest, and never one whose answer waits."""
        self.throttle.begin("192.0.2.1")
        for number in range(REMEMBERED + 50):
            self.guess(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        self.assertLessEqual(len(self.throttle._sources), REMEMBERED)
        self.throttle.end("192.0.2.1")
        self.assertEqual(self.throttle._waiting, 0)

    @given(st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "::1", "-", "unix"]), max_size=60))
    def test_every_begin_can_be_ended(self, addresses: list[str]) -> None:
        """However guesses and answers are mixed, nothing is left waiting."""
        throttle, begun = Throttle(Clock().seconds), []
        for address in addresses:
            try:
                throttle.begin(address)
            except TooMany:
                continue
            begun.append(address)
        for address in begun:
            throttle.end(address)
        self.assertEqual(throttle._waiting, 0)
        self.assertTrue(all(source.waiting == 0 for source in throttle._sources.values()))
